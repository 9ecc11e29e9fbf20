//! Windows: the user's SID, the named pipe, whose listener a port is, and how a daemon leaves its
//! parent. Never decides which place is used.
#![expect(unsafe_code, reason = "tokens, pipes and the table of listeners are reached through C")]

use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::io::{self, Error, ErrorKind, Read, Write};
use std::os::windows::ffi::OsStrExt;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsRawHandle;
use std::os::windows::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::{
    CloseHandle, ERROR_PIPE_BUSY, HANDLE, HANDLE_FLAG_INHERIT, LocalFree, SetHandleInformation,
};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    GetExtendedTcpTable, MIB_TCPROW_OWNER_PID, TCP_TABLE_OWNER_PID_LISTENER,
};
use windows_sys::Win32::Networking::WinSock::AF_INET;
use windows_sys::Win32::Security::Authorization::ConvertSidToStringSidW;
use windows_sys::Win32::Security::{GetTokenInformation, TOKEN_QUERY, TOKEN_USER, TokenUser};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_OPEN_REPARSE_POINT, SECURITY_IDENTIFICATION,
};
use windows_sys::Win32::System::Console::{
    GetStdHandle, STD_ERROR_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE,
};
use windows_sys::Win32::System::Pipes::{
    GetNamedPipeServerProcessId, PeekNamedPipe, WaitNamedPipeW,
};
use windows_sys::Win32::System::Threading::{
    CREATE_NEW_PROCESS_GROUP, DETACHED_PROCESS, GetCurrentProcess, OpenProcess, OpenProcessToken,
    PROCESS_QUERY_LIMITED_INFORMATION,
};

use crate::endpoint::{Both, Outgoing, Stream};
use crate::place::{Facts, Os, Place};
use crate::wire::Endpoint;

pub(crate) const OS: Os = Os::Windows;

/// How often do we look whether a pipe has something to read?
const PIPE_POLL: Duration = Duration::from_millis(1);
/// A pipe cannot be closed in one direction: how long is an answer awaited once no request follows?
const LAST_WORDS: Duration = Duration::from_secs(10);

pub(crate) fn facts() -> Facts {
    // SAFETY: the pseudo handle is always valid and needs no closing.
    let sid = user_of(unsafe { GetCurrentProcess() }).unwrap_or_default();
    Facts { sid, ..Facts::default() }
}

/// A profile folder is one user's by its inherited rights, and lies on the machine.
pub(crate) fn own_uid() -> Option<u32> {
    None
}

pub(crate) fn owner(_path: &Path, _follow: bool) -> io::Result<Option<u32>> {
    Ok(None)
}

pub(crate) fn user_name(_uid: u32) -> Option<String> {
    None
}

pub(crate) fn hostname() -> String {
    String::new()
}

/// A pipe's owner is checked once it is open: see [`connect`].
pub(crate) fn distrust(_place: &Place) -> io::Result<Option<String>> {
    Ok(None)
}

/// No container of ours runs Windows.
pub(crate) fn read_mounted(_path: &Path) -> io::Result<Result<String, String>> {
    Err(ErrorKind::NotFound.into())
}

pub(crate) fn connect(place: &Place, limit: Duration) -> io::Result<Box<dyn Stream>> {
    Ok(Box::new(Pipe { file: open(place, limit)?, until: None }))
}

pub(crate) fn connect_both(place: &Place, limit: Duration) -> io::Result<Both> {
    let pipe = open(place, limit)?;
    let ended = Arc::new(AtomicBool::new(false));
    let incoming = Incoming { file: pipe.try_clone()?, ended: Arc::clone(&ended) };
    Ok(Both { incoming: Box::new(incoming), outgoing: Box::new(Sending { file: pipe, ended }) })
}

/// Opens the pipe, so that its server may learn who we are but not act as us, and hangs up where
/// the server is another user's process.
fn open(place: &Place, limit: Duration) -> io::Result<File> {
    let Place::Pipe(name) = place else { return Err(ErrorKind::NotFound.into()) };
    let until = Instant::now() + limit;
    let pipe = loop {
        let mut options = OpenOptions::new();
        options.read(true).write(true).security_qos_flags(SECURITY_IDENTIFICATION);
        match options.open(name) {
            Err(busy) if busy.raw_os_error() == Some(ERROR_PIPE_BUSY as i32) => {
                wait_for_pipe(name, until)?;
            }
            opened => break opened?,
        }
    };
    let mut server = 0;
    // SAFETY: the handle is open for the whole call.
    if unsafe { GetNamedPipeServerProcessId(pipe.as_raw_handle(), &mut server) } == 0 {
        return Err(Error::last_os_error());
    }
    if !process_is_ours(server) {
        return Err(Error::new(ErrorKind::PermissionDenied, "the pipe belongs to another user"));
    }
    Ok(pipe)
}

fn wait_for_pipe(name: &str, until: Instant) -> io::Result<()> {
    let left = until.saturating_duration_since(Instant::now()).as_millis();
    if left == 0 {
        return Err(ErrorKind::TimedOut.into());
    }
    let wide: Vec<u16> = Path::new(name).as_os_str().encode_wide().chain([0]).collect();
    // SAFETY: `wide` is zero-terminated. Whether it came free is seen by opening it again.
    unsafe { WaitNamedPipeW(wide.as_ptr(), u32::try_from(left).unwrap_or(1000)) };
    Ok(())
}

struct Pipe {
    file: File,
    until: Option<Instant>,
}

impl Stream for Pipe {
    fn wait_at_most(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.until = limit.map(|limit| Instant::now() + limit);
        Ok(())
    }
}

impl Read for Pipe {
    /// A pipe has no read timeout, so with a deadline we look before we read.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(until) = self.until {
            if waiting(&self.file) {
                break;
            }
            if Instant::now() >= until {
                return Err(ErrorKind::TimedOut.into());
            }
            sleep(PIPE_POLL);
        }
        read(&mut self.file, buffer)
    }
}

/// Is there something to read, its end included?
fn waiting(pipe: &File) -> bool {
    let mut count = 0;
    let handle = pipe.as_raw_handle();
    // SAFETY: only the count is asked for; the other pointers may be null.
    let seen = unsafe { PeekNamedPipe(handle, null_mut(), 0, null_mut(), &mut count, null_mut()) };
    seen == 0 || count > 0
}

fn read(pipe: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    match pipe.read(buffer) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(0),
        read => read,
    }
}

/// A pipe opened like this does one thing at a time: a read that waits would hold up every write. So
/// we look before we read.
struct Incoming {
    file: File,
    ended: Arc<AtomicBool>,
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut silent_since = Instant::now();
        while !waiting(&self.file) {
            if !self.ended.load(Ordering::Acquire) {
                silent_since = Instant::now();
            } else if silent_since.elapsed() >= LAST_WORDS {
                return Ok(0);
            }
            sleep(PIPE_POLL);
        }
        read(&mut self.file, buffer)
    }
}

struct Sending {
    file: File,
    ended: Arc<AtomicBool>,
}

impl Outgoing for Sending {
    fn end(&mut self) -> io::Result<()> {
        self.ended.store(true, Ordering::Release);
        Ok(())
    }
}

impl Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        // `File::flush` would wait until the server has read everything.
        Ok(())
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        // `File::flush` would wait until the server has read everything.
        Ok(())
    }
}

/// The user's profile folder is closed to others by its inherited rights.
pub(crate) fn read_private(path: &Path) -> io::Result<Result<String, String>> {
    let mut text = String::new();
    File::open(path)?.take(64 * 1024).read_to_string(&mut text)?;
    Ok(Ok(text))
}

/// Whatever is a file and no link; `None` for what is none.
pub(crate) fn open_to_read(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(FILE_FLAG_OPEN_REPARSE_POINT).open(path)?;
    Ok(file.metadata()?.is_file().then_some(file))
}

pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    File::create(path)
}

/// As [`create_private`], where two programs may write in turn: each at the end.
pub(crate) fn create_log(path: &Path) -> io::Result<File> {
    let log = OpenOptions::new().append(true).write(true).create(true).open(path)?;
    log.set_len(0)?;
    Ok(log)
}

pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

/// Handles have no limit that a program would meet.
pub(crate) fn raise_descriptors() -> io::Result<Option<u64>> {
    Ok(None)
}

pub(crate) fn give_back_descriptors(_command: &mut Command) {}

/// Another user may have taken the port since the agent died; the system's table names the process.
pub(crate) fn listener_is_ours(endpoint: &Endpoint) -> io::Result<bool> {
    let mut size = 0u32;
    let mut table: Vec<u32> = Vec::new();
    for _ in 0..4 {
        let start: *mut c_void = table.as_mut_ptr().cast();
        let kind = TCP_TABLE_OWNER_PID_LISTENER;
        // SAFETY: `start` has `size` writable bytes; too few are answered by the size needed.
        if unsafe { GetExtendedTcpTable(start, &mut size, 0, AF_INET.into(), kind, 0) } == 0 {
            // Where the table names nobody (Wine's does not), the agent of the file has to be alive
            // and ours: while it lives it holds its port.
            let pid = listener_pid(&table, endpoint.port).filter(|pid| *pid != 0);
            return Ok(process_is_ours(pid.unwrap_or(endpoint.pid)));
        }
        table = vec![0; (size as usize).div_ceil(4) + 64];
        size = (table.len() * 4) as u32;
    }
    Err(Error::other("the system's table of listeners cannot be read"))
}

/// The table is a count and then rows of six words: state, address, port, …, owner.
fn listener_pid(table: &[u32], port: u16) -> Option<u32> {
    const ROW: usize = size_of::<MIB_TCPROW_OWNER_PID>() / 4;
    let (count, rows) = table.split_first()?;
    let local = u32::from_ne_bytes([127, 0, 0, 1]);
    let rows = rows.chunks_exact(ROW).take(*count as usize);
    rows.filter(|row| row[1] == local && u16::from_be(row[2] as u16) == port)
        .map(|row| row[5])
        .next()
}

fn process_is_ours(pid: u32) -> bool {
    // SAFETY: a pid that is gone or not to be opened gives null.
    let process = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, pid) };
    if process.is_null() {
        return false;
    }
    let theirs = user_of(process);
    // SAFETY: `process` was opened above and is closed once.
    unsafe { CloseHandle(process) };
    theirs.is_some() && theirs.unwrap_or_default() == facts().sid
}

/// `S-1-5-21-…` of the user a process runs as.
fn user_of(process: HANDLE) -> Option<String> {
    let mut token: HANDLE = null_mut();
    // SAFETY: the caller's handle is open and `token` outlives the call.
    if unsafe { OpenProcessToken(process, TOKEN_QUERY, &mut token) } == 0 {
        return None;
    }
    let sid = sid_of(token);
    // SAFETY: `token` was opened above and is closed once.
    unsafe { CloseHandle(token) };
    sid
}

fn sid_of(token: HANDLE) -> Option<String> {
    // A TOKEN_USER and the longest SID take 84 bytes; u64 keeps the alignment.
    let mut buffer = [0u64; 32];
    let size = size_of_val(&buffer) as u32;
    let mut needed = 0;
    let start: *mut c_void = buffer.as_mut_ptr().cast();
    // SAFETY: `start` has `size` writable bytes.
    if unsafe { GetTokenInformation(token, TokenUser, start, size, &mut needed) } == 0 {
        return None;
    }
    let mut text: *mut u16 = null_mut();
    // SAFETY: the call above filled the buffer with a TOKEN_USER, aligned by u64.
    let converted = unsafe {
        let user = &*start.cast::<TOKEN_USER>();
        ConvertSidToStringSidW(user.User.Sid, &mut text)
    };
    if converted == 0 {
        return None;
    }
    // SAFETY: on success `text` is a zero-terminated string that is ours to free.
    unsafe {
        let length = (0..).take_while(|&at| *text.add(at) != 0).count();
        let sid = String::from_utf16_lossy(std::slice::from_raw_parts(text, length));
        LocalFree(text.cast());
        Some(sid)
    }
}

/// The child gets no console, and not the pipes its parent writes to: a shell that reads our
/// output to its end would wait for the agent.
pub(crate) fn detach(command: &mut Command) -> io::Result<()> {
    for stream in [STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE] {
        // SAFETY: a standard handle that is missing or invalid only makes the call fail.
        unsafe { SetHandleInformation(GetStdHandle(stream), HANDLE_FLAG_INHERIT, 0) };
    }
    command.creation_flags(DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP);
    Ok(())
}

/// A Windows service would not run in the user's session, where the credential store is.
pub(crate) fn service_command(_program: &Path, _names: &[&str]) -> Option<Command> {
    None
}
