//! The window on a screen that nobody sees: the real panel, driven by WebKitWebDriver, with the real
//! agent and the independent provider, under a private X server and bus. Run by `cargo task desktop`,
//! one test at a time; pictures go to `target/desktop`.

#![cfg(target_os = "linux")]

#[cfg(test)]
#[path = "../e2e/argv.rs"]
mod argv;
#[cfg(test)]
#[path = "../e2e/certificates.rs"]
#[expect(dead_code, reason = "the rest is for the end-to-end tests")]
mod certificates;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod driver;
#[cfg(test)]
mod figures;
#[cfg(test)]
#[path = "../e2e/http.rs"]
mod http;
#[cfg(test)]
#[path = "../e2e/idp.rs"]
#[expect(dead_code, reason = "the rest is for the end-to-end tests")]
mod idp;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod missed;
#[cfg(test)]
mod newcomer;
#[cfg(test)]
mod no_way_out;
#[cfg(test)]
mod pictures;
#[cfg(test)]
mod recorder;
#[cfg(test)]
#[path = "../e2e/scan.rs"]
mod scan;
#[cfg(test)]
#[path = "../e2e/scene.rs"]
#[expect(dead_code, reason = "the rest is for the end-to-end tests")]
mod scene;
#[cfg(test)]
mod screen;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod single;
#[cfg(test)]
#[path = "../e2e/wait.rs"]
mod wait;
#[cfg(test)]
#[path = "../e2e/watcher.rs"]
#[expect(dead_code, reason = "the rest is for the end-to-end tests")]
mod watcher;
#[cfg(test)]
mod wayland;
#[cfg(test)]
#[path = "../e2e/world/mod.rs"]
#[expect(dead_code, reason = "the rest is for the end-to-end tests")]
mod world;
