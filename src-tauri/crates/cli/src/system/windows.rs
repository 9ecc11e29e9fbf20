//! Windows: standing in for another program.
#![expect(unsafe_code, reason = "console signals are ignored through C")]

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use windows_sys::Win32::System::Console::{
    ENABLE_ECHO_INPUT, GetConsoleMode, GetStdHandle, STD_INPUT_HANDLE, SetConsoleCtrlHandler,
    SetConsoleMode,
};
use windows_sys::core::BOOL;

use crate::world::Stop;

/// Containers run in a virtual machine, which shares files and no sockets.
pub(crate) const SHARES_SOCKETS: bool = false;

/// What ends the program that stands in our place.
static STOP: OnceLock<Stop> = OnceLock::new();

/// The system writes no core of its own accord: whoever wants dumps has said so in the registry.
pub(crate) fn leave_no_core() -> io::Result<()> {
    Ok(())
}

/// As it is.
pub(crate) fn with_own_core(_command: &mut Command) {}

/// What lost who started it is told by that here.
pub(crate) fn take_over_orphans() -> io::Result<()> {
    Ok(())
}

/// Runs the program in our place; there is no exec here. It has no console of its own: what it says comes
/// by us, and whatever ends us at the console asks it to end.
pub(crate) fn become_program(mut command: Command, stop: Stop) -> io::Result<ExitCode> {
    STOP.get_or_init(|| stop);
    // SAFETY: the handler reads what was set once.
    if unsafe { SetConsoleCtrlHandler(Some(ask_to_end), 1) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    let said = child.stderr.take();
    let listener =
        thread::spawn(move || said.map(|mut said| io::copy(&mut said, &mut io::stderr())));
    let ended = attend(child);
    // Its last words; a console that is gone has nobody to hear them.
    drop(listener.join());
    ended
}

/// The system runs it on a thread of its own, and ends us after it where a console is closed.
unsafe extern "system" fn ask_to_end(_event: u32) -> BOOL {
    if let Some(stop) = STOP.get() {
        stop();
    }
    1
}

/// Before a child is spawned: Ctrl-C reaches it by the console, so we only must outlive it. A handler,
/// as a child would inherit that we ignore it.
pub(crate) fn stand_by() -> io::Result<()> {
    // SAFETY: the handler touches nothing.
    if unsafe { SetConsoleCtrlHandler(Some(stay), 1) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

unsafe extern "system" fn stay(_event: u32) -> BOOL {
    1
}

/// Waits for the child and ends as it does.
pub(crate) fn attend(mut child: Child) -> io::Result<ExitCode> {
    let code = child.wait()?.code().unwrap_or(1);
    Ok(u8::try_from(code).map_or_else(|_| std::process::exit(code), ExitCode::from))
}

/// Set once the console tells us to end.
static ENDED: AtomicBool = AtomicBool::new(false);

/// From now on that ends nothing by itself.
pub(crate) fn told_to_end() -> io::Result<&'static AtomicBool> {
    // SAFETY: the handler writes an atomic.
    if unsafe { SetConsoleCtrlHandler(Some(note_end), 1) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(&ENDED)
}

unsafe extern "system" fn note_end(_event: u32) -> BOOL {
    ENDED.store(true, Ordering::SeqCst);
    1
}

/// A pipe tells its writer only when it writes.
pub(crate) fn stdout_is_unread() -> bool {
    false
}

/// How the console was before it hid what is typed.
static SHOWN: AtomicU32 = AtomicU32::new(0);

/// Reads from the console without showing what is typed. Whatever ends it, Ctrl-C too, the console shows
/// again.
pub(crate) fn without_echo<T>(read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let mut mode = 0;
    // SAFETY: a handle that is no console makes the calls fail and nothing else.
    let console = unsafe { GetStdHandle(STD_INPUT_HANDLE) };
    // SAFETY: as above; `mode` outlives the call.
    let known = unsafe { GetConsoleMode(console, &mut mode) } != 0;
    if known {
        SHOWN.store(mode, Ordering::SeqCst);
        // SAFETY: the handler sets the mode and leaves the event to the system.
        unsafe { SetConsoleCtrlHandler(Some(show_first), 1) };
        // SAFETY: as above.
        unsafe { SetConsoleMode(console, mode & !ENABLE_ECHO_INPUT) };
    }
    let line = read();
    if known {
        show();
        // SAFETY: as above.
        unsafe { SetConsoleCtrlHandler(Some(show_first), 0) };
    }
    line
}

unsafe extern "system" fn show_first(_event: u32) -> BOOL {
    show();
    0
}

fn show() {
    // SAFETY: a handle that is no console makes the calls fail and nothing else.
    unsafe { SetConsoleMode(GetStdHandle(STD_INPUT_HANDLE), SHOWN.load(Ordering::SeqCst)) };
}

/// Does the console obey colours? An older one has to be told to.
pub(crate) fn takes_colours() -> bool {
    let told = anstyle_query::windows::enable_ansi_colors();
    told.unwrap_or_else(anstyle_query::term_supports_ansi_color)
}

/// The user's profile folder is closed to others by its inherited rights.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// As [`create_private`], for a folder.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    std::fs::create_dir(path)
}

/// As [`create_private_dir`], made or found.
pub(crate) fn private_dir(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

/// A folder is no file there: the rename itself is written through by the file system's own log.
pub(crate) fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// What a virtual machine mounts is read as the user who mounts it.
pub(crate) fn readable_by_all(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Where a virtual environment has its interpreter.
pub(crate) const PYTHON_IN_ENVIRONMENT: &str = "Scripts/python.exe";
