//! How a program says that it draws for the screen it is on: without it Windows enlarges its menu as a picture,
//! and shows a light one on a dark desktop.

#![expect(unsafe_code, reason = "both are calls of the system, one of them by its number alone")]

use windows_sys::Wdk::System::SystemServices::RtlGetVersion;
use windows_sys::Win32::System::LibraryLoader::{
    GetProcAddress, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW,
};
use windows_sys::Win32::System::SystemInformation::OSVERSIONINFOW;
use windows_sys::Win32::UI::HiDpi::{
    DPI_AWARENESS_CONTEXT_PER_MONITOR_AWARE, DPI_AWARENESS_CONTEXT_PER_MONITOR_AWARE_V2,
    SetProcessDpiAwarenessContext,
};

use super::wide;

/// Since which build has Windows dark menus (10, version 1809)? Before it the numbers below mean something else.
const DARK_SINCE: u32 = 17763;
/// `SetPreferredAppMode` in uxtheme.dll, which has no name there; `AllowDarkModeForApp` until build 18362, to
/// which the same value says the same.
const PREFERRED_MODE: usize = 135;
/// Dark where the desktop is.
const ALLOW_DARK: i32 = 1;
/// `RefreshImmersiveColorPolicyState`, after which a menu that is made has those colours.
const REFRESH: usize = 104;

pub(crate) fn as_on_this_desktop() {
    // SAFETY: a constant is passed. The second is for a Windows 10 before its version 1703.
    let sharp = unsafe {
        SetProcessDpiAwarenessContext(DPI_AWARENESS_CONTEXT_PER_MONITOR_AWARE_V2) != 0
            || SetProcessDpiAwarenessContext(DPI_AWARENESS_CONTEXT_PER_MONITOR_AWARE) != 0
    };
    if !sharp {
        tracing::debug!("the menu is drawn for a screen of the usual density");
    }
    if build() >= DARK_SINCE {
        allow_dark_menus();
    }
}

fn build() -> u32 {
    let mut version = OSVERSIONINFOW {
        dwOSVersionInfoSize: u32::try_from(size_of::<OSVERSIONINFOW>()).unwrap_or_default(),
        ..OSVERSIONINFOW::default()
    };
    // SAFETY: the structure has the size that it names.
    if unsafe { RtlGetVersion(&raw mut version) } == 0 { version.dwBuildNumber } else { 0 }
}

fn allow_dark_menus() {
    let library = wide("uxtheme.dll");
    // SAFETY: the name ends with a zero; the library is Windows' own, and stays loaded. What has these numbers in
    // it takes these arguments in every build since `DARK_SINCE`.
    unsafe {
        let library =
            LoadLibraryExW(library.as_ptr(), std::ptr::null_mut(), LOAD_LIBRARY_SEARCH_SYSTEM32);
        if library.is_null() {
            return;
        }
        let numbered = |number| GetProcAddress(library, std::ptr::without_provenance(number));
        if let (Some(prefer), Some(refresh)) = (numbered(PREFERRED_MODE), numbered(REFRESH)) {
            let prefer: unsafe extern "system" fn(i32) -> i32 = std::mem::transmute(prefer);
            let refresh: unsafe extern "system" fn() = std::mem::transmute(refresh);
            prefer(ALLOW_DARK);
            refresh();
        }
    }
}
