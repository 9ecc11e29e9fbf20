//! End to end: the real programs in a hermetic home, against providers on loopback. One file a
//! fact. Linux only: the keychain here is gnome-keyring under a private D-Bus.

#![cfg(target_os = "linux")]
#![cfg_attr(
    test,
    expect(dead_code, reason = "the tests that use the rest of the stage come with the agent")
)]

#[cfg(test)]
mod argv;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod guard;
#[cfg(test)]
mod http;
#[cfg(test)]
mod idp;
#[cfg(test)]
mod scan;
#[cfg(test)]
mod scan_finds_leaks;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod wait;
#[cfg(test)]
mod world;
