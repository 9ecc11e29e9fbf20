//! macOS: processes by libproc's two calls. The owner of a TCP connection is not visible without a
//! privilege.
#![expect(unsafe_code, reason = "libproc fills buffers by pointer")]

use std::ffi::{OsString, c_void};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use libc::{PROC_PIDPATHINFO_MAXSIZE, PROC_PIDTBSDINFO, SZOMB, proc_bsdinfo};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, getsid, setrlimit};

use super::facts::{Ancestor, GENERATIONS, Program, Surroundings};

/// `sun_path`, its closing zero included (unix(4)).
pub(super) const SOCKET_PATH_LIMIT: usize = 104;

/// How often is it looked at whether a socket's file is still there?
const LOOK: Duration = Duration::from_secs(5);

/// Where whoever administers the machine puts what holds for everybody on it.
pub fn machine_dir() -> Option<PathBuf> {
    Some(PathBuf::from("/Library/Application Support/dagpass"))
}

/// Has the system refuse debuggers?
static UNTRACED: AtomicBool = AtomicBool::new(false);

/// Keeps secrets out of core dumps and away from debuggers.
pub fn harden() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // SAFETY: the request takes no pointer and changes only whether others may attach to us.
    match unsafe { libc::ptrace(libc::PT_DENY_ATTACH, 0, std::ptr::null_mut(), 0) } {
        0 => UNTRACED.store(true, Ordering::Relaxed),
        _ => return Err(io::Error::last_os_error()),
    }
    Ok(())
}

/// What of [`harden`] holds now, in words; what does not, as an error.
pub fn shielded() -> Result<&'static str, &'static str> {
    match (getrlimit(Resource::Core).current, UNTRACED.load(Ordering::Relaxed)) {
        (Some(0), true) => Ok("it leaves no core, and no debugger can attach to it"),
        (_, false) => Err("a debugger that you let can attach to the agent and read its memory"),
        (_, true) => Err("a crash of the agent would leave a core with secrets in it"),
    }
}

/// Microseconds since 1970.
pub fn started_at(pid: u32) -> Option<u64> {
    info(pid).map(|info| start_mark(&info))
}

/// Whose it is, by its real uid.
pub fn owner_of(pid: u32) -> Option<u32> {
    info(pid).map(|info| info.pbi_ruid)
}

/// The process that started it, or the one that took it over.
pub fn parent(pid: u32) -> Option<u32> {
    info(pid).map(|info| info.pbi_ppid)
}

pub fn executable(pid: u32) -> Option<PathBuf> {
    let mut buffer = vec![0_u8; PROC_PIDPATHINFO_MAXSIZE as usize];
    let size = u32::try_from(buffer.len()).ok()?;
    let pid = i32::try_from(pid).ok()?;
    // SAFETY: the buffer has `size` bytes; the call says how many it filled.
    let filled = unsafe { libc::proc_pidpath(pid, buffer.as_mut_ptr().cast::<c_void>(), size) };
    buffer.truncate(usize::try_from(filled).ok().filter(|&filled| filled > 0)?);
    Some(PathBuf::from(OsString::from_vec(buffer)))
}

/// Does this very process still run? A zombie does not, nor does a later one with the same pid.
pub fn process_alive(pid: u32, started_at: Option<u64>) -> bool {
    info(pid).is_some_and(|info| {
        info.pbi_status != SZOMB
            && started_at.is_none_or(|started_at| started_at == start_mark(&info))
    })
}

/// No handle comes with a connection here: its number and start have to do.
#[derive(Clone, Debug)]
pub enum Watched {}

impl Watched {
    pub fn peer_of<S>(_socket: S) -> Option<Self> {
        None
    }

    pub fn is_alive(&self) -> bool {
        match *self {}
    }
}

/// What tells one program from another. The inode of the path would change with an upgrade on disk.
pub(super) type Image = PathBuf;

pub(super) fn image(pid: u32) -> Option<Image> {
    executable(pid)
}

/// By its path: no file of a running program can be opened here.
pub(super) fn program(pid: u32) -> Option<Program> {
    let path = executable(pid)?;
    let found = std::fs::metadata(&path).ok()?;
    Some(Program { place: path.clone(), path, found })
}

/// Terminal, folder and unit are not looked for here.
pub(super) fn surroundings(pid: u32) -> Surroundings {
    Surroundings { parents: parents(pid).unwrap_or_default(), ..Surroundings::default() }
}

fn parents(pid: u32) -> Option<Vec<Ancestor>> {
    let session = session(pid)?;
    let mut above = Vec::new();
    let mut child = (pid, info(pid)?);
    while above.len() < GENERATIONS && session != child.0 {
        let number = child.1.pbi_ppid;
        let Some(parent) = info(number).filter(|_| self::session(number) == Some(session)) else {
            break;
        };
        // Named once more behind it: its number goes to nobody before it is named no more.
        if info(child.0).is_none_or(|behind| behind.pbi_ppid != number) {
            break;
        }
        above.push(Ancestor { pid: number, started_at: Some(start_mark(&parent)) });
        child = (number, parent);
    }
    Some(above)
}

pub(super) fn session(pid: u32) -> Option<u32> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    u32::try_from(getsid(Some(pid)).ok()?.as_raw_nonzero().get()).ok()
}

/// The device of its controlling terminal; all bits set where it has none (`NODEV`).
pub(super) fn terminal(pid: u32) -> Option<u32> {
    info(pid).map(|info| info.e_tdev).filter(|device| !matches!(*device, 0 | u32::MAX))
}

/// Not watched here, where nothing opens a socket's file: looked at, seldom enough to let the machine idle.
#[derive(Debug)]
pub(super) struct PlaceWatch;

impl PlaceWatch {
    pub(super) fn of(_place: &Path) -> Self {
        Self
    }

    /// Returns when something may have become of it.
    pub(super) async fn changed(&self) {
        tokio::time::sleep(LOOK).await;
    }
}

/// Returns when this very process has ended; at once where it already has.
pub async fn ended(pid: u32, started_at: Option<u64>) {
    super::poll_until_ended(pid, started_at).await;
}

/// `None` is "not visible": the capability alone decides here.
pub fn tcp_peer_uid(_local: SocketAddr, _peer: SocketAddr) -> Option<u32> {
    None
}

/// Not visible here.
pub fn tcp_peer_processes(_local: SocketAddr, _peer: SocketAddr) -> Option<Vec<u32>> {
    None
}

/// Not visible here: the peer's own address then has to do.
pub(super) fn on_link(_near: IpAddr, _peer: IpAddr) -> Option<bool> {
    None
}

/// Not visible here: the error then names the port alone.
pub fn listener_holder(_place: SocketAddr) -> Option<String> {
    None
}

fn info(pid: u32) -> Option<proc_bsdinfo> {
    let pid = i32::try_from(pid).ok()?;
    let size = i32::try_from(size_of::<proc_bsdinfo>()).ok()?;
    // SAFETY: numbers and characters only, for which all zeros is a value; the call gets the size.
    unsafe {
        let mut info: proc_bsdinfo = std::mem::zeroed();
        let into = (&raw mut info).cast::<c_void>();
        (libc::proc_pidinfo(pid, PROC_PIDTBSDINFO, 0, into, size) == size).then_some(info)
    }
}

fn start_mark(info: &proc_bsdinfo) -> u64 {
    info.pbi_start_tvsec.saturating_mul(1_000_000).saturating_add(info.pbi_start_tvusec)
}
