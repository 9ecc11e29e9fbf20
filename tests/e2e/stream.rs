//! A reader of `GET /v1/events` on the agent's socket: keeps every line it was sent, or does not read
//! at all for as long as a test wants that.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use serde_json::Value;

use crate::wait::PATIENCE;

#[derive(Debug, Default)]
struct Told {
    lines: Vec<Value>,
    over: bool,
}

#[derive(Debug)]
pub(crate) struct Stream {
    told: Arc<(Mutex<Told>, Condvar)>,
}

/// A stream that was asked for and of which nothing is read yet.
#[derive(Debug)]
pub(crate) struct Unread(UnixStream);

impl Unread {
    pub(crate) fn open(socket: &Path) -> Self {
        let mut stream = UnixStream::connect(socket).unwrap();
        let head = "GET /v1/events HTTP/1.1\r\nHost: localhost\r\nSec-Dagpass: 1\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        Self(stream)
    }

    /// The connection itself.
    pub(crate) fn into_inner(self) -> UnixStream {
        self.0
    }

    pub(crate) fn read(self) -> Stream {
        let told = Arc::new((Mutex::new(Told::default()), Condvar::new()));
        let ours = Arc::clone(&told);
        let mut stream = self.0;
        std::thread::spawn(move || {
            let (mut text, mut part) = (Vec::new(), [0; 16 * 1024]);
            while let Ok(count @ 1..) = stream.read(&mut part) {
                text.extend_from_slice(&part[..count]);
                // Between the lines stand heads of chunks, which are no JSON.
                while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = text.drain(..=end).collect();
                    if line.first() == Some(&b'{') {
                        let value = serde_json::from_slice(&line).unwrap();
                        ours.0.lock().unwrap().lines.push(value);
                        ours.1.notify_all();
                    }
                }
            }
            ours.0.lock().unwrap().over = true;
            ours.1.notify_all();
        });
        Stream { told }
    }
}

impl Stream {
    pub(crate) fn open(socket: &Path) -> Self {
        Unread::open(socket).read()
    }

    /// The first line, whenever it came, in which `found` sees what it looks for.
    pub(crate) fn wait_for<T>(&self, what: &str, found: impl Fn(&Value) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        let mut told = self.told.0.lock().unwrap();
        loop {
            if let Some(value) = told.lines.iter().find_map(&found) {
                return value;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !told.over, "no {what} in {:#?}", told.lines);
            told = self.told.1.wait_timeout(told, left).unwrap().0;
        }
    }

    pub(crate) fn wait_for_end(&self) {
        let end = Instant::now() + PATIENCE;
        let mut told = self.told.0.lock().unwrap();
        while !told.over {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the stream does not end");
            told = self.told.1.wait_timeout(told, left).unwrap().0;
        }
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        self.told.0.lock().unwrap().lines.clone()
    }
}

/// The record of a line, where it is one of this event.
pub(crate) fn record(line: &Value, event: &str) -> Option<Value> {
    let record = line.get("record").filter(|record| record["event"] == event)?;
    Some(record.clone())
}
