//! End to end: the real programs in a hermetic home, against providers on loopback. One file a
//! fact. Linux only: the keychain here is gnome-keyring under a private D-Bus.

#![cfg_attr(
    all(test, target_os = "linux"),
    expect(dead_code, reason = "the tests that use the rest of the stage come with the agent")
)]

#[cfg(all(test, target_os = "linux"))]
mod argv;
#[cfg(all(test, target_os = "linux"))]
mod certificates;
#[cfg(all(test, target_os = "linux"))]
mod http;
#[cfg(all(test, target_os = "linux"))]
mod idp;
#[cfg(all(test, target_os = "linux"))]
mod scan;
#[cfg(all(test, target_os = "linux"))]
mod scan_finds_leaks;
#[cfg(all(test, target_os = "linux"))]
mod stage;
#[cfg(all(test, target_os = "linux"))]
mod wait;
#[cfg(all(test, target_os = "linux"))]
mod world;
