//! Windows: the notification area, which needs a message loop on the program's first thread.

#![expect(unsafe_code, reason = "a value of the registry is a call of the system")]

use tray_icon::{Icon, TrayIcon};
use windows_sys::Win32::System::Registry::{HKEY_CURRENT_USER, RRF_RT_REG_DWORD, RegGetValueW};

use crate::picture::Theme;
use crate::show::Host;

#[path = "windows_loop.rs"]
mod windows_loop;
pub(crate) use windows_loop::run;

#[path = "windows_looks.rs"]
mod windows_looks;

#[path = "windows_notices.rs"]
mod windows_notices;
pub(crate) use windows_notices::Notices;

pub(crate) fn set_icon(on: &TrayIcon, icon: Icon) -> tray_icon::Result<()> {
    windows_notices::sit_at(on);
    on.set_icon(Some(icon))
}

pub(crate) fn host() -> Host {
    Host::Present
}

/// Where Windows keeps whether its taskbar is light.
const APPEARANCE: &str = r"Software\Microsoft\Windows\CurrentVersion\Themes\Personalize";
const TASKBAR_IS_LIGHT: &str = "SystemUsesLightTheme";

/// The taskbar is dark unless a person changed it.
pub(crate) fn theme() -> Theme {
    let (key, value) = (wide(APPEARANCE), wide(TASKBAR_IS_LIGHT));
    let mut light = 0_u32;
    let mut size = 4;
    // SAFETY: both names end with a zero, and the answer is at most the four bytes of `light`.
    let answer = unsafe {
        RegGetValueW(
            HKEY_CURRENT_USER,
            key.as_ptr(),
            value.as_ptr(),
            RRF_RT_REG_DWORD,
            std::ptr::null_mut(),
            (&raw mut light).cast(),
            &raw mut size,
        )
    };
    if answer == 0 && light == 1 { Theme::Light } else { Theme::Dark }
}

/// As Windows takes a text: with a zero at its end.
fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}
