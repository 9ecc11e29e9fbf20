//! An upstream on loopback that writes down every byte it was sent, and answers as its path says: well, badly, or
//! in pieces. Raw, so that nothing between stands in for what the proxy does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Request line and headers.
    pub(crate) head: String,
    pub(crate) length: u64,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (own, value) = line.split_once(':')?;
            own.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }
}

#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    gate: Arc<Gate>,
}

/// What holds the second half of a stream back.
#[derive(Debug, Default)]
struct Gate(Mutex<bool>, Condvar);

/// What it keeps of a body that is text.
const KEPT: usize = 4096;

impl Upstream {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, gate): (Arc<Mutex<Vec<Seen>>>, Arc<Gate>) = Default::default();
        let (all, held) = (seen.clone(), gate.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (all, held) = (all.clone(), held.clone());
                thread::spawn(move || serve(stream, &all, (&held, port)));
            }
        });
        Self { port, seen, gate }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Lets the second half of every stream go.
    pub(crate) fn release(&self) {
        *self.gate.0.lock().unwrap() = true;
        self.gate.1.notify_all();
    }
}

/// As long as the connection is kept.
fn serve(stream: TcpStream, all: &Mutex<Vec<Seen>>, (gate, port): (&Gate, u16)) {
    stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some(seen) = request(&mut reader) {
        let path = seen.line().split(' ').nth(1).unwrap_or_default().to_owned();
        all.lock().unwrap().push(seen.clone());
        let count = all.lock().unwrap().iter().filter(|one| one.line() == seen.line()).count();
        if answer(&mut stream, (&path, &seen), (gate, port, count)).is_err() {
            return;
        }
    }
}

fn request(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line);
    }
    let seen = Seen { head, length: 0, body: String::new() };
    let mut kept = Vec::new();
    let mut length = 0_u64;
    let mut take = |reader: &mut BufReader<TcpStream>, count: u64| {
        let mut part = reader.take(count);
        let mut chunk = [0; 64 * 1024];
        while let Ok(read @ 1..) = part.read(&mut chunk) {
            length += read as u64;
            if kept.len() < KEPT {
                kept.extend_from_slice(&chunk[..read]);
            }
        }
    };
    if let Some(count) = seen.header("content-length").and_then(|text| text.parse().ok()) {
        take(reader, count);
    } else if seen.header("transfer-encoding") == Some("chunked") {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let count = u64::from_str_radix(line.trim(), 16).ok()?;
            take(reader, count);
            // The line behind a chunk, or trailers and the last line.
            loop {
                let mut end = String::new();
                reader.read_line(&mut end).ok()?;
                if end == "\r\n" {
                    break;
                }
            }
            if count == 0 {
                break;
            }
        }
    }
    let body = String::from_utf8_lossy(&kept).into_owned();
    Some(Seen { length, body, ..seen })
}

const TEXT: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n";

fn answer(
    stream: &mut TcpStream,
    (path, seen): (&str, &Seen),
    (gate, port, count): (&Gate, u16, usize),
) -> std::io::Result<()> {
    let whole = |status: &str, more: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\n{more}content-length: {}\r\n\r\n{body}", body.len())
    };
    let name = path.split('?').next().unwrap_or_default();
    match name {
        "/redirect" => {
            let location = format!("location: http://127.0.0.1:{port}/landed?x=1\r\n");
            stream.write_all(whole("302 Found", &location, "").as_bytes())
        }
        "/away" => {
            let location = "location: https://elsewhere.example/x\r\n";
            stream.write_all(whole("302 Found", location, "").as_bytes())
        }
        // Whoever comes a second time is known better.
        "/stale" if count == 1 => {
            stream.write_all(whole("401 Unauthorized", "", "stale").as_bytes())
        }
        "/never" => stream.write_all(whole("401 Unauthorized", "x-own: 1\r\n", "never").as_bytes()),
        "/split" => {
            for byte in whole("200 OK", "x-split: yes\r\n", "in pieces").as_bytes() {
                stream.write_all(&[*byte])?;
                stream.flush()?;
            }
            Ok(())
        }
        "/short" => {
            stream.write_all(format!("{TEXT}content-length: 100\r\n\r\nten bytes.").as_bytes())?;
            stream.shutdown(std::net::Shutdown::Both)
        }
        "/two-lengths" => {
            let head = format!("{TEXT}content-length: 3\r\ncontent-length: 4\r\n\r\nabcd");
            stream.write_all(head.as_bytes())
        }
        "/garbage" => {
            stream.write_all(b"this is no HTTP\r\n\r\n")?;
            stream.shutdown(std::net::Shutdown::Both)
        }
        "/closes" => stream.shutdown(std::net::Shutdown::Both),
        "/switches" => stream.write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nraw",
        ),
        "/early" => {
            stream.write_all(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")?;
            stream.write_all(whole("200 OK", "", "late").as_bytes())
        }
        "/events" => {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            stream.write_all(head.as_bytes())?;
            stream.write_all(b"d\r\ndata: first\n\n\r\n")?;
            stream.flush()?;
            let mut open = gate.0.lock().unwrap();
            while !*open {
                open = gate.1.wait(open).unwrap();
            }
            stream.write_all(b"e\r\ndata: second\n\n\r\n0\r\n\r\n")
        }
        "/trailers" => stream.write_all(
            b"HTTP/1.1 200 OK\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nx-sum: 42\r\n\r\n",
        ),
        "/big" => {
            let mut left: usize = path.split('=').nth(1).and_then(|text| text.parse().ok()).unwrap();
            stream.write_all(format!("{TEXT}content-length: {left}\r\n\r\n").as_bytes())?;
            let chunk = [b'x'; 64 * 1024];
            while left > 0 {
                let part = left.min(chunk.len());
                stream.write_all(&chunk[..part])?;
                left -= part;
            }
            Ok(())
        }
        _ => {
            let told = format!("{} {}", seen.length, seen.line());
            stream.write_all(whole("200 OK", "", &told).as_bytes())
        }
    }
}
