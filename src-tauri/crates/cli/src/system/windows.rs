//! Windows: standing in for another program.
#![expect(unsafe_code, reason = "console signals are ignored through C")]

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitCode};

use windows_sys::Win32::System::Console::{
    ENABLE_ECHO_INPUT, GetConsoleMode, GetStdHandle, STD_INPUT_HANDLE, SetConsoleCtrlHandler,
    SetConsoleMode,
};

/// Containers run in a virtual machine, which shares files and no sockets.
pub(crate) const SHARES_SOCKETS: bool = false;

/// Runs the program in our place; there is no exec here.
pub(crate) fn become_program(mut command: Command) -> io::Result<ExitCode> {
    attend(command.spawn()?)
}

/// Waits for the child and ends as it does. Ctrl-C reaches the child by the console, so we only
/// must outlive it.
pub(crate) fn attend(mut child: Child) -> io::Result<ExitCode> {
    // SAFETY: no handler is given; it tells the system that we ignore Ctrl-C.
    if unsafe { SetConsoleCtrlHandler(None, 1) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let code = child.wait()?.code().unwrap_or(1);
    Ok(u8::try_from(code).map_or_else(|_| std::process::exit(code), ExitCode::from))
}

/// Reads from the console without showing what is typed.
pub(crate) fn without_echo<T>(read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let mut mode = 0;
    // SAFETY: a handle that is no console makes the calls fail and nothing else.
    let console = unsafe { GetStdHandle(STD_INPUT_HANDLE) };
    // SAFETY: as above; `mode` outlives the call.
    let known = unsafe { GetConsoleMode(console, &mut mode) } != 0;
    if known {
        // SAFETY: as above.
        unsafe { SetConsoleMode(console, mode & !ENABLE_ECHO_INPUT) };
    }
    let line = read();
    if known {
        // SAFETY: as above.
        unsafe { SetConsoleMode(console, mode) };
    }
    line
}

/// The user's profile folder is closed to others by its inherited rights.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// As [`create_private`], for a folder.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    std::fs::create_dir(path)
}

/// What a virtual machine mounts is read as the user who mounts it.
pub(crate) fn readable_by_all(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Where a virtual environment has its interpreter.
pub(crate) const PYTHON_IN_ENVIRONMENT: &str = "Scripts/python.exe";
