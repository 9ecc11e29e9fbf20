//! Linux: a StatusNotifierItem on the session bus, without GTK and without a window.

use std::sync::mpsc::Receiver;

use tray_icon::{Icon, TrayIcon};
use zbus::blocking::{Connection, fdo::DBusProxy};

use crate::picture::Theme;
use crate::show::{Failed, Host, OnAction, Tray};
use crate::view::View;

#[path = "linux_notices.rs"]
mod linux_notices;
pub(crate) use linux_notices::Notices;

pub(crate) fn set_icon(on: &TrayIcon, icon: Icon) -> tray_icon::Result<()> {
    on.set_icon(Some(icon))
}

const WATCHER: &str = "org.kde.StatusNotifierWatcher";

pub(crate) fn host() -> Host {
    let Ok(bus) = Connection::session() else { return Host::NoDesktop };
    let Ok(name) = WATCHER.try_into() else { return Host::Absent };
    match DBusProxy::new(&bus).and_then(|proxy| Ok(proxy.name_has_owner(name)?)) {
        Ok(true) => Host::Present,
        Ok(false)
            if std::env::var_os("DISPLAY").or(std::env::var_os("WAYLAND_DISPLAY")).is_none() =>
        {
            Host::NoDesktop
        }
        Ok(false) | Err(_) => Host::Absent,
    }
}

/// The bar is dark on most desktops, whatever the windows are; only one that prefers light says so.
pub(crate) fn theme() -> Theme {
    match color_scheme() {
        Some(2) => Theme::Light,
        Some(_) | None => Theme::Dark,
    }
}

/// `org.freedesktop.appearance color-scheme`: 0 no preference, 1 dark, 2 light.
fn color_scheme() -> Option<u32> {
    let bus = Connection::session().ok()?;
    let reply = bus.call_method(
        Some("org.freedesktop.portal.Desktop"),
        "/org/freedesktop/portal/desktop",
        Some("org.freedesktop.portal.Settings"),
        "ReadOne",
        &("org.freedesktop.appearance", "color-scheme"),
    );
    let value: zbus::zvariant::OwnedValue = reply.ok()?.body().deserialize().ok()?;
    u32::try_from(value).ok()
}

pub(crate) fn run(views: Receiver<View>, act: OnAction) -> Result<(), Failed> {
    let Ok(first) = views.recv() else { return Ok(()) };
    let mut tray = Tray::new(first, act)?;
    for view in views {
        tray.show(view)?;
    }
    Ok(())
}
