//! Linux and macOS: becoming another program, and standing in for one with its signals.
#![expect(unsafe_code, reason = "a signal handler runs between any two instructions")]

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::process::{Pid, Signal, kill_process};

/// Elsewhere containers run in a virtual machine, which shares files and no sockets.
pub(crate) const SHARES_SOCKETS: bool = cfg!(target_os = "linux");

/// Replaces this process; comes back only where that fails.
pub(crate) fn become_program(mut command: Command) -> io::Result<ExitCode> {
    Err(command.exec())
}

/// The child that signals are handed to; 0 once it has ended.
static CHILD: AtomicI32 = AtomicI32::new(0);

/// Waits for the child, hands it the signals that were sent to us alone, and ends as it does.
pub(crate) fn attend(mut child: Child) -> io::Result<ExitCode> {
    CHILD.store(i32::try_from(child.id()).unwrap_or(0), Ordering::SeqCst);
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT, Signal::USR1, Signal::USR2]
    {
        hand_on(signal)?;
    }
    let status = child.wait();
    CHILD.store(0, Ordering::SeqCst);
    let status = status?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    Ok(ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)))
}

fn hand_on(signal: Signal) -> io::Result<()> {
    // SAFETY: the action reads an atomic and makes one system call, both allowed in a handler.
    unsafe {
        signal_hook_registry::register_sigaction(signal.as_raw(), move |info| {
            // What the terminal sends by itself (Ctrl-C, hang-up) goes to the whole foreground
            // group: the child has it already.
            let from_terminal = info.si_code > 0;
            let child = Pid::from_raw(CHILD.load(Ordering::SeqCst));
            if let Some(child) = child.filter(|_| !from_terminal) {
                match kill_process(child, signal) {
                    // A child that has just ended needs no signal.
                    Ok(()) | Err(_) => {}
                }
            }
        })
    }?;
    Ok(())
}

/// Reads from the terminal without showing what is typed.
pub(crate) fn without_echo<T>(read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let stty = |argument: &str| Command::new("stty").arg(argument).stdin(Stdio::inherit()).status();
    stty("-echo")?;
    let line = read();
    stty("echo")?;
    line
}

/// A new file that only we can read.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// A new folder that only we can enter.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// For what is no secret and is mounted into a container, whose user has another number.
pub(crate) fn readable_by_all(path: &Path) -> io::Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(0o644))
}

/// Where a virtual environment has its interpreter.
pub(crate) const PYTHON_IN_ENVIRONMENT: &str = "bin/python";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_end_as_the_child_does_and_by_128_and_the_signal() {
        for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill $$", 143)]
        {
            let child = Command::new("sh").args(["-c", script]).spawn().unwrap();
            let ended = format!("{:?}", attend(child).unwrap());
            assert_eq!(ended, format!("{:?}", ExitCode::from(code)), "{script}");
        }
    }

    #[test]
    fn a_private_file_is_its_owners_alone_and_never_an_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        let file = create_private(&path).unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(create_private(&path).is_err());
    }
}
