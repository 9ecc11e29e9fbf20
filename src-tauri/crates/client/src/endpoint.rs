//! Finding the agent and trusting what was found: the socket or pipe first, TCP loopback where no
//! socket works. Decides whom a request may be sent to; never sends a capability to a listener that
//! may be another user's, and never asks a proxy.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::error::ClientError;
use crate::http::{Answer, Request};
use crate::instance::{self, InstanceRecord};
use crate::owner::{self, foreign_home};
use crate::place::{self, Place};
use crate::system;
use crate::wire::{CAPABILITY_FILE, Endpoint, MOUNT};

/// The agent, as seen by a client: where it may listen, and the run's capability if we have one.
#[derive(Debug)]
pub struct Agent {
    places: Vec<Place>,
    tcp_only: bool,
    /// `HOST:PORT` of a door for containers, where no socket can be mounted.
    door: Option<String>,
    capability: Option<Capability>,
    record: Option<InstanceRecord>,
    named: bool,
}

impl Agent {
    /// Decides where to look. A place that was named is the only one; else the running agent's own
    /// record comes before the place our environment suggests.
    pub fn find(named: Option<&str>) -> Result<Self, ClientError> {
        let explicit = named.map(str::to_owned).or_else(|| variable("DAGPASS_SOCKET"));
        let tcp = variable("DAGPASS_TCP");
        let mut record = None;
        let is_named = explicit.is_some();
        let places = match explicit {
            Some(named) => vec![place::named(&named)?],
            None => {
                let records = instance::records();
                record = records.iter().find(|record| !record.is_elsewhere()).cloned();
                instance::places(&records, place::socket())?
            }
        };
        Ok(Self {
            places,
            tcp_only: tcp.as_deref() == Some("1"),
            door: tcp.filter(|value| value.contains(':')),
            capability: variable("DAGPASS_CAPABILITY").map(Capability::parse).transpose()?,
            record,
            named: is_named,
        })
    }

    /// Where an agent is looked for, in order.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// The one place that was named, by argument or environment: an agent we start listens there.
    pub fn named_place(&self) -> Option<&Place> {
        self.places.first().filter(|_| self.named)
    }

    /// Is it, by what we were told, on the other side of a container's wall? Then none is started here.
    pub fn is_beyond_a_container(&self) -> bool {
        self.door.is_some()
            || self.named_place().is_some_and(|place| place::mounted_capability(place).is_some())
    }

    /// The first place where somebody listens.
    pub fn place_in_use(&self) -> Option<&Place> {
        let until = Instant::now() + Duration::from_secs(1);
        self.places.iter().find(|place| self.open_socket(place, until).is_ok())
    }

    /// What the running agent wrote into its lock, where no place was named.
    pub fn record(&self) -> Option<&InstanceRecord> {
        self.record.as_ref()
    }

    /// Whether somebody listens at a place that is ours.
    pub fn answers(&self) -> Result<bool, ClientError> {
        match self.open(Instant::now() + Duration::from_secs(1)) {
            Err(ClientError::NotRunning { .. }) => Ok(false),
            opened => opened.map(|_| true),
        }
    }

    /// Whether nobody has that place. Windows keeps the name of a pipe until its last connection has ended.
    pub fn is_gone(&self) -> Result<bool, ClientError> {
        match self.answers() {
            Err(error) if error.is_busy() => Ok(false),
            answers => Ok(!answers?),
        }
    }

    /// Connects, sends one request in one write and reads the answer's head.
    pub(crate) fn send(&self, call: &Call<'_>) -> Result<Answer<Timed>, ClientError> {
        let Call { method, path, body, limit } = *call;
        let begun = Instant::now();
        let link = self.open(begun + limit.connecting())?;
        let capability = link.capability.as_ref().map(|capability| capability.0.as_str());
        let request = Request { method, path, host: &link.host, capability, body };
        let mut stream = Timed { stream: link.stream, limit, begun };
        stream.write_all(&request.bytes())?;
        Answer::read(stream)
    }

    fn open(&self, until: Instant) -> Result<Link, ClientError> {
        if let Some(door) = &self.door {
            return self.open_door(door, until);
        }
        let mut tried = Vec::new();
        let mut fault = None;
        if !self.tcp_only {
            for place in &self.places {
                match self.open_socket(place, until) {
                    Ok(link) => return Ok(link),
                    Err(ClientError::Io(error)) if is_absent(&error) => {}
                    Err(ClientError::Io(error)) => fault = fault.or(Some(error)),
                    Err(other) => return Err(self.in_whose_home(other)),
                }
                tried.push(place.to_string());
            }
        }
        for place in &self.places {
            let file = place::endpoint_file(place)?;
            match self.open_tcp(&file, until) {
                Ok(link) => return Ok(link),
                Err(ClientError::Io(error)) if is_absent(&error) => {}
                Err(ClientError::Io(error)) => fault = fault.or(Some(error)),
                Err(other) => return Err(other),
            }
            if self.tcp_only {
                tried.push(file.display().to_string());
            }
        }
        Err(fault.map_or(ClientError::NotRunning { tried }, ClientError::Io))
    }

    /// What runs for the owner of another's home is not to be trusted, and is none of our business.
    fn in_whose_home(&self, error: ClientError) -> ClientError {
        match (error, foreign_home()) {
            (ClientError::Untrusted { .. }, Some(home)) if !self.named => home.into(),
            (error, _) => error,
        }
    }

    /// Both directions of one connection to the socket or pipe. Never by TCP, which takes a capability.
    pub(crate) fn open_both(&self) -> Result<Both, ClientError> {
        let mut tried = Vec::new();
        for place in &self.places {
            match trusted(place).and_then(|()| Ok(system::connect_both(place, CONNECT_LIMIT)?)) {
                Err(ClientError::Io(error)) if is_absent(&error) => tried.push(place.to_string()),
                opened => return opened,
            }
        }
        Err(ClientError::NotRunning { tried })
    }

    fn open_socket(&self, place: &Place, until: Instant) -> Result<Link, ClientError> {
        trusted(place)?;
        let stream = system::connect(place, left(until)?)?;
        let capability = match place::mounted_capability(place) {
            Some(file) if self.capability.is_none() => mounted(&file)?,
            Some(_) | None => self.capability.clone(),
        };
        Ok(Link { stream, host: "localhost".to_owned(), capability })
    }

    /// The name was given to us by whoever started the container: there is nothing to check it by.
    fn open_door(&self, door: &str, until: Instant) -> Result<Link, ClientError> {
        let mut fault = io::Error::from(ErrorKind::NotFound);
        for address in door.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, left(until)?) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    let capability = match &self.capability {
                        Some(capability) => Some(capability.clone()),
                        None => mounted(&Path::new(MOUNT).join(CAPABILITY_FILE))?,
                    };
                    let host = door.to_owned();
                    return Ok(Link { stream: Box::new(stream), host, capability });
                }
                Err(error) => fault = error,
            }
        }
        if is_absent(&fault) {
            return Err(ClientError::NotRunning { tried: vec![door.to_owned()] });
        }
        Err(ClientError::Io(fault))
    }

    fn open_tcp(&self, file: &Path, until: Instant) -> Result<Link, ClientError> {
        let untrusted = |why| ClientError::Untrusted { path: file.display().to_string(), why };
        let read = system::read_private(file).map_err(|error| owner::barring(file, error))?;
        let text = Zeroizing::new(read.map_err(untrusted)?);
        let endpoint: Endpoint = serde_json::from_str(&text)
            .map_err(|_| untrusted("it is no endpoint file".to_owned()))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, endpoint.port));
        let stream = TcpStream::connect_timeout(&address, left(until)?)?;
        if !system::listener_is_ours(&endpoint)? {
            // The file outlived its agent, and another user has the port by now: nothing is sent there.
            // No socket answered either, so no agent runs; where TCP is the only way, nobody looked.
            return Err(if self.tcp_only {
                untrusted("the port it names is another user's".to_owned())
            } else {
                ClientError::Io(ErrorKind::ConnectionRefused.into())
            });
        }
        stream.set_nodelay(true)?;
        let capability = match &self.capability {
            Some(capability) => capability.clone(),
            None => Capability::parse(endpoint.capability.to_string())?,
        };
        let host = format!("127.0.0.1:{}", endpoint.port);
        Ok(Link { stream: Box::new(stream), host, capability: Some(capability) })
    }
}

fn trusted(place: &Place) -> Result<(), ClientError> {
    let looked = system::distrust(place).map_err(|error| match place {
        Place::Socket(path) => owner::barring(path, error),
        Place::Pipe(_) => error,
    });
    match looked? {
        Some(why) => Err(ClientError::Untrusted { path: place.to_string(), why }),
        None => Ok(()),
    }
}

/// The two directions of one connection, for a thread each.
pub(crate) struct Both {
    pub(crate) incoming: Box<dyn Read + Send>,
    pub(crate) outgoing: Box<dyn Outgoing>,
}

pub(crate) trait Outgoing: Write + Send {
    /// Nothing more will be written; what is still to be read is read.
    fn end(&mut self) -> io::Result<()>;
}

/// One call, before it is known where it goes.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'static str,
    pub(crate) path: &'a str,
    pub(crate) body: Option<&'a [u8]>,
    pub(crate) limit: Limit,
}

/// How long is the other side waited for?
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// From connecting to the last byte.
    Whole(Duration),
    /// For good, as long as no single read or write is silent for longer.
    Silence(Duration),
    Never,
}

impl Limit {
    fn connecting(self) -> Duration {
        match self {
            Self::Whole(limit) => limit,
            Self::Silence(_) | Self::Never => CONNECT_LIMIT,
        }
    }

    pub(crate) fn seconds(self) -> u64 {
        match self {
            Self::Whole(limit) | Self::Silence(limit) => limit.as_secs(),
            Self::Never => 0,
        }
    }
}

/// How long may connecting take where the answer itself has no deadline?
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

struct Link {
    stream: Box<dyn Stream>,
    host: String,
    capability: Option<Capability>,
}

/// What goes behind `Authorization: Bearer`.
#[derive(Clone)]
struct Capability(Zeroizing<String>);

impl Capability {
    /// Base64url and nothing else: it goes into a header.
    fn parse(text: String) -> Result<Self, ClientError> {
        let text = Zeroizing::new(text);
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=".contains(&byte);
        if text.is_empty() || text.len() > 256 || !text.bytes().all(sound) {
            return Err(ClientError::protocol("the capability is no base64url text"));
        }
        Ok(Self(text))
    }
}

impl std::fmt::Debug for Capability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Capability")
    }
}

/// A socket, a pipe or a TCP connection.
pub(crate) trait Stream: Read + Write + Send {
    /// No read or write waits longer; `None` waits for good.
    fn wait_at_most(&mut self, limit: Option<Duration>) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn wait_at_most(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout(limit)?;
        self.set_write_timeout(limit)
    }
}

/// One deadline over all reads and writes, however small the pieces come, or one for each.
pub(crate) struct Timed {
    stream: Box<dyn Stream>,
    limit: Limit,
    begun: Instant,
}

impl Timed {
    /// From now on no single read waits longer.
    pub(crate) fn wait_at_most(&mut self, limit: Duration) {
        self.limit = Limit::Silence(limit);
    }

    fn before(&mut self) -> io::Result<()> {
        match self.limit {
            Limit::Never => Ok(()),
            Limit::Whole(limit) => self.stream.wait_at_most(Some(left(self.begun + limit)?)),
            Limit::Silence(limit) => self.stream.wait_at_most(Some(limit)),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.before()?;
            match self.stream.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.before()?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// What lies in the folder that is mounted into our container; without it the agent says no.
fn mounted(file: &Path) -> Result<Option<Capability>, ClientError> {
    let text = match system::read_mounted(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let text =
        text.map_err(|why| ClientError::Untrusted { path: file.display().to_string(), why })?;
    Capability::parse(text).map(Some)
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::NotADirectory
    )
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod tests;
