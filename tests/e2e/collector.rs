//! A collector of logs that takes all that comes (OTLP/HTTP), and keeps it as it came.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use flate2::read::GzDecoder;

#[derive(Debug)]
pub(crate) struct Collector {
    pub(crate) port: u16,
    taken: Arc<Mutex<Vec<u8>>>,
}

impl Collector {
    /// Listens for as long as the test runs.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken: Arc<Mutex<Vec<u8>>> = Arc::default();
        let here = Arc::clone(&taken);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever asks may be killed meanwhile.
                if let Ok(body) = take(&stream) {
                    here.lock().unwrap().extend(body);
                }
            }
        });
        Self { port, taken }
    }

    /// Strings stand in protobuf as they are.
    pub(crate) fn has(&self, text: &str) -> bool {
        let taken = self.taken.lock().unwrap();
        taken.windows(text.len()).any(|part| part == text.as_bytes())
    }
}

fn take(mut stream: &TcpStream) -> std::io::Result<Vec<u8>> {
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
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    if !packed {
        return Ok(body);
    }
    let mut unpacked = Vec::new();
    GzDecoder::new(&body[..]).read_to_end(&mut unpacked)?;
    Ok(unpacked)
}
