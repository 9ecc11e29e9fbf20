//! The icon in the desktop's tray: what the agent's state looks like there, and what can be done
//! from its menu. A client of the local API; decides words and pictures, and every deed is the
//! agent's.
//!
//! 1. `view`: the agent's status as an icon, a tooltip and a menu, a pure function
//! 2. `picture`: the icon's states, in light and dark; `menu`: what an item means
//! 3. `requests`: who asked for a token last
//! 4. `attend`: follows the agent, and has it shown
//! 5. `alerts`: when a person is told what they did not ask for, a state machine; `notice`: the words
//! 6. `show`: puts it on the desktop; `desktop/` has what differs by system
//! 7. `deeds`: what a click does; `clipboard`

mod alerts;
mod attend;
mod clipboard;
mod deeds;
mod everywhere;
mod menu;
mod notice;
mod picture;
mod requests;
mod show;
mod view;

#[cfg_attr(target_os = "linux", path = "desktop/linux.rs")]
#[cfg_attr(target_os = "macos", path = "desktop/macos.rs")]
#[cfg_attr(windows, path = "desktop/windows.rs")]
mod desktop;

pub use alerts::Wishes;
pub use attend::attend;
pub use show::{Failed, Host, host};
