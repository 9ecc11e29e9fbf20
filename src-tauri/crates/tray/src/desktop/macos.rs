//! macOS: the menu bar, which needs the application's event loop on the program's first thread.

use tray_icon::{Icon, TrayIcon};

use crate::picture::Theme;
use crate::show::Host;

#[path = "event_loop.rs"]
mod event_loop;
pub(crate) use event_loop::run;

#[path = "told.rs"]
mod told;
pub(crate) use told::Notices;

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

/// By the script runner that every macOS has; the texts go in as arguments, never as script.
pub(crate) fn notify(what: &str, more: &str, _asked_for: bool) -> Result<(), String> {
    const SCRIPT: &str = "on run {what, more}\ndisplay notification more with title \"dagpass\" subtitle what\nend run";
    let told =
        std::process::Command::new("/usr/bin/osascript").args(["-e", SCRIPT, what, more]).status();
    match told {
        Ok(ended) if ended.success() => Ok(()),
        Ok(ended) => Err(ended.to_string()),
        Err(error) => Err(error.to_string()),
    }
}
