//! What differs by operating system: the local listener, who is at its other end, private files, the
//! end of a process, hardening. Same names on every system, one file each. Decides nothing: it
//! reports who a peer is, and the server closes on those that are not ours.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

mod facts;
mod lineage;
mod machine;
mod pages;
mod pin;

#[cfg(target_os = "linux")]
use linux as process;
#[cfg(target_os = "macos")]
use macos as process;
#[cfg(windows)]
use windows as process;

#[cfg(unix)]
use unix::files;
#[cfg(windows)]
use windows::files;

pub use lineage::unit;
#[cfg(target_os = "linux")]
pub use linux::listener_uid;
pub use machine::{MISSED, machine_file};
pub(crate) use pages::keep_secrets_in_memory;
pub use pin::{Pin, Watched, pin};
pub use process::{
    ended, executable, harden, listener_holder, machine_dir, owner_of, parent, process_alive,
    shielded, started_at, tcp_peer_processes, tcp_peer_uid,
};
#[cfg(unix)]
pub use unix::{
    LocalListener, LocalStream, identity_at, mark_at, mark_of, mounted_dir, open_record, own_uid,
    private_dir, read_private, sync_dir, told_to_end, write_mounted, write_passing, write_private,
};
#[cfg(windows)]
pub use windows::{
    LocalListener, LocalStream, identity_at, mark_at, mark_of, mounted_dir, open_record, own_sid,
    own_uid, private_dir, read_private, sync_dir, told_to_end, write_mounted, write_passing,
    write_private,
};

/// A far end that is gone without a word is noticed within two minutes of silence, not in two hours.
#[cfg(unix)]
pub fn notices_the_end(stream: &tokio::net::TcpStream) -> io::Result<()> {
    use rustix::net::sockopt::{
        set_socket_keepalive, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl,
    };
    set_tcp_keepidle(stream, Duration::from_secs(60))?;
    set_tcp_keepintvl(stream, Duration::from_secs(15))?;
    set_tcp_keepcnt(stream, 4)?;
    Ok(set_socket_keepalive(stream, true)?)
}

/// By the system's own times.
#[cfg(windows)]
pub fn notices_the_end(_stream: &tokio::net::TcpStream) -> io::Result<()> {
    Ok(())
}

/// Linux alone shows who takes connections at `place`.
#[cfg(not(target_os = "linux"))]
pub fn listener_uid(_place: std::net::SocketAddr) -> Option<u32> {
    None
}

/// A file as the system tells it from every other, and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileMark {
    /// Device and inode. Nothing on Windows, where nobody can take away a file that we hold open.
    pub id: (u64, u64),
    pub length: u64,
}

/// The process at the other end of a local connection, as the system tells it.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// `None` on Windows, where the pipe's access list lets nobody else in.
    pub uid: Option<u32>,
    pub pid: Option<u32>,
    /// The system's own start mark (ticks, seconds or FILETIME): tells a reused pid from the first.
    /// This and the executable are there once the peer was [examined](Self::examined).
    pub started_at: Option<u64>,
    pub executable: Option<PathBuf>,
    /// Where the system gives a handle of the process with the connection.
    pub watched: Option<Watched>,
}

impl Peer {
    /// Is it our own user? Root is not, unless the agent runs as root; neither is a peer that the
    /// system would not name.
    pub fn is_ours(&self) -> bool {
        self.uid == own_uid()
    }

    fn of(uid: Option<u32>, pid: Option<u32>) -> Self {
        Self { uid, pid, ..Self::default() }
    }

    /// Reads what the process is. Not within `accept`: the next caller waits for that one.
    #[must_use]
    pub fn examined(self) -> Self {
        Self {
            started_at: self.pid.and_then(started_at),
            executable: self.pid.and_then(executable),
            ..self
        }
    }
}

/// Leaves the file alone where it says that already and nobody else may read it.
pub fn settle_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if read_private(path).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    write_private(path, bytes)
}

/// Does a connection to our address `near` come from the network of that very interface? A machine
/// takes packets for any of its addresses on every interface, so a neighbour on the office network
/// could otherwise reach a bridge. Where the system does not say, any private address passes.
pub fn from_the_same_link(near: IpAddr, peer: IpAddr) -> bool {
    if near.is_loopback() || peer.is_loopback() {
        return near.is_loopback() && peer.is_loopback();
    }
    near == peer
        || process::on_link(near, peer).unwrap_or(match peer {
            IpAddr::V4(ip) => ip.is_private(),
            IpAddr::V6(ip) => ip.is_unique_local(),
        })
}

/// Who may have written a file, folders above it included?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writers {
    /// Whoever administers the machine.
    Root,
    /// Or the user the agent runs as.
    RootOrUs,
}

/// The text of a file that nobody but `writers` may have written. `None` where there is none; an error that
/// says so where somebody else may. Waits for no other program: what is no file is not opened.
pub fn read_of(writers: Writers, path: &Path) -> io::Result<Option<String>> {
    let Some(found) = leads_to(path)? else { return Ok(None) };
    let file = opened(path, &found)?;
    files::check_writers(writers, path, (&found, &file.metadata()?))?;
    text(path, file).map(Some)
}

/// May anybody make the folder of [`machine_dir`], where nobody has?
pub const ANYBODY_MAKES_MACHINE_DIR: bool = cfg!(windows);

/// Is this file of whoever administers the machine, as [`read_of`] has it?
pub fn is_root_s(path: &Path) -> bool {
    let closed = |found: PathBuf| {
        let metadata = std::fs::metadata(&found)?;
        files::check_writers(Writers::Root, path, (&found, &metadata))
    };
    std::fs::canonicalize(path).and_then(closed).is_ok()
}

/// The text of a file, whoever wrote it; otherwise as [`read_of`].
pub fn read_text(path: &Path) -> io::Result<Option<String>> {
    let Some(found) = leads_to(path)? else { return Ok(None) };
    text(path, opened(path, &found)?).map(Some)
}

/// `None` where nothing is there. A link that leads nowhere, or a folder that is one, is something.
fn leads_to(path: &Path) -> io::Result<Option<PathBuf>> {
    let error = match std::fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => error,
        found => return found.map(Some),
    };
    let stands = |above: &Path| std::fs::symlink_metadata(above).ok();
    match path.ancestors().find_map(stands) {
        Some(found) if found.is_symlink() => Err(error),
        Some(_) | None => Ok(None),
    }
}

fn opened(path: &Path, found: &Path) -> io::Result<std::fs::File> {
    let is_file = |found: &std::fs::Metadata| match found.is_file() {
        true => Ok(()),
        false => {
            let why = format!("{} is no file", path.display());
            Err(io::Error::new(io::ErrorKind::InvalidInput, why))
        }
    };
    is_file(&std::fs::metadata(found)?)?;
    let file = files::open_at_once(found)?;
    is_file(&file.metadata()?)?;
    Ok(file)
}

fn text(path: &Path, mut file: std::fs::File) -> io::Result<String> {
    use io::Read as _;
    let mut text = String::new();
    let read = file.by_ref().take(LONGEST_TEXT + 1).read_to_string(&mut text)? as u64;
    if read > LONGEST_TEXT {
        let why = format!("{} is longer than {LONGEST_TEXT} bytes", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(text)
}

/// Is this folder another user's, or one that anybody may put a file into, as the one for temporary files? Where
/// the system does not say, it is not.
pub fn is_anybodys(folder: &Path) -> bool {
    files::is_anybodys(folder)
}

/// How long is a file that others than us wrote read at most?
const LONGEST_TEXT: u64 = 1024 * 1024;

/// A disk takes milliseconds: whatever else is on this thread goes on on another meanwhile.
pub fn patiently<T>(wait: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(wait),
        Ok(_) | Err(_) => wait(),
    }
}

/// How long must what was written last?
#[derive(Clone, Copy, Debug)]
enum Lasting {
    PowerLoss,
    ThisRun,
}

/// How often is a process looked at where the system cannot tell of its end?
const POLL: Duration = Duration::from_millis(200);

async fn poll_until_ended(pid: u32, started_at: Option<u64>) {
    while process_alive(pid, started_at) {
        tokio::time::sleep(POLL).await;
    }
}

/// A folder below which nobody else may write, nor above: unlike the one for temporary files.
#[cfg(test)]
pub(crate) fn closed_folder() -> tempfile::TempDir {
    let home = directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
    let places = [home, std::env::current_dir().ok()].into_iter().flatten();
    let made = places.filter_map(|place| tempfile::Builder::new().tempdir_in(place).ok());
    let is_closed = |folder: &tempfile::TempDir| {
        let file = folder.path().join("file");
        write_private(&file, b"").unwrap();
        read_of(Writers::RootOrUs, &file).is_ok()
    };
    made.into_iter().find(is_closed).unwrap()
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
#[cfg(test)]
#[cfg(windows)]
mod windows_tests;
