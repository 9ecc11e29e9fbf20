//! What Linux and macOS share: facts, the socket, and how a daemon leaves its parent. Never decides
//! which place is used.
#![expect(
    unsafe_code,
    reason = "`setsid`, closing inherited files and limits belong between fork and exec"
)]

use std::fs::{File, OpenOptions};
use std::io::{self, Error, ErrorKind, Read};
use std::net::Shutdown;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::io::FdFlags;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{OS, most_files};
use crate::endpoint::{Both, Outgoing, Stream};
use crate::owner::belongs;
use crate::place::{self, Facts, Os, Place};

/// How many inherited files are looked at, where the system allows millions.
const FILES_CHECKED: u64 = 65_536;

pub(crate) fn facts() -> Facts {
    let uid = uid();
    let run_user = std::fs::metadata(format!("/run/user/{uid}"));
    Facts {
        uid,
        hostname: hostname(),
        run_user_dir_ours: run_user.is_ok_and(|folder| folder.is_dir() && folder.uid() == uid),
        home: directories::BaseDirs::new()
            .and_then(|dirs| Some(dirs.home_dir().to_str()?.to_owned())),
        sid: String::new(),
    }
}

pub(crate) fn own_uid() -> Option<u32> {
    Some(uid())
}

/// Whose it is; of a link itself unless it is to be followed.
pub(crate) fn owner(path: &Path, follow: bool) -> io::Result<Option<u32>> {
    let look = if follow { std::fs::metadata } else { std::fs::symlink_metadata };
    look(path).map(|found| Some(found.uid()))
}

/// By the local user database alone: a directory server may be slow, and the number does as well.
pub(crate) fn user_name(uid: u32) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

pub(super) fn uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Linux only: on macOS a home is one machine's.
pub(crate) fn hostname() -> String {
    match OS {
        Os::Linux => std::fs::read_to_string("/proc/sys/kernel/hostname")
            .unwrap_or_default()
            .trim_end()
            .to_owned(),
        Os::MacOs | Os::Windows => String::new(),
    }
}

/// Why the socket may be somebody else's, if so. An error where there is nothing.
pub(crate) fn distrust(place: &Place) -> io::Result<Option<String>> {
    let Place::Socket(path) = place else { return Err(ErrorKind::NotFound.into()) };
    let socket = std::fs::symlink_metadata(path)?;
    let folder = std::fs::metadata(path.parent().unwrap_or(Path::new("/")))?;
    // Mounted by root or by the engine: inside a container its owner has another number than we.
    let mounted = place::mounted_capability(place).is_some();
    Ok(if !socket.file_type().is_socket() {
        Some("it is no socket".to_owned())
    } else if mounted && folder.mode() & 0o022 == 0 && folder.uid() == socket.uid() {
        None
    } else if socket.uid() != uid() {
        Some(belongs(path, socket.uid()))
    } else if folder.uid() != uid() {
        Some(belongs(path.parent().unwrap_or(path), folder.uid()))
    } else if folder.mode() & 0o022 != 0 {
        Some(format!("others may write to its folder (mode {:o})", folder.mode() & 0o7777))
    } else {
        None
    })
}

pub(crate) fn connect(place: &Place, limit: Duration) -> io::Result<Box<dyn Stream>> {
    Ok(Box::new(open(place, limit)?))
}

pub(crate) fn connect_both(place: &Place, limit: Duration) -> io::Result<Both> {
    let stream = open(place, limit)?;
    stream.set_write_timeout(None)?;
    Ok(Both { incoming: Box::new(stream.try_clone()?), outgoing: Box::new(stream) })
}

impl Outgoing for UnixStream {
    fn end(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

fn open(place: &Place, limit: Duration) -> io::Result<UnixStream> {
    let Place::Socket(path) = place else { return Err(ErrorKind::NotFound.into()) };
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::empty(), None)?;
    rustix::io::fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    // With the queue of a stopped agent full, connecting waits on the send timeout.
    set_socket_timeout(&socket, Timeout::Send, Some(limit))?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(UnixStream::from(socket))
}

impl Stream for UnixStream {
    fn wait_at_most(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout(limit)?;
        self.set_write_timeout(limit)
    }
}

/// Reads a file that only its owner, and that is us, can read.
pub(crate) fn read_private(path: &Path) -> io::Result<Result<String, String>> {
    let mut options = OpenOptions::new();
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    let file = options.read(true).custom_flags(flags).open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Ok(Err("it is no file".to_owned()));
    }
    if about.uid() != uid() {
        return Ok(Err(belongs(path, about.uid())));
    }
    if about.mode() & 0o077 != 0 {
        return Ok(Err(format!("others may use it (mode {:o}, not 600)", about.mode() & 0o7777)));
    }
    let mut text = String::new();
    file.take(64 * 1024).read_to_string(&mut text)?;
    Ok(Ok(text))
}

/// Reads a small file of the folder that is mounted into our container: whosever it is, nobody else
/// may have written it.
pub(crate) fn read_mounted(path: &Path) -> io::Result<Result<String, String>> {
    let mut options = OpenOptions::new();
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    let file = options.read(true).custom_flags(flags).open(path)?;
    let about = file.metadata()?;
    if !about.is_file() || about.mode() & 0o022 != 0 {
        return Ok(Err(format!("others may write it (mode {:o})", about.mode() & 0o7777)));
    }
    let mut text = String::new();
    file.take(4096).read_to_string(&mut text)?;
    Ok(Ok(text))
}

/// Whatever is a file and no link; `None` for a pipe, a device or a folder. Nothing is waited for.
pub(crate) fn open_to_read(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
    let file = options.read(true).custom_flags(flags).open(path)?;
    Ok(file.metadata()?.is_file().then_some(file))
}

/// A file that only we can read, emptied.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// As [`create_private`], where two programs may write in turn: each at the end.
pub(crate) fn create_log(path: &Path) -> io::Result<File> {
    let log = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    log.set_len(0)?;
    Ok(log)
}

pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The child gets a session of its own and none of the files its parent had open: a lock or a pipe
/// of the caller's shell must not live as long as the agent.
pub(crate) fn detach(command: &mut Command) -> io::Result<()> {
    command.current_dir("/");
    let files = getrlimit(Resource::Nofile).current.unwrap_or(FILES_CHECKED);
    let files = i32::try_from(files.min(FILES_CHECKED)).unwrap_or(1024);
    // SAFETY: between fork and exec only system calls are made and nothing is allocated; a number
    // that names no open file is answered by EBADF.
    unsafe {
        command.pre_exec(move || {
            rustix::process::setsid().map_err(Error::from)?;
            as_found()?;
            for number in 3..files {
                match rustix::io::fcntl_setfd(BorrowedFd::borrow_raw(number), FdFlags::CLOEXEC) {
                    Ok(()) | Err(_) => {}
                }
            }
            Ok(())
        });
    }
    Ok(())
}

/// The limit that this process was started with, where it was raised since.
static FOUND: OnceLock<(Option<u64>, Option<u64>)> = OnceLock::new();

pub(crate) fn raise_descriptors() -> io::Result<Option<u64>> {
    let found = getrlimit(Resource::Nofile);
    let most = most_files(found.maximum);
    // None is no limit at all.
    if found.current.is_none_or(|now| most.is_some_and(|most| now >= most)) {
        return Ok(found.current);
    }
    FOUND.get_or_init(|| (found.current, found.maximum));
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: found.maximum })?;
    Ok(most)
}

pub(crate) fn give_back_descriptors(command: &mut Command) {
    if FOUND.get().is_none() {
        return;
    }
    // SAFETY: between fork and exec one system call is made and nothing is allocated.
    unsafe {
        command.pre_exec(as_found);
    }
}

fn as_found() -> io::Result<()> {
    let Some(&(current, maximum)) = FOUND.get() else { return Ok(()) };
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).map_err(Error::from)
}
