//! Which session bus: the one that the agent was started with where it answers, the runtime folder's,
//! one that a caller's shell knows. Asks each within a deadline, since a bus may be gone, mute or
//! another user's; the one that served is taken until it fails.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;

use super::address::{Socket, sockets};
use crate::system;

/// How long is one bus awaited before the next is asked beside it?
const HEAD_START: Duration = Duration::from_millis(300);

/// How long are those awaited that said nothing yet, all together?
const LAST_CALL: Duration = Duration::from_millis(900);

/// How many buses of callers are remembered?
const REMEMBERED: usize = 4;

/// What is known beside the environment. Of the process, as its environment is.
static KNOWN: Mutex<Known> = Mutex::new(Known { served: None, told: Vec::new() });

struct Known {
    /// The bus that served last.
    served: Option<Socket>,
    /// By callers, the newest first.
    told: Vec<Socket>,
}

/// A bus that may be the one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Candidate {
    socket: Socket,
    /// Named by the environment that started the agent; every other one must belong to its user.
    own: bool,
}

/// The buses that answer, one after the other.
pub(super) struct Search {
    waiting: std::vec::IntoIter<Candidate>,
    silent: Vec<Asked>,
    until: Option<Instant>,
    /// Was there an address at all?
    named: bool,
    failures: Vec<String>,
}

impl Search {
    pub(super) fn begin() -> Self {
        let own = std::env::var("DBUS_SESSION_BUS_ADDRESS").unwrap_or_default();
        let found = candidates(&own, in_runtime_folder(), &known());
        Self {
            named: !own.is_empty() || !found.is_empty(),
            waiting: found.into_iter(),
            silent: Vec::new(),
            until: None,
            failures: Vec::new(),
        }
    }

    /// Connected to the next one that answers.
    pub(super) fn next(&mut self) -> Option<(Socket, Connection)> {
        while let Some(candidate) = self.answering() {
            match connected(&candidate) {
                Ok(connection) => return Some((candidate.socket, connection)),
                Err(error) => self.failed(&candidate, &error),
            }
        }
        None
    }

    /// Why none was found: each one's name and fault. `None` where none was named anywhere.
    pub(super) fn failure(&self) -> Option<String> {
        let no_other = self.failures.is_empty();
        let none = if no_other { "its address names no socket".to_owned() } else { String::new() };
        self.named.then(|| none + &self.failures.join("; "))
    }

    fn answering(&mut self) -> Option<Candidate> {
        while let Some(candidate) = self.waiting.next() {
            match Asked::begin(candidate.clone()) {
                Ok(mut asked) => match asked.answer(HEAD_START) {
                    Some(Ok(())) => return Some(candidate),
                    Some(Err(error)) => self.failed(&candidate, &error),
                    None => self.silent.push(asked),
                },
                Err(error) => self.failed(&candidate, &error),
            }
        }
        let until = *self.until.get_or_insert_with(|| Instant::now() + LAST_CALL);
        while !self.silent.is_empty() {
            let mut asked = self.silent.remove(0);
            let share = until.saturating_duration_since(Instant::now());
            match asked.answer(share) {
                Some(Ok(())) => return Some(asked.candidate),
                Some(Err(error)) => self.failed(&asked.candidate, &error),
                None => self.failed(&asked.candidate, &io::Error::other("it does not answer")),
            }
        }
        None
    }

    fn failed(&mut self, candidate: &Candidate, error: &io::Error) {
        tracing::debug!(bus = %candidate.socket, own = candidate.own, %error, "bus not used");
        self.failures.push(format!("{}: {error}", candidate.socket));
    }
}

/// That bus has what was looked for: asked first from now on.
pub(super) fn served(socket: Socket) {
    let mut known = known();
    if known.served.as_ref() != Some(&socket) {
        tracing::info!(bus = %socket, "session bus");
        known.served = Some(socket);
    }
}

/// Takes the address that a caller's shell has. Says whether it is news.
pub(super) fn told(address: &str) -> bool {
    let mut known = known();
    let before = known.told.clone();
    for socket in sockets(address) {
        known.told.retain(|one| *one != socket);
        known.told.insert(0, socket);
    }
    known.told.truncate(REMEMBERED);
    known.told.iter().any(|socket| !before.contains(socket))
}

fn known() -> MutexGuard<'static, Known> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// In the order in which they are asked.
fn candidates(own: &str, runtime: Option<PathBuf>, known: &Known) -> Vec<Candidate> {
    let own = sockets(own);
    let runtime = runtime.map(Socket::Path);
    let mut order: Vec<Candidate> = Vec::new();
    let all = known.served.iter().chain(&own).chain(&runtime).chain(&known.told);
    for socket in all {
        if order.iter().all(|one| one.socket != *socket) {
            order.push(Candidate { socket: socket.clone(), own: own.contains(socket) });
        }
    }
    order
}

/// Where a session's bus is by custom, whoever started us; `None` where there is none.
fn in_runtime_folder() -> Option<PathBuf> {
    let folder = match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        _ => Path::new("/run/user").join(system::own_uid()?.to_string()),
    };
    Some(folder.join("bus")).filter(|bus| bus.exists())
}

/// A bus that was asked whether it lets us in, on a connection made for that alone.
struct Asked {
    candidate: Candidate,
    stream: UnixStream,
    heard: Vec<u8>,
}

impl Asked {
    fn begin(candidate: Candidate) -> io::Result<Self> {
        let mut stream = open(&candidate)?;
        // The D-Bus Specification, "Authentication Protocol": a zero byte, then one line, whose
        // argument is our uid in decimal, each digit as hexadecimal.
        let uid = system::own_uid().unwrap_or_default().to_string();
        let uid: String = uid.bytes().map(|digit| format!("{digit:02x}")).collect();
        stream.write_all(format!("\0AUTH EXTERNAL {uid}\r\n").as_bytes())?;
        Ok(Self { candidate, stream, heard: Vec::new() })
    }

    /// `None`: nothing yet.
    fn answer(&mut self, patience: Duration) -> Option<io::Result<()>> {
        let until = Instant::now() + patience;
        loop {
            let mut some = [0; 64];
            match self.stream.read(&mut some) {
                Ok(0) => return Some(Err(io::Error::other("it closed the connection"))),
                Ok(length) => self.heard.extend_from_slice(&some[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let left = until.saturating_duration_since(Instant::now());
                    match wait(&self.stream, left) {
                        Ok(true) => continue,
                        Ok(false) => return None,
                        Err(error) => return Some(Err(error)),
                    }
                }
                Err(error) => return Some(Err(error)),
            }
            if self.heard.starts_with(b"OK ") {
                return Some(Ok(()));
            }
            if self.heard.len() > 3 {
                return Some(Err(io::Error::other("it does not let us in")));
            }
        }
    }
}

fn wait(stream: &UnixStream, patience: Duration) -> io::Result<bool> {
    let mut readable = [PollFd::new(stream, PollFlags::IN)];
    let patience = Timespec::try_from(patience).map_err(io::Error::other)?;
    match poll(&mut readable, Some(&patience)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Without waiting: a listener whose queue is full would hold an ordinary connect for ever.
fn open(candidate: &Candidate) -> io::Result<UnixStream> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    let address = match &candidate.socket {
        Socket::Path(path) => SocketAddrUnix::new(path.as_path())?,
        Socket::Abstract(name) => SocketAddrUnix::new_abstract_name(name)?,
    };
    rustix::net::connect(&socket, &address)?;
    let stream = UnixStream::from(socket);
    let listener = rustix::net::sockopt::socket_peercred(&stream)?.uid.as_raw();
    if !candidate.own && system::own_uid() != Some(listener) {
        return Err(io::Error::other(format!("it belongs to another user (uid {listener})")));
    }
    Ok(stream)
}

fn connected(candidate: &Candidate) -> io::Result<Connection> {
    Builder::async_io_unix_stream(open(candidate)?).build().map_err(io::Error::other)
}

#[cfg(test)]
#[path = "bus_tests.rs"]
mod tests;
