//! Windows: session messages (lock, disconnect, another session at the console) to a hidden window of our own,
//! and the time of the last input.
#![expect(
    unsafe_code,
    reason = "a window's procedure and the system's calls take raw handles and pointers"
)]

use std::mem::size_of;
use std::ptr::{null, null_mut};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dagpass_core::logout::Signal;
use dagpass_core::time::Timestamp;
use windows_sys::Win32::Foundation::{HWND, LPARAM, LRESULT, WPARAM};
use windows_sys::Win32::System::LibraryLoader::GetModuleHandleW;
use windows_sys::Win32::System::RemoteDesktop::{
    NOTIFY_FOR_THIS_SESSION, WTS_CURRENT_SERVER_HANDLE, WTS_CURRENT_SESSION, WTS_SESSIONSTATE_LOCK,
    WTSFreeMemory, WTSINFOEXW, WTSQuerySessionInformationW, WTSRegisterSessionNotification,
    WTSSessionInfoEx,
};
use windows_sys::Win32::System::SystemInformation::GetTickCount;
use windows_sys::Win32::UI::Input::KeyboardAndMouse::{GetLastInputInfo, LASTINPUTINFO};
use windows_sys::Win32::UI::WindowsAndMessaging::{
    CreateWindowExW, DefWindowProcW, DestroyWindow, DispatchMessageW, GetMessageW, HWND_MESSAGE,
    MSG, RegisterClassW, SetTimer, WM_TIMER, WM_WTSSESSION_CHANGE, WNDCLASSW, WTS_CONSOLE_CONNECT,
    WTS_CONSOLE_DISCONNECT, WTS_REMOTE_CONNECT, WTS_REMOTE_DISCONNECT, WTS_SESSION_LOCK,
    WTS_SESSION_UNLOCK,
};

use super::{Heard, Tells};

/// By which the window is found.
const CLASS: &str = "dagpass-presence";
const TELLER: &str = "Windows";
/// How often is it looked when somebody last touched anything?
const TICK: Duration = Duration::from_secs(2);
/// When is it tried again to have a window?
const AGAIN: Duration = Duration::from_secs(5);
/// ERROR_CLASS_ALREADY_EXISTS: by the try before.
const THERE_ALREADY: i32 = 1410;

/// Whoever listens: a window's procedure carries nothing along.
static HEAR: OnceLock<Box<dyn Fn(Heard) + Send + Sync>> = OnceLock::new();

/// Every session has a window station to hear of; a service has none, and we are no service.
pub(super) fn look() -> Tells {
    let who = || Ok(TELLER.to_owned());
    let idle = last_input().map(|_| TELLER.to_owned());
    Tells { lock: who(), switch: who(), idle: idle.ok_or_else(no_input) }
}

fn no_input() -> String {
    "Windows does not tell when anything was last touched".to_owned()
}

pub(super) fn watch(hear: impl Fn(Heard) + Send + Sync + 'static) {
    if HEAR.set(Box::new(hear)).is_err() {
        return;
    }
    let thread = std::thread::Builder::new().name("presence".to_owned());
    if let Err(error) = thread.spawn(listen) {
        tell(Heard::Tells(Tells::nothing(&error.to_string())));
    }
}

fn tell(heard: Heard) {
    if let Some(hear) = HEAR.get() {
        hear(heard);
    }
}

/// Until the process ends.
fn listen() {
    let window = loop {
        match window() {
            Ok(window) => break window,
            // Without it nothing ticks: then idleness is not told either.
            Err(missing) => tell(Heard::Tells(Tells::nothing(&missing))),
        }
        std::thread::sleep(AGAIN);
    };
    tell_who_tells(window);
    pump();
}

/// A session that just begins may not tell of itself yet: it is asked again at each tick.
fn tell_who_tells(window: HWND) {
    let mut tells = look();
    if let Err(missing) = hears_of_session(window) {
        (tells.lock, tells.switch) = (Err(missing.clone()), Err(missing));
    }
    tell(Heard::Tells(tells));
}

fn hears_of_session(window: HWND) -> Result<(), String> {
    static HEARS: AtomicBool = AtomicBool::new(false);
    if HEARS.load(Ordering::Relaxed) {
        return Ok(());
    }
    // SAFETY: the window is of this thread, and lives as long as it does.
    if unsafe { WTSRegisterSessionNotification(window, NOTIFY_FOR_THIS_SESSION) } == 0 {
        return Err(failed("no session messages"));
    }
    HEARS.store(true, Ordering::Relaxed);
    if is_locked() == Some(true) {
        tell(Heard::Signal(Signal::IsLocked(true)));
    }
    Ok(())
}

/// As the session stands; `None` where the system does not say.
fn is_locked() -> Option<bool> {
    let (mut found, mut length) = (null_mut(), 0);
    // SAFETY: places for a pointer and a length; what is found is read within its length and given back once.
    unsafe {
        let asked = WTSQuerySessionInformationW(
            WTS_CURRENT_SERVER_HANDLE,
            WTS_CURRENT_SESSION,
            WTSSessionInfoEx,
            &raw mut found,
            &raw mut length,
        );
        if asked == 0 || found.is_null() {
            return None;
        }
        let whole = length as usize >= size_of::<WTSINFOEXW>();
        let info = whole.then(|| found.cast::<WTSINFOEXW>().read_unaligned());
        WTSFreeMemory(found.cast());
        let info = info.filter(|info| info.Level == 1)?;
        Some(info.Data.WTSInfoExLevel1.SessionFlags as u32 == WTS_SESSIONSTATE_LOCK)
    }
}

/// One for messages alone, which needs no screen, and that ticks.
fn window() -> Result<HWND, String> {
    let name: Vec<u16> = CLASS.encode_utf16().chain([0]).collect();
    // SAFETY: the module is our own program, which lives as long as we do.
    let module = unsafe { GetModuleHandleW(null()) };
    let class = WNDCLASSW {
        lpfnWndProc: Some(procedure),
        hInstance: module,
        lpszClassName: name.as_ptr(),
        style: 0,
        cbClsExtra: 0,
        cbWndExtra: 0,
        hIcon: null_mut(),
        hCursor: null_mut(),
        hbrBackground: null_mut(),
        lpszMenuName: null(),
    };
    // SAFETY: the class and the names it points to outlive the calls; the handles are of this thread.
    unsafe {
        if RegisterClassW(&raw const class) == 0
            && std::io::Error::last_os_error().raw_os_error() != Some(THERE_ALREADY)
        {
            return Err(failed("no window class"));
        }
        let window = CreateWindowExW(
            0,
            name.as_ptr(),
            name.as_ptr(),
            0,
            0,
            0,
            0,
            0,
            HWND_MESSAGE,
            null_mut(),
            module,
            null(),
        );
        if window.is_null() {
            return Err(failed("no window to hear by"));
        }
        if SetTimer(window, 1, TICK.as_millis() as u32, None) == 0 {
            let missing = failed("no timer");
            DestroyWindow(window);
            return Err(missing);
        }
        Ok(window)
    }
}

fn failed(what: &str) -> String {
    format!("{what} ({})", std::io::Error::last_os_error())
}

fn pump() {
    // SAFETY: a message is plain memory, for which all zeroes is a value; it outlives each call.
    unsafe {
        let mut message: MSG = std::mem::zeroed();
        while GetMessageW(&raw mut message, null_mut(), 0, 0) > 0 {
            DispatchMessageW(&raw const message);
        }
    }
}

unsafe extern "system" fn procedure(
    window: HWND,
    message: u32,
    what: WPARAM,
    more: LPARAM,
) -> LRESULT {
    match message {
        WM_WTSSESSION_CHANGE => {
            if let Some(signal) = told(what as u32) {
                tell(Heard::Signal(signal));
            }
            0
        }
        WM_TIMER => {
            tell_who_tells(window);
            if let Some(at) = last_input() {
                tell(Heard::Signal(Signal::Touched(at)));
            }
            0
        }
        // SAFETY: what the system sent to this very window is handed on as it came.
        _ => unsafe { DefWindowProcW(window, message, what, more) },
    }
}

fn told(what: u32) -> Option<Signal> {
    match what {
        WTS_SESSION_LOCK => Some(Signal::Locks),
        WTS_SESSION_UNLOCK => Some(Signal::IsLocked(false)),
        WTS_CONSOLE_DISCONNECT | WTS_REMOTE_DISCONNECT => Some(Signal::Switches),
        WTS_CONSOLE_CONNECT | WTS_REMOTE_CONNECT => Some(Signal::IsAway(false)),
        _ => None,
    }
}

/// Of this session, by the wall clock.
fn last_input() -> Option<Timestamp> {
    let mut info = LASTINPUTINFO { cbSize: size_of::<LASTINPUTINFO>() as u32, dwTime: 0 };
    // SAFETY: a place for one struct whose size it says.
    let now = unsafe {
        if GetLastInputInfo(&raw mut info) == 0 {
            return None;
        }
        GetTickCount()
    };
    // Both wrap after 49 days.
    let idle = Duration::from_millis(now.wrapping_sub(info.dwTime).into());
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
    let now = Timestamp::from_millis(i64::try_from(since.as_millis()).ok()?);
    Some(now.minus(idle))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Instant;

    use windows_sys::Win32::UI::WindowsAndMessaging::{FindWindowExW, PostMessageW};

    use super::*;

    /// As the system does it: by a message to the window.
    fn post(what: u32) {
        let class: Vec<u16> = CLASS.encode_utf16().chain([0]).collect();
        let began = Instant::now();
        loop {
            // SAFETY: the name is zero-ended, and a window that is none is refused.
            let posted = unsafe {
                let window = FindWindowExW(HWND_MESSAGE, null_mut(), class.as_ptr(), null());
                !window.is_null()
                    && PostMessageW(window, WM_WTSSESSION_CHANGE, what as usize, 0) != 0
            };
            if posted {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "no window");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_session_s_messages_are_heard_by_our_own_window() {
        let (tell, told) = mpsc::channel();
        let tell = std::sync::Mutex::new(tell);
        watch(move |heard| {
            if let Heard::Signal(signal) = heard
                && !matches!(signal, Signal::Touched(_))
            {
                tell.lock().unwrap().send(signal).unwrap();
            }
        });
        for (what, signal) in [
            (WTS_SESSION_LOCK, Signal::Locks),
            (WTS_SESSION_UNLOCK, Signal::IsLocked(false)),
            (WTS_CONSOLE_DISCONNECT, Signal::Switches),
            (WTS_REMOTE_CONNECT, Signal::IsAway(false)),
        ] {
            post(what);
            assert_eq!(told.recv_timeout(Duration::from_secs(30)), Ok(signal));
        }
    }
}
