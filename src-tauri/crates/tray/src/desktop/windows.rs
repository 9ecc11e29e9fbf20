//! Windows: the notification area, which needs a message loop on the program's first thread.

#![expect(
    unsafe_code,
    reason = "a message box and a value of the registry are calls of the system"
)]

use tray_icon::{Icon, TrayIcon};
use windows_sys::Win32::System::Registry::{HKEY_CURRENT_USER, RRF_RT_REG_DWORD, RegGetValueW};
use windows_sys::Win32::UI::WindowsAndMessaging::{MB_OK, MessageBoxW};

use crate::picture::Theme;
use crate::show::Host;

#[path = "event_loop.rs"]
mod event_loop;
pub(crate) use event_loop::run;

#[path = "told.rs"]
mod told;
pub(crate) use told::Notices;

pub(crate) fn set_icon(on: &TrayIcon, icon: Icon) -> tray_icon::Result<()> {
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
    let wide = |text: &str| text.encode_utf16().chain([0]).collect::<Vec<u16>>();
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

/// A message box on a thread of its own, which waits for nobody; only where somebody clicked, because
/// it takes the keyboard. The icon shows the rest.
pub(crate) fn notify(what: &str, more: &str, asked_for: bool) -> Result<(), String> {
    if !asked_for {
        return Err("nobody clicked".to_owned());
    }
    let wide = |text: &str| text.encode_utf16().chain([0]).collect::<Vec<u16>>();
    let (text, title) = (wide(&format!("{what}\n\n{more}")), wide("dagpass"));
    let shown = std::thread::Builder::new().name("tray-notice".to_owned()).spawn(move || {
        // SAFETY: both texts end with a zero and outlive the call; no window owns the box.
        unsafe { MessageBoxW(std::ptr::null_mut(), text.as_ptr(), title.as_ptr(), MB_OK) }
    });
    shown.map(drop).map_err(|error| error.to_string())
}
