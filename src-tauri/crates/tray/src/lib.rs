//! The icon in the desktop's tray: what the agent's state looks like there, and what can be done
//! from its menu. A client of the local API; decides words and pictures, and every deed is the
//! agent's.
//!
//! 1. `view`: the agent's status as an icon, a tooltip and a menu, a pure function
//! 2. `picture`: the icon's states, in light and dark; `menu`: what an item means
//! 3. `attend`: asks the agent how it is, and has it shown
//! 4. `show`: puts it on the desktop; `desktop/` has what differs by system
//! 5. `deeds`: what a click does; `clipboard`, `notice`

mod attend;
mod clipboard;
mod deeds;
mod menu;
mod notice;
mod picture;
mod show;
mod view;

#[cfg_attr(target_os = "linux", path = "desktop/linux.rs")]
#[cfg_attr(target_os = "macos", path = "desktop/macos.rs")]
#[cfg_attr(windows, path = "desktop/windows.rs")]
mod desktop;

pub use attend::attend;
pub use show::{Failed, Host, host};
