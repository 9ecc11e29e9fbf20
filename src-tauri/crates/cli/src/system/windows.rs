//! Windows: standing in for another program.
#![expect(unsafe_code, reason = "console signals are ignored through C")]

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitCode};

use windows_sys::Win32::System::Console::SetConsoleCtrlHandler;

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

/// The user's profile folder is closed to others by its inherited rights.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}
