//! Windows' message loop: what happens at the icon is dispatched here. The views come to a window of the loop's
//! own, since a message to the thread alone is lost while a menu is open, which has a loop for itself.

#![expect(unsafe_code, reason = "a message loop and its window are calls of the system")]

use std::cell::RefCell;
use std::io;
use std::ptr::null_mut;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::Duration;

use windows_sys::Win32::Foundation::{HWND, LPARAM, LRESULT, WPARAM};
use windows_sys::Win32::UI::Shell::{DefSubclassProc, SetWindowSubclass};
use windows_sys::Win32::UI::WindowsAndMessaging::{
    CreateWindowExW, DestroyWindow, DispatchMessageW, GetMessageW, HWND_MESSAGE, MSG, PostMessageW,
    PostQuitMessage, TranslateMessage, WM_APP,
};

use super::{wide, windows_looks};
use crate::show::{Failed, OnAction, Tray};
use crate::view::View;

/// Says that there are views, or that there will be no more.
const LOOK: u32 = WM_APP;
/// A kind of window that every Windows has, so that none has to be registered.
const KIND: &str = "STATIC";
const LISTENER: usize = 1;
/// How often is the end told to a loop whose queue is full, and how soon again?
const LAST_WORDS: u32 = 600;
const AGAIN: Duration = Duration::from_millis(100);

thread_local! {
    /// What the loop's window shows. Its procedure has no other place for it.
    static STAGE: RefCell<Option<Stage>> = const { RefCell::new(None) };
}

struct Stage {
    views: Receiver<View>,
    act: Option<OnAction>,
    tray: Option<Tray>,
    ended: Result<(), Failed>,
}

pub(crate) fn run(views: Receiver<View>, act: OnAction) -> Result<(), Failed> {
    windows_looks::as_on_this_desktop();
    let (pass, passed) = mpsc::channel();
    STAGE.set(Some(Stage { views: passed, act: Some(act), tray: None, ended: Ok(()) }));
    let window = window().map_err(Failed::Loop)?;
    let number = window.expose_provenance();
    let thread = std::thread::Builder::new().name("tray-views".to_owned());
    let passing = thread.spawn(move || {
        let window = std::ptr::with_exposed_provenance_mut(number);
        for view in views {
            if pass.send(view).is_err() {
                return;
            }
            // One that is not told of is found with the next.
            woken(window);
        }
        // The window is to find that this was the last.
        drop(pass);
        for _ in 0..LAST_WORDS {
            if woken(window) {
                return;
            }
            std::thread::sleep(AGAIN);
        }
    });
    let ended = passing.map_err(Failed::Thread).and_then(|_| pump().map_err(Failed::Loop));
    // SAFETY: the window is this thread's, and is named no more.
    unsafe { DestroyWindow(window) };
    // The icon goes on the thread that made it.
    let shown = STAGE.take().map_or(Ok(()), |stage| stage.ended);
    ended.and(shown)
}

/// One that nobody sees, and that listens.
fn window() -> io::Result<HWND> {
    let (kind, nothing) = (wide(KIND), null_mut());
    // SAFETY: the kind's name ends with a zero and outlives the call; what else may be absent is.
    let window = unsafe {
        CreateWindowExW(
            0,
            kind.as_ptr(),
            std::ptr::null(),
            0,
            0,
            0,
            0,
            0,
            HWND_MESSAGE,
            nothing,
            nothing,
            std::ptr::null(),
        )
    };
    // SAFETY: the window was just made by this thread, and `heard` keeps to what Windows asks of it.
    if window.is_null() || unsafe { SetWindowSubclass(window, Some(heard), LISTENER, 0) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(window)
}

/// Whether the loop's window could be told to look.
fn woken(window: HWND) -> bool {
    // SAFETY: nothing is passed but numbers, and a window that is gone takes none.
    let told = unsafe { PostMessageW(window, LOOK, 0, 0) } != 0;
    if !told {
        tracing::warn!(error = %io::Error::last_os_error(), "the icon is not told of a change");
    }
    told
}

/// Until the stage has ended.
fn pump() -> io::Result<()> {
    let mut message = MSG::default();
    loop {
        // SAFETY: `message` is a structure of the kind that is asked for, and dispatched as it was filled.
        match unsafe { GetMessageW(&raw mut message, null_mut(), 0, 0) } {
            0 => return Ok(()),
            -1 => return Err(io::Error::last_os_error()),
            _ => unsafe {
                TranslateMessage(&raw const message);
                DispatchMessageW(&raw const message);
            },
        }
    }
}

unsafe extern "system" fn heard(
    window: HWND,
    message: u32,
    first: WPARAM,
    second: LPARAM,
    _listener: usize,
    _data: usize,
) -> LRESULT {
    if message == LOOK {
        STAGE.with(|stage| {
            // One that is just being shown is looked past again before it is done.
            let Ok(mut stage) = stage.try_borrow_mut() else { return };
            if stage.as_mut().is_some_and(|stage| stage.over()) {
                // SAFETY: a number alone is passed.
                unsafe { PostQuitMessage(0) };
            }
        });
    }
    // SAFETY: the arguments are those this was called with.
    unsafe { DefSubclassProc(window, message, first, second) }
}

impl Stage {
    /// Shows all that came; whether there is nothing more to show.
    fn over(&mut self) -> bool {
        loop {
            let view = match self.views.try_recv() {
                Ok(view) => view,
                Err(TryRecvError::Empty) => return false,
                Err(TryRecvError::Disconnected) => return true,
            };
            if let Err(failed) = self.show(view) {
                self.ended = Err(failed);
                return true;
            }
        }
    }

    fn show(&mut self, view: View) -> Result<(), Failed> {
        match (&mut self.tray, self.act.take()) {
            (Some(tray), _) => tray.show(view),
            (None, Some(act)) => Tray::new(view, act).map(|made| self.tray = Some(made)),
            (None, None) => Ok(()),
        }
    }
}
