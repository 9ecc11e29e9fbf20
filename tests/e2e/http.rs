//! The smallest HTTP/1.1 client: one request a connection, a body of known length, a deadline.
//! Written here so that the tests do not speak to the agent through the agent's own client.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(40);

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a str,
}

/// `url` is plain http with a literal address.
pub(crate) fn request(url: &str, method: &str, body: &str) -> io::Result<Reply> {
    with_headers(url, method, &[], body)
}

pub(crate) fn with_headers(
    url: &str,
    method: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Reply> {
    let rest = url.strip_prefix("http://").expect("the tests' own servers speak plain http");
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let path = if path.is_empty() { "/" } else { path };
    converse(stream, host, Call { method, path, headers, body })
}

/// The agent's socket, with the header its guard asks for.
pub(crate) fn on_socket(socket: &Path, method: &str, path: &str, body: &str) -> io::Result<Reply> {
    let headers = [("Sec-Dagpass", "1"), ("Content-Type", "application/json")];
    on_socket_with(socket, (method, path), &headers, body)
}

/// With these headers and no others.
pub(crate) fn on_socket_with(
    socket: &Path,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Reply> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    converse(stream, "localhost", Call { method, path, headers, body })
}

fn converse(mut stream: impl Read + Write, host: &str, call: Call<'_>) -> io::Result<Reply> {
    let mut text = format!("{} {} HTTP/1.1\r\nHost: {host}\r\n", call.method, call.path);
    for (name, value) in call.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !call.body.is_empty() || call.method == "POST" {
        text.push_str(&format!("Content-Length: {}\r\n", call.body.len()));
    }
    text.push_str("Connection: close\r\n\r\n");
    text.push_str(call.body);
    stream.write_all(text.as_bytes())?;
    read_reply(stream)
}

fn read_reply(mut stream: impl Read) -> io::Result<Reply> {
    let mut bytes = Vec::new();
    let mut chunk = [0_u8; 16 * 1024];
    loop {
        if let Some(reply) = parse(&bytes) {
            return Ok(reply);
        }
        let count = match stream.read(&mut chunk) {
            // A read with a deadline is cut short by any signal: a child's end, say.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the answer was cut short"));
        }
        bytes.extend_from_slice(&chunk[..count]);
    }
}

fn parse(bytes: &[u8]) -> Option<Reply> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length: Option<usize> = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    match length {
        Some(length) if body.len() >= length => Some(Reply { status, body: body.to_owned() }),
        Some(_) => None,
        None => (status == 204).then(|| Reply { status, body: String::new() }),
    }
}
