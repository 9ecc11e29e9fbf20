//! Windows: standing in for another program.
#![expect(unsafe_code, reason = "console signals are ignored through C")]

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitCode};

use windows_sys::Win32::System::Console::SetConsoleCtrlHandler;

use crate::exit::Failure;

/// Runs `program run ARGS` in our place; there is no exec here.
pub(crate) fn become_program(program: &Path, args: &[OsString]) -> Result<ExitCode, Failure> {
    let failed =
        |error| Failure::new("io", format!("{} cannot be run", program.display())).because(error);
    let child = Command::new(program).arg("run").args(args).spawn().map_err(failed)?;
    attend(child).map_err(failed)
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
