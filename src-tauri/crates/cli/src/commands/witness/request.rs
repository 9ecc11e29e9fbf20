//! One request and one answer a connection, HTTP/1.1: bounded in length and in time, whoever asks.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use dagpass_client::ledger::log::AddCheckpoint;

use super::cosign::Reply;

/// How long may one be until it is answered?
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// And how long may what is still sent behind the answer keep one of the few places?
const LINGER: Duration = Duration::from_secs(1);
const LONGEST_HEAD: usize = 8 * 1024;
const PATH: &str = "/add-checkpoint";

/// Reads one, and writes what `answer` says to its body.
pub(super) fn attend(stream: &TcpStream, answer: impl FnOnce(&[u8]) -> Reply) -> io::Result<()> {
    let mut timed = Timed { stream, until: Instant::now() + PATIENCE };
    let reply = match read(&mut timed)? {
        Ok(body) => answer(&body),
        Err(reply) => reply,
    };
    // Whoever was slow to ask still hears.
    timed.stream.set_write_timeout(Some(PATIENCE))?;
    timed.stream.write_all(shown(&reply).as_bytes())?;
    timed.stream.shutdown(Shutdown::Write)?;
    timed.until = Instant::now() + LINGER;
    // What was sent and never read would end the connection before the answer is there.
    let mut rest = [0; 4096];
    while timed.read(&mut rest).is_ok_and(|read| read > 0) {}
    Ok(())
}

/// A body, or what to say instead.
fn read(stream: &mut impl Read) -> io::Result<Result<Vec<u8>, Reply>> {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&bytes) {
            Ok(httparse::Status::Complete(head)) => match judged(&request) {
                Ok(length) => break (head, length),
                Err(reply) => return Ok(Err(reply)),
            },
            Ok(httparse::Status::Partial) if bytes.len() > LONGEST_HEAD => {
                return Ok(Err(Reply::plain(431, "the request's head is too long")));
            }
            Ok(httparse::Status::Partial) => more(stream, &mut bytes)?,
            Err(_) => return Ok(Err(Reply::plain(400, "this is no HTTP/1.1"))),
        }
    };
    while bytes.len() < head + length {
        more(stream, &mut bytes)?;
    }
    bytes.truncate(head + length);
    Ok(Ok(bytes.split_off(head)))
}

/// The length of its body.
fn judged(request: &httparse::Request<'_, '_>) -> Result<usize, Reply> {
    let all = |name: &'static str| {
        let named = |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case(name);
        request.headers.iter().filter(named).map(|header| header.value)
    };
    if request.path != Some(PATH) {
        return Err(Reply::plain(404, "this is a witness: POST /add-checkpoint"));
    }
    if request.method != Some("POST") {
        return Err(Reply::plain(405, "only POST"));
    }
    let mut lengths = all("content-length");
    let length = lengths.next().and_then(|text| str::from_utf8(text).ok());
    let Some(length) = length.filter(|_| all("transfer-encoding").next().is_none()) else {
        return Err(Reply::plain(411, "the request does not say how long it is"));
    };
    let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || lengths.next().is_some() {
        return Err(Reply::plain(400, "its length is no number"));
    }
    let length = length.parse().ok().filter(|length| *length <= AddCheckpoint::LONGEST);
    length.ok_or_else(|| Reply::plain(413, "a request is longer than 64 KiB"))
}

fn more(stream: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut block = [0; 4096];
    match stream.read(&mut block)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        read => {
            bytes.extend_from_slice(&block[..read]);
            Ok(())
        }
    }
}

fn shown(reply: &Reply) -> String {
    let Reply { status, kind, body } = reply;
    let words = match status {
        200 => "OK",
        409 => "Conflict",
        422 => "Unprocessable Entity",
        500 => "Internal Server Error",
        _ => "Refused",
    };
    let allow = if *status == 405 { "Allow: POST\r\n" } else { "" };
    let length = body.len();
    format!(
        "HTTP/1.1 {status} {words}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{allow}\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n{body}"
    )
}

/// All of a connection's reads together end in time.
struct Timed<'a> {
    stream: &'a TcpStream,
    until: Instant,
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Result<Vec<u8>, u16> {
        // A byte at a time: where it is cut decides nothing.
        let mut bytes = text.as_bytes();
        struct Drops<'a>(&'a mut &'a [u8]);
        impl Read for Drops<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let one = buffer.len().min(1);
                self.0.read(&mut buffer[..one])
            }
        }
        read(&mut Drops(&mut bytes)).map_or(Err(0), |read| read.map_err(|reply| reply.status))
    }

    #[test]
    fn whoever_stays_on_the_line_has_an_answer_and_keeps_no_place() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client
            .write_all(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 1\r\n\r\nx more")
            .unwrap();
        attend(&listener.accept().unwrap().0, |_| Reply::plain(200, "yes")).unwrap();
        let mut heard = String::new();
        client.read_to_string(&mut heard).unwrap();
        assert!(heard.ends_with("\r\n\r\nyes\n"), "{heard}");
        assert!(LINGER * 10 <= PATIENCE);
    }

    #[test]
    fn a_request_is_a_post_of_a_length_that_is_said_and_nothing_else() {
        let long = "x".repeat(LONGEST_HEAD);
        let table = [
            ("POST /add-checkpoint HTTP/1.1\r\nContent-Length: 3\r\n\r\nold", Ok(b"old".to_vec())),
            ("POST /add-checkpoint HTTP/1.1\r\ncontent-length: 2\r\n\r\nolder", Ok(b"ol".to_vec())),
            ("POST /add-checkpoint HTTP/1.1\r\nContent-Length: 3\r\n\r\nol", Err(0)),
            ("POST /add-checkpoint HTTP/1.1\r\n\r\n", Err(411)),
            ("POST /add-checkpoint HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", Err(411)),
            (
                "POST /add-checkpoint HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                Err(400),
            ),
            ("POST /add-checkpoint HTTP/1.1\r\nContent-Length: -1\r\n\r\n", Err(400)),
            ("POST /add-checkpoint HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", Err(413)),
            ("GET /add-checkpoint HTTP/1.1\r\n\r\n", Err(405)),
            ("GET / HTTP/1.1\r\n\r\n", Err(404)),
            ("no HTTP\r\n\r\n", Err(400)),
            ("", Err(0)),
        ];
        for (text, expected) in table {
            assert_eq!(asked(text), expected, "{text}");
        }
        assert_eq!(asked(&format!("POST / HTTP/1.1\r\nX: {long}{long}")), Err(431));
    }
}
