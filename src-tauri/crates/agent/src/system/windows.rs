//! Windows: the named pipe with an access list of one, processes by handle, private files by the
//! profile folder's inherited access list.
#![expect(unsafe_code, reason = "the system's calls take raw handles and pointers")]

use std::ffi::{OsStr, OsString, c_void};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::path::{Path, PathBuf};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::windows::named_pipe::{NamedPipeServer, PipeMode, ServerOptions};
use tokio::sync::Mutex;
use windows_sys::Win32::Foundation::{FILETIME, HANDLE, LocalFree, WAIT_TIMEOUT};
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
};
use windows_sys::Win32::Security::{
    GetTokenInformation, SECURITY_ATTRIBUTES, TOKEN_QUERY, TOKEN_USER, TokenUser,
};
use windows_sys::Win32::Storage::FileSystem::{FILE_SHARE_READ, FILE_SHARE_WRITE};
use windows_sys::Win32::System::Pipes::{GetNamedPipeClientProcessId, WaitNamedPipeW};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetProcessTimes, OpenProcess, OpenProcessToken,
    PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE, QueryFullProcessImageNameW,
    WaitForSingleObject,
};

use super::{FileMark, Lasting, Peer};

mod file_number;
pub(super) mod files;
mod owner;
mod parents;
mod shield;

pub use file_number::identity_at;
pub use owner::machine_dir;
pub(super) use parents::{program, surroundings};
pub use shield::{harden, shielded};

/// The longest path the system knows, in UTF-16 units.
const LONGEST_PATH: usize = 32_768;

/// Our end of one connection.
pub type LocalStream = NamedPipeServer;

/// The pipe's name, held by one instance that waits for the next caller.
#[derive(Debug)]
pub struct LocalListener {
    place: PathBuf,
    waiting: Mutex<NamedPipeServer>,
}

impl LocalListener {
    /// Makes the first instance of the pipe; fails where another program holds the name.
    pub fn bind(place: &Path) -> io::Result<Self> {
        // The system's own flag for this is the guard; Wine does not know it.
        if stands(place) {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                format!("{} is in use by a running program", place.display()),
            ));
        }
        let waiting = Mutex::new(instance(place, true)?);
        Ok(Self { place: place.to_owned(), waiting })
    }

    /// A pipe cannot be mounted into a container.
    pub fn bind_mounted(_place: &Path) -> io::Result<Self> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "Windows has no socket to mount: use `--port`",
        ))
    }

    /// The next connection and who made it.
    pub async fn accept(&self) -> io::Result<(LocalStream, Peer)> {
        let mut waiting = self.waiting.lock().await;
        waiting.connect().await?;
        // The next instance first: a caller between the two would find no pipe at all.
        let stream = std::mem::replace(&mut *waiting, instance(&self.place, false)?);
        let pid = client_pid(&stream);
        Ok((stream, Peer::of(None, pid)))
    }

    /// Never: a pipe's name lives as long as its listener.
    pub fn lost(&self) -> impl Future<Output = ()> + use<> {
        std::future::pending()
    }
}

/// There is no uid; the access list speaks for the owner.
pub fn own_uid() -> Option<u32> {
    None
}

/// Our user as `S-1-5-21-…`: part of the pipe's name and its whole access list.
pub fn own_sid() -> io::Result<String> {
    let token = own_token()?;
    let mut needed = 0_u32;
    // SAFETY: a null buffer of length 0 only asks for the length.
    unsafe { GetTokenInformation(raw(&token), TokenUser, null_mut(), 0, &mut needed) };
    let words = (needed as usize).div_ceil(size_of::<u64>());
    let mut buffer = vec![0_u64; words.max(1)];
    // SAFETY: the buffer has at least `needed` bytes and the alignment of TOKEN_USER.
    let read = unsafe {
        GetTokenInformation(
            raw(&token),
            TokenUser,
            buffer.as_mut_ptr().cast::<c_void>(),
            needed,
            &mut needed,
        )
    };
    check(read)?;
    let mut text = null_mut();
    // SAFETY: the call above filled a TOKEN_USER, whose SID points into the same living buffer.
    check(unsafe {
        let user = &*buffer.as_ptr().cast::<TOKEN_USER>();
        ConvertSidToStringSidW(user.User.Sid, &mut text)
    })?;
    // SAFETY: the system gave a zero-ended string, freed once and not read after.
    unsafe {
        let length = (0..).take_while(|&at| *text.add(at) != 0).count();
        let sid = String::from_utf16_lossy(std::slice::from_raw_parts(text, length));
        LocalFree(text.cast::<c_void>());
        Ok(sid)
    }
}

/// Makes the folder; its access list is that of the user's profile.
pub fn private_dir(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// As [`private_dir`]: the engine shows it to the container with the rights of whoever started it.
pub fn mounted_dir(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// Replaces the file whole or not at all: temporary file, flush, rename.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, Lasting::PowerLoss)
}

/// Here a folder is no file that could be synced.
pub fn sync_dir(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// As [`write_private`], for what is true only while we run: nobody waits for the disk.
pub fn write_passing(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, Lasting::ThisRun)
}

/// What a container reads through a mounted folder.
pub fn write_mounted(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, Lasting::ThisRun)
}

fn replace(path: &Path, bytes: &[u8], lasting: Lasting) -> io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut hidden = OsString::from(".");
    hidden.push(path.file_name().unwrap_or(OsStr::new("file")));
    hidden.push(format!(".{}.{number}", std::process::id()));
    let temporary = path.with_file_name(hidden);
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&temporary)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            match lasting {
                Lasting::PowerLoss => file.sync_all(),
                Lasting::ThisRun => Ok(()),
            }
        })
        .and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        if let Err(left) = fs::remove_file(&temporary) {
            tracing::debug!(error = %left, "temporary file not removed");
        }
        return Err(error);
    }
    Ok(())
}

/// Opens a file of ours to write at its end, made where there is none. While we have it open others may
/// read and write it, and nobody can delete or rename it.
pub fn open_record(path: &Path) -> io::Result<File> {
    let shared = FILE_SHARE_READ | FILE_SHARE_WRITE;
    OpenOptions::new().create(true).read(true).append(true).share_mode(shared).open(path)
}

/// How long the open file is.
pub fn mark_of(file: &File) -> io::Result<FileMark> {
    Ok(FileMark { id: (0, 0), length: file.metadata()?.len() })
}

/// How long the file at this path is.
pub fn mark_at(path: &Path) -> io::Result<FileMark> {
    Ok(FileMark { id: (0, 0), length: fs::metadata(path)?.len() })
}

/// Reads a file that holds a secret.
pub fn read_private(path: &Path) -> io::Result<Vec<u8>> {
    fs::read(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// FILETIME of the start: 100 ns since 1601.
pub fn started_at(pid: u32) -> Option<u64> {
    start_mark(&open(pid)?)
}

/// There is no uid: [`own_uid`] has none either.
pub fn owner_of(_pid: u32) -> Option<u32> {
    None
}

/// Who started it, while it still runs: the system keeps the number after its end and gives it anew.
pub fn parent(pid: u32) -> Option<u32> {
    let parent = parents::named(pid)?;
    (started_at(parent)? <= started_at(pid)?).then_some(parent)
}

pub fn executable(pid: u32) -> Option<PathBuf> {
    let process = open(pid)?;
    let mut buffer = vec![0_u16; LONGEST_PATH];
    let mut length = LONGEST_PATH as u32;
    // SAFETY: the buffer has `length` units; the call writes back how many it used.
    let read =
        unsafe { QueryFullProcessImageNameW(raw(&process), 0, buffer.as_mut_ptr(), &mut length) };
    check(read).ok()?;
    Some(PathBuf::from(OsString::from_wide(buffer.get(..length as usize)?)))
}

/// Does this very process still run? A later one with the same pid does not count.
pub fn process_alive(pid: u32, started_at: Option<u64>) -> bool {
    let Some(process) = open(pid) else { return false };
    // SAFETY: a living handle, and no wait.
    let running = unsafe { WaitForSingleObject(raw(&process), 0) } == WAIT_TIMEOUT;
    running && (started_at.is_none() || started_at == start_mark(&process))
}

/// No handle comes with a connection here: its number and start have to do, which no other process has
/// while it runs; and no process here becomes another program.
#[derive(Clone, Debug)]
pub enum Watched {}

impl Watched {
    pub fn is_alive(&self) -> bool {
        match *self {}
    }
}

/// A process runs one program for life.
pub(super) type Image = ();

pub(super) fn image(_pid: u32) -> Option<Image> {
    Some(())
}

/// Returns when this very process has ended; at once where it already has.
pub async fn ended(pid: u32, started_at: Option<u64>) {
    super::poll_until_ended(pid, started_at).await;
}

/// There is no uid; the capability alone decides on TCP.
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

/// Is there a pipe of this name? Asks without taking its waiting instance.
fn stands(place: &Path) -> bool {
    let name: Vec<u16> = place.as_os_str().encode_wide().chain([0]).collect();
    // SAFETY: the name is zero-ended; one millisecond is waited at most.
    let waits = unsafe { WaitNamedPipeW(name.as_ptr(), 1) };
    waits != 0 || io::Error::last_os_error().kind() != io::ErrorKind::NotFound
}

fn instance(place: &Path, first: bool) -> io::Result<NamedPipeServer> {
    let descriptor = Descriptor::of(&owner_alone()?)?;
    let mut attributes = SECURITY_ATTRIBUTES {
        nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
        lpSecurityDescriptor: descriptor.0,
        bInheritHandle: 0,
    };
    let mut options = ServerOptions::new();
    // `pipe_mode` overwrites the flag that `reject_remote_clients` sets, hence the order.
    options.pipe_mode(PipeMode::Byte).first_pipe_instance(first).reject_remote_clients(true);
    // SAFETY: the attributes and the descriptor they point to outlive the call.
    unsafe {
        options.create_with_security_attributes_raw(place, (&raw mut attributes).cast::<c_void>())
    }
}

/// Full access for our own SID, protected from inheritance; nobody else is named.
fn owner_alone() -> io::Result<String> {
    own_sid().map(|sid| format!("O:{sid}D:P(A;;GA;;;{sid})"))
}

/// A security descriptor that the system allocated.
struct Descriptor(*mut c_void);

impl Descriptor {
    /// Of its text (SDDL).
    fn of(text: &str) -> io::Result<Self> {
        let text: Vec<u16> = OsStr::new(text).encode_wide().chain([0]).collect();
        let mut made = null_mut();
        // SAFETY: the text is zero-ended; the system allocates what `made` then points to.
        check(unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &mut made,
                null_mut(),
            )
        })?;
        Ok(Self(made))
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: allocated by the system for us, freed once.
        unsafe { LocalFree(self.0) };
    }
}

fn client_pid(stream: &NamedPipeServer) -> Option<u32> {
    let mut pid = 0_u32;
    // SAFETY: a living pipe handle and a place for one number.
    check(unsafe { GetNamedPipeClientProcessId(stream.as_raw_handle().cast(), &mut pid) }).ok()?;
    Some(pid)
}

fn own_token() -> io::Result<OwnedHandle> {
    let mut token: HANDLE = null_mut();
    // SAFETY: the pseudo-handle of our own process is always good; the token is then ours to close.
    unsafe {
        check(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &mut token))?;
        Ok(OwnedHandle::from_raw_handle(token.cast()))
    }
}

fn open(pid: u32) -> Option<OwnedHandle> {
    // SAFETY: a null handle says no; any other is ours to close.
    unsafe {
        let handle = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE, 0, pid);
        (!handle.is_null()).then(|| OwnedHandle::from_raw_handle(handle.cast()))
    }
}

fn start_mark(process: &OwnedHandle) -> Option<u64> {
    let zero = FILETIME { dwLowDateTime: 0, dwHighDateTime: 0 };
    let (mut start, mut exit, mut kernel, mut user) = (zero, zero, zero, zero);
    // SAFETY: a living handle and places for four times.
    check(unsafe { GetProcessTimes(raw(process), &mut start, &mut exit, &mut kernel, &mut user) })
        .ok()?;
    Some((u64::from(start.dwHighDateTime) << 32) | u64::from(start.dwLowDateTime))
}

fn raw(handle: &OwnedHandle) -> HANDLE {
    handle.as_raw_handle().cast()
}

fn check(done: i32) -> io::Result<()> {
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Resolves when a person asks the process to end.
pub async fn told_to_end() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
