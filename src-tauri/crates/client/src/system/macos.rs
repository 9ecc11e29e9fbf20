//! macOS: who owns a loopback listener.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

#[path = "unix.rs"]
mod unix;

pub(crate) use unix::*;

use crate::limited;
use crate::place::Os;
use crate::wire::Endpoint;

pub(crate) const OS: Os = Os::MacOs;

/// How many files may a process have open at most, by its hard limit? The kernel takes no more than
/// `OPEN_MAX`, also where that says "unlimited".
fn most_files(hard: Option<u64>) -> Option<u64> {
    const OPEN_MAX: u64 = 10_240;
    Some(hard.unwrap_or(OPEN_MAX).min(OPEN_MAX))
}

/// Another user may have taken the port since the agent died. There is no table to read; `lsof`
/// ends with 0 only where a process of the user listens there.
pub(crate) fn listener_is_ours(endpoint: &Endpoint) -> io::Result<bool> {
    let port = endpoint.port;
    let uid = uid().to_string();
    let mut lsof = Command::new("/usr/sbin/lsof");
    lsof.args(["-a", "-nP", "-t", "-u", &uid, "-sTCP:LISTEN", &format!("-iTCP@127.0.0.1:{port}")]);
    lsof.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(limited::status(&mut lsof, limited::SERVICE_LIMIT)?.success())
}

/// launchd starts only what is installed as a job; until then the agent gets a session of its own.
pub(crate) fn service_command(_program: &Path, _names: &[&str]) -> Option<Command> {
    None
}
