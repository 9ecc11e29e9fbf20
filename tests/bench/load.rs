//! The load: so many clients, each a thread that asks and waits, over every door of ours and the
//! peer's one. The request's bytes are built once; the answer is read to its end and its status looked
//! at, nothing more.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::figures::Samples;
use crate::peer::Peer;
use crate::process::Daemon;
use crate::stage::Stage;

const CLIENTS: [usize; 3] = [1, 8, 64];
const ROUNDS: usize = 3;
/// How long is one door under one load in one round?
const SPAN: Duration = Duration::from_millis(800);
const PATIENCE: Duration = Duration::from_secs(10);

/// One row of the table: a door under a number of clients.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) door: &'static str,
    pub(crate) clients: usize,
    /// Requests a second, one value a round.
    pub(crate) rates: Vec<f64>,
    pub(crate) latency: Samples,
    pub(crate) cpu: Duration,
    pub(crate) failed: usize,
}

/// Every door under every load, the peer's among ours, round after round.
pub(crate) fn rounds(stage: &Stage, peer: Option<&Peer>) -> Outcome<Vec<Load>> {
    let targets = targets(stage, peer)?;
    let mut rows: Vec<(usize, Load)> = Vec::new();
    for clients in CLIENTS {
        rows.extend(targets.iter().enumerate().map(|(at, target)| {
            let (rates, latency) = (Vec::new(), Samples::default());
            let (cpu, failed) = (Duration::ZERO, 0);
            (at, Load { door: target.name, clients, rates, latency, cpu, failed })
        }));
    }
    for _ in 0..ROUNDS {
        for (at, row) in &mut rows {
            if let Some(target) = targets.get(*at) {
                one(target, row)?;
            }
        }
    }
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// Our request in one piece.
pub(crate) fn request(host: &str, capability: Option<&str>) -> Vec<u8> {
    let bearer = capability.map_or(String::new(), |c| format!("Authorization: Bearer {c}\r\n"));
    format!(
        "POST /v1/token HTTP/1.1\r\nHost: {host}\r\nSec-Dagpass: 1\r\n{bearer}\
         Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    )
    .into_bytes()
}

/// One client of the socket that stays connected: each call is one token.
pub(crate) fn warm(stage: &Stage) -> Outcome<impl FnMut() -> Outcome<()>> {
    let target = targets(stage, None)?.into_iter().next().ok_or("there is no door")?;
    let (mut kept, mut buffer) = (None, vec![0; 16 * 1024]);
    Ok(move || Ok(ask(&target, &mut kept, &mut buffer)?))
}

struct Target<'a> {
    name: &'static str,
    place: Place,
    kept: bool,
    request: Vec<u8>,
    /// How an answer begins that is a token.
    good: &'static [u8],
    daemon: &'a Daemon,
}

#[derive(Clone)]
enum Place {
    Socket(PathBuf),
    Tcp(SocketAddr),
}

fn targets<'a>(stage: &'a Stage, peer: Option<&'a Peer>) -> Outcome<Vec<Target<'a>>> {
    const OK: &[u8] = b"HTTP/1.1 200";
    let daemon = stage.agent.as_ref().ok_or("the agent does not run")?;
    let endpoint = stage.endpoint()?;
    let socket = Place::Socket(stage.socket());
    let tcp = Place::Tcp((Ipv4Addr::LOCALHOST, endpoint.port).into());
    let host = format!("127.0.0.1:{}", endpoint.port);
    let on_tcp = request(&host, Some(&endpoint.capability));
    let ours = |name, place, kept, request| Target { name, place, kept, request, good: OK, daemon };
    let mut targets = vec![
        ours("socket, kept", socket.clone(), true, request("localhost", None)),
        ours("tcp, kept", tcp, true, on_tcp),
        ours("socket, new", socket, false, request("localhost", None)),
    ];
    if let Some((peer, daemon)) = peer.and_then(|peer| Some((peer, peer.agent.as_ref()?))) {
        targets.push(Target {
            name: "oidc-agent, new",
            place: Place::Socket(peer.socket()),
            kept: false,
            request: Peer::request(),
            good: b"{\"status\":\"success\"",
            daemon,
        });
    }
    Ok(targets)
}

fn one(target: &Target<'_>, row: &mut Load) -> Outcome<()> {
    let start = Barrier::new(row.clients + 1);
    let cpu = target.daemon.cpu();
    let (results, took) = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..row.clients)
            .map(|_| {
                let client = || client(target, &start);
                std::thread::Builder::new().stack_size(256 * 1024).spawn_scoped(scope, client)
            })
            .collect::<io::Result<_>>()?;
        start.wait();
        let began = Instant::now();
        let results: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        Ok::<_, io::Error>((results, began.elapsed()))
    })?;
    let mut count = 0;
    for result in results {
        let (samples, failed) = result.map_err(|_| "a client panicked")?;
        count += samples.len();
        row.latency.join(&samples);
        row.failed += failed;
    }
    row.cpu += target.daemon.cpu().saturating_sub(cpu);
    row.rates.push(count as f64 / took.as_secs_f64());
    Ok(())
}

/// One client's life: its samples, and how many requests were not answered with a token.
fn client(target: &Target<'_>, start: &Barrier) -> (Samples, usize) {
    let mut samples = Samples::default();
    let mut failed = 0;
    let mut kept = None;
    let mut buffer = vec![0; 16 * 1024];
    if target.kept && ask(target, &mut kept, &mut buffer).is_err() {
        // What opening costs is another row's; the loop below opens what is missing.
        failed += 1;
    }
    start.wait();
    let until = Instant::now() + SPAN;
    loop {
        let began = Instant::now();
        if began >= until {
            return (samples, failed);
        }
        match ask(target, &mut kept, &mut buffer) {
            Ok(()) => samples.add(began.elapsed()),
            Err(_) => failed += 1,
        }
    }
}

fn ask(target: &Target<'_>, kept: &mut Option<Stream>, buffer: &mut [u8]) -> io::Result<()> {
    let mut stream = match kept.take() {
        Some(stream) => stream,
        None => Stream::open(&target.place)?,
    };
    stream.write_all(&target.request)?;
    let mut length = 0;
    loop {
        let room = buffer.get_mut(length..).unwrap_or_default();
        let read = stream.read(room)?;
        length += read;
        let so_far = buffer.get(..length).unwrap_or_default();
        let over = if target.kept { whole(so_far) } else { read == 0 || whole(so_far) };
        if !over && read > 0 {
            continue;
        }
        if !over || !so_far.starts_with(target.good) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if target.kept {
            *kept = Some(stream);
        }
        return Ok(());
    }
}

/// Is this a whole HTTP answer? Ours always says how long it is; the peer's ends with the connection.
fn whole(answer: &[u8]) -> bool {
    const LENGTH: &[u8] = b"content-length: ";
    let find = |what: &[u8]| answer.windows(what.len()).position(|part| part == what);
    let (Some(head), Some(at)) = (find(b"\r\n\r\n"), find(LENGTH)) else { return false };
    let digits = answer.get(at + LENGTH.len()..).unwrap_or_default();
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    let length = digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
    answer.len() >= head + 4 + length
}

enum Stream {
    Socket(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    fn open(place: &Place) -> io::Result<Self> {
        Ok(match place {
            Place::Socket(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                Self::Socket(stream)
            }
            Place::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_nodelay(true)?;
                Self::Tcp(stream)
            }
        })
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Socket(stream) => stream.read(buffer),
            Self::Tcp(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Socket(stream) => stream.write(bytes),
            Self::Tcp(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
