//! Listens in the agent's stead: each connection becomes the input and output of a program of its own, so
//! that no byte of it comes by us. Decides how many there are at once; one that fails ends nothing else.

use std::ffi::{OsStr, OsString};
use std::fs::{Permissions, set_permissions};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

use dagpass_client::bind::{clear_stale, private_dir};

use crate::{output, system};

/// How many connections are carried at once? The next waits until one of them ends.
const CARRIED: usize = 64;
/// And how often is looked whether one has?
const LOOK: Duration = Duration::from_millis(20);

pub(super) fn listen(path: &Path) -> io::Result<UnixListener> {
    private_dir(path.parent().unwrap_or(Path::new("/")))?;
    clear_stale(path)?;
    let listener = UnixListener::bind(path)?;
    set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Comes back only where nobody can be listened to any more.
pub(super) fn carry_each(
    listener: &UnixListener,
    program: &OsStr,
    args: &[OsString],
) -> io::Result<()> {
    let mut carried = Vec::new();
    loop {
        match listener.accept().and_then(|(caller, _)| carry(caller, program, args)) {
            Ok(child) => carried.push(child),
            Err(error) if error.kind() == ErrorKind::InvalidInput => return Err(error),
            Err(error) => output::say(&format!("a connection was not carried: {error}")),
        }
        while at_work(&mut carried) >= CARRIED {
            sleep(LOOK);
        }
    }
}

fn carry(caller: UnixStream, program: &OsStr, args: &[OsString]) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.args(args).stdin(OwnedFd::from(caller.try_clone()?)).stdout(OwnedFd::from(caller));
    system::with_own_core(&mut command);
    command
        .spawn()
        .map_err(|error| io::Error::other(format!("{} does not start: {error}", program.display())))
}

/// How many have not ended; of those that have, the end is read.
fn at_work(carried: &mut Vec<Child>) -> usize {
    carried.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    carried.len()
}
