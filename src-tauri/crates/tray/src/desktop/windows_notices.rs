//! Notices at the icon: a balloon, which Windows shows as a toast since its tenth. It has no buttons; a
//! click on it is the notice's first choice. What answers a click is a message box instead, because it
//! has to stay until it was read.

#![expect(
    unsafe_code,
    reason = "the icon's window and its balloon are reached by calls of the system"
)]

use std::ffi::c_void;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tray_icon::TrayIcon;
use windows_sys::Win32::Foundation::{HWND, LPARAM, LRESULT, WPARAM};
use windows_sys::Win32::UI::Shell::{
    DefSubclassProc, NIF_INFO, NIIF_RESPECT_QUIET_TIME, NIM_MODIFY, NIN_BALLOONTIMEOUT,
    NIN_BALLOONUSERCLICK, NOTIFYICONDATAW, SetWindowSubclass, Shell_NotifyIconW,
};
use windows_sys::Win32::UI::WindowsAndMessaging::{MB_OK, MessageBoxW};

use super::wide;
use crate::attend::Told;
use crate::notice::{Answer, Key, Notice};

/// By which `tray-icon` is told what happens at its icon. It is not public there, nor is the icon's
/// number, which it counts up from one: the right one is that which Windows knows.
const HAPPENED: u32 = 6002;
const NUMBERS: std::ops::RangeInclusive<u32> = 1..=16;
/// Ours among those who listen at the icon's window.
const LISTENER: usize = 1;

/// The icon's window, once there is one.
static WINDOW: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
/// The balloon, and who hears what becomes of it. A window's procedure has no other place for it.
static SHOWN: Mutex<Option<(Notice, Sender<Told>)>> = Mutex::new(None);

/// Listens at the icon from now on. To be called on the thread of its window.
pub(crate) fn sit_at(icon: &TrayIcon) {
    let window = icon.window_handle();
    if WINDOW.swap(window, Ordering::AcqRel) == window {
        return;
    }
    // SAFETY: the window is alive as long as `icon` is, and `heard` keeps to what Windows asks of it.
    if unsafe { SetWindowSubclass(window, Some(heard), LISTENER, 0) } == 0 {
        tracing::warn!("a click on a notice will not be heard");
    }
}

#[derive(Debug)]
pub(crate) struct Notices {
    tell: Sender<Told>,
}

impl Notices {
    pub(crate) fn new(tell: Sender<Told>) -> Self {
        Self { tell }
    }

    pub(crate) fn show(&self, notice: &Notice) {
        let shown = match notice.key {
            Key::Word | Key::Code { .. } => message_box(notice),
            Key::SignIn { .. }
            | Key::Ends { .. }
            | Key::Config { .. }
            | Key::Logout { .. }
            | Key::Approval { .. }
            | Key::Found { .. } => self.balloon(notice),
        };
        if let Err(why) = shown {
            let (title, text) = (&notice.title, &notice.text);
            tracing::warn!(title, text, why, "not shown on the desktop");
        }
    }

    /// A message box is its reader's to close.
    pub(crate) fn withdraw(&self, key: &Key) {
        let mut shown = held();
        if shown.as_ref().is_some_and(|(notice, _)| notice.key == *key) {
            *shown = None;
            drop(shown);
            if let Err(error) = at_the_icon("", "") {
                tracing::debug!(error, "notice not withdrawn");
            }
        }
    }

    fn balloon(&self, notice: &Notice) -> Result<(), String> {
        let text = match notice.choices.first() {
            Some(choice) => format!("{}\nClick to {}.", notice.text, choice.label.to_lowercase()),
            None => notice.text.clone(),
        };
        // Before it is seen: its answer may come at once.
        *held() = Some((notice.clone(), self.tell.clone()));
        at_the_icon(&notice.title, &text).inspect_err(|_| *held() = None)
    }
}

fn held() -> MutexGuard<'static, Option<(Notice, Sender<Told>)>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Without a text there is none any more.
fn at_the_icon(title: &str, text: &str) -> Result<(), String> {
    let window = WINDOW.load(Ordering::Acquire);
    if window.is_null() {
        return Err("there is no icon".to_owned());
    }
    let balloon = NOTIFYICONDATAW {
        cbSize: u32::try_from(size_of::<NOTIFYICONDATAW>()).unwrap_or_default(),
        hWnd: window,
        uFlags: NIF_INFO,
        szInfoTitle: fitted(title),
        szInfo: fitted(text),
        dwInfoFlags: NIIF_RESPECT_QUIET_TIME,
        ..NOTIFYICONDATAW::default()
    };
    let taken = NUMBERS.into_iter().any(|number| {
        let balloon = NOTIFYICONDATAW { uID: number, ..balloon };
        // SAFETY: the structure has the size that it names, and its texts end with a zero.
        unsafe { Shell_NotifyIconW(NIM_MODIFY, &raw const balloon) != 0 }
    });
    if taken { Ok(()) } else { Err("the taskbar did not take it".to_owned()) }
}

/// As much of it as there is room for, whole characters, with a zero at its end.
fn fitted<const ROOM: usize>(text: &str) -> [u16; ROOM] {
    let mut wide = [0; ROOM];
    let mut end = 0;
    for character in text.chars() {
        let next = end + character.len_utf16();
        if next >= ROOM {
            break;
        }
        character.encode_utf16(&mut wide[end..next]);
        end = next;
    }
    wide
}

/// What happens at the icon's window; all of it goes on to whoever listened before.
unsafe extern "system" fn heard(
    window: HWND,
    message: u32,
    icon: WPARAM,
    what: LPARAM,
    _listener: usize,
    _data: usize,
) -> LRESULT {
    if message == HAPPENED {
        answer(u32::try_from(what & 0xFFFF).unwrap_or_default());
    }
    // SAFETY: the arguments are those this was called with.
    unsafe { DefSubclassProc(window, message, icon, what) }
}

fn answer(what: u32) {
    if !matches!(what, NIN_BALLOONUSERCLICK | NIN_BALLOONTIMEOUT) {
        return;
    }
    let Some((notice, tell)) = held().take() else { return };
    let choice = notice.choices.first().filter(|_| what == NIN_BALLOONUSERCLICK);
    let answer = match choice {
        Some(choice) => Answer::Chosen(notice.key, choice.action.clone()),
        None => Answer::Closed(notice.key),
    };
    if tell.send(Told::Answer(answer)).is_err() {
        tracing::debug!("the tray is ending");
    }
}

/// On a thread of its own, which waits for nobody.
fn message_box(notice: &Notice) -> Result<(), String> {
    let (text, title) = (wide(&format!("{}\n\n{}", notice.title, notice.text)), wide("dagpass"));
    let shown = std::thread::Builder::new().name("tray-notice".to_owned()).spawn(move || {
        // SAFETY: both texts end with a zero and outlive the call; no window owns the box.
        unsafe { MessageBoxW(std::ptr::null_mut(), text.as_ptr(), title.as_ptr(), MB_OK) }
    });
    shown.map(drop).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_a_whole_character() {
        let text =
            |wide: &[u16]| String::from_utf16(wide).unwrap().trim_end_matches('\0').to_owned();
        assert_eq!(text(&fitted::<8>("prod")), "prod");
        assert_eq!(text(&fitted::<5>("prod at nine")), "prod");
        assert_eq!(
            text(&fitted::<5>("pro\u{1F511}")),
            "pro",
            "a key is two units, and there is one"
        );
        assert_eq!(fitted::<3>("prod")[2], 0);
    }

    #[test]
    fn a_click_is_the_first_choice_and_an_end_without_one_closes() {
        use crate::menu::Action;
        use crate::notice::Choice;

        let (tell, told) = std::sync::mpsc::channel();
        let key = Key::Ends { profile: "prod".to_owned() };
        let choices = vec![Choice { label: "Pause", action: Action::Pause }];
        let notice = Notice { key: key.clone(), choices, ..Notice::word("ends", "soon") };
        let heard = || match told.try_recv() {
            Ok(Told::Answer(answer)) => Some(answer),
            _ => None,
        };
        for (what, expected) in [
            (NIN_BALLOONUSERCLICK, Answer::Chosen(key.clone(), Action::Pause)),
            (NIN_BALLOONTIMEOUT, Answer::Closed(key)),
        ] {
            *held() = Some((notice.clone(), tell.clone()));
            answer(0x0200);
            assert_eq!(heard(), None, "the pointer moved over it");
            answer(what);
            assert_eq!(heard(), Some(expected));
            answer(what);
            assert_eq!(heard(), None, "one answer a notice");
        }
    }
}
