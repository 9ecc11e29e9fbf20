//! A collector of logs that takes all that comes (OTLP/HTTP), and keeps it as it came.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use flate2::read::GzDecoder;

#[derive(Debug)]
pub(crate) struct Collector {
    pub(crate) port: u16,
    taken: Arc<Mutex<Vec<u8>>>,
    is_open: Arc<AtomicBool>,
}

impl Collector {
    /// Listens for as long as the test runs.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken: Arc<Mutex<Vec<u8>>> = Arc::default();
        let is_open = Arc::new(AtomicBool::new(true));
        let (here, open) = (Arc::clone(&taken), Arc::clone(&is_open));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever asks may be killed meanwhile.
                if let Ok(body) = take(&stream, open.load(Ordering::SeqCst)) {
                    here.lock().unwrap().extend(body);
                }
            }
        });
        Self { port, taken, is_open }
    }

    /// From now on nothing is taken, or all is.
    pub(crate) fn open(&self, is_open: bool) {
        self.is_open.store(is_open, Ordering::SeqCst);
    }

    /// Strings stand in protobuf as they are.
    pub(crate) fn has(&self, text: &str) -> bool {
        let taken = self.taken.lock().unwrap();
        taken.windows(text.len()).any(|part| part == text.as_bytes())
    }
}

/// What it took: nothing while it is shut.
fn take(mut stream: &TcpStream, is_open: bool) -> std::io::Result<Vec<u8>> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut packed) = (0, false);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some(told) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = told.trim().parse().unwrap();
        }
        packed |= line.eq_ignore_ascii_case("content-encoding: gzip\r\n");
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let status = if is_open { "200 OK" } else { "503 Service Unavailable" };
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes())?;
    let mut unpacked = Vec::new();
    match (is_open, packed) {
        (false, _) => {}
        (true, false) => unpacked = body,
        (true, true) => drop(GzDecoder::new(&body[..]).read_to_end(&mut unpacked)?),
    }
    Ok(unpacked)
}
