//! macOS: the menu bar, which needs the application's event loop on the program's first thread.

use tray_icon::{Icon, TrayIcon};

use crate::picture::Theme;
use crate::show::Host;

#[path = "macos_loop.rs"]
mod macos_loop;
pub(crate) use macos_loop::run;

#[path = "macos_notices.rs"]
mod macos_notices;
pub(crate) use macos_notices::Notices;

/// The menu bar takes the shape and colours it by itself.
pub(crate) fn set_icon(on: &TrayIcon, icon: Icon) -> tray_icon::Result<()> {
    on.set_icon_templated(Some(icon))
}

pub(crate) fn host() -> Host {
    Host::Present
}

pub(crate) fn theme() -> Theme {
    Theme::Light
}
