//! HTTP/1.1, the client's half, blocking: one request out, one answer in. Decides what a well-formed
//! answer is; never opens a connection, never looks up a proxy.

use std::io::Read;

use zeroize::Zeroizing;

use crate::error::ClientError;
use crate::wire::{GUARD_HEADER, GUARD_VALUE};

/// How large may an answer's head be?
const HEAD_LIMIT: usize = 32 * 1024;
/// How large may an answer's body, or one line of a stream, be?
const BODY_LIMIT: usize = 8 * 1024 * 1024;
const READ_SIZE: usize = 8 * 1024;

/// One request, before it becomes bytes.
pub(crate) struct Request<'a> {
    pub(crate) method: &'static str,
    pub(crate) path: &'a str,
    pub(crate) host: &'a str,
    pub(crate) capability: Option<&'a str>,
    pub(crate) body: Option<&'a [u8]>,
}

impl Request<'_> {
    /// Head and body in one piece, so that one write sends it.
    pub(crate) fn bytes(&self) -> Zeroizing<Vec<u8>> {
        let body = self.body.unwrap_or_default();
        let mut bytes = Zeroizing::new(Vec::with_capacity(512 + body.len()));
        let mut add = |parts: &[&str]| parts.iter().for_each(|p| bytes.extend(p.as_bytes()));
        add(&[self.method, " ", self.path, " HTTP/1.1\r\nHost: ", self.host, "\r\n"]);
        add(&[GUARD_HEADER, ": ", GUARD_VALUE, "\r\n"]);
        if let Some(capability) = self.capability {
            add(&["Authorization: Bearer ", capability, "\r\n"]);
        }
        if self.body.is_some() {
            add(&["Content-Type: application/json\r\n"]);
        }
        if self.body.is_some() || self.method != "GET" {
            add(&["Content-Length: ", &body.len().to_string(), "\r\n"]);
        }
        add(&["\r\n"]);
        bytes.extend(body);
        bytes
    }
}

/// An answer whose head is read; the body follows as it comes.
pub(crate) struct Answer<S> {
    pub(crate) status: u16,
    stream: S,
    framing: Framing,
    raw: Zeroizing<Vec<u8>>,
    decoded: Zeroizing<Vec<u8>>,
}

/// How the body's end is known (RFC 9112 §6.3).
#[derive(Debug, PartialEq)]
enum Framing {
    Length(usize),
    Chunk(Chunk),
    UntilClose,
    Done,
}

#[derive(Debug, PartialEq)]
enum Chunk {
    Size,
    Data(usize),
    DataEnd,
    Trailer,
}

enum Step {
    Progress,
    NeedMore,
}

impl<S: Read> Answer<S> {
    /// Reads up to the end of the head; interim answers (1xx) are skipped.
    pub(crate) fn read(stream: S) -> Result<Self, ClientError> {
        let mut answer = Self {
            status: 0,
            stream,
            framing: Framing::Done,
            raw: Zeroizing::default(),
            decoded: Zeroizing::default(),
        };
        loop {
            match head(&answer.raw)? {
                Some(head) if (100..200).contains(&head.status) => {
                    drop(answer.raw.drain(..head.length))
                }
                Some(head) => {
                    answer.raw.drain(..head.length);
                    answer.status = head.status;
                    answer.framing = head.framing;
                    return Ok(answer);
                }
                None if answer.raw.len() > HEAD_LIMIT => {
                    return Err(ClientError::protocol("its head is too large"));
                }
                None if answer.fill()? => {}
                None => return Err(ClientError::protocol("it ended within the head")),
            }
        }
    }

    pub(crate) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The whole body.
    pub(crate) fn body(mut self) -> Result<Zeroizing<Vec<u8>>, ClientError> {
        while self.advance()? {}
        Ok(self.decoded)
    }

    /// The next line of a stream without its end; `None` after the last.
    pub(crate) fn line(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, ClientError> {
        loop {
            if let Some(end) = self.decoded.iter().position(|&byte| byte == b'\n') {
                let mut line: Vec<u8> = self.decoded.drain(..=end).collect();
                line.truncate(end);
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(Some(Zeroizing::new(line)));
            }
            if !self.advance()? {
                let rest = std::mem::take(&mut *self.decoded);
                return Ok(Some(Zeroizing::new(rest)).filter(|rest| !rest.is_empty()));
            }
        }
    }

    /// Decodes some more of the body; `false` at its end.
    fn advance(&mut self) -> Result<bool, ClientError> {
        if self.decoded.len() > BODY_LIMIT {
            return Err(ClientError::protocol("its body is too large"));
        }
        loop {
            if self.framing == Framing::Done {
                return Ok(false);
            }
            let before = self.decoded.len();
            let needs_more = matches!(self.step()?, Step::NeedMore);
            if self.decoded.len() > before {
                return Ok(true);
            }
            if !needs_more || self.fill()? {
                continue;
            }
            if self.framing == Framing::UntilClose {
                self.framing = Framing::Done;
                return Ok(false);
            }
            return Err(ClientError::protocol("it ended within the body"));
        }
    }

    fn step(&mut self) -> Result<Step, ClientError> {
        let available = self.raw.len();
        match &mut self.framing {
            Framing::Done | Framing::Length(0) => self.framing = Framing::Done,
            Framing::UntilClose if available > 0 => self.take(available),
            Framing::Length(left) | Framing::Chunk(Chunk::Data(left)) if available > 0 => {
                let size = available.min(*left);
                *left -= size;
                match self.framing {
                    Framing::Length(0) => self.framing = Framing::Done,
                    Framing::Chunk(Chunk::Data(0)) => {
                        self.framing = Framing::Chunk(Chunk::DataEnd);
                    }
                    _ => {}
                }
                self.take(size);
            }
            Framing::UntilClose | Framing::Length(_) | Framing::Chunk(Chunk::Data(_)) => {
                return Ok(Step::NeedMore);
            }
            Framing::Chunk(Chunk::Size) => return self.chunk_size(),
            Framing::Chunk(Chunk::DataEnd) => {
                let Some(line) = self.raw_line()? else { return Ok(Step::NeedMore) };
                if !line.is_empty() {
                    return Err(ClientError::protocol("a chunk is longer than it says"));
                }
                self.framing = Framing::Chunk(Chunk::Size);
            }
            Framing::Chunk(Chunk::Trailer) => {
                let Some(line) = self.raw_line()? else { return Ok(Step::NeedMore) };
                if line.is_empty() {
                    self.framing = Framing::Done;
                }
            }
        }
        Ok(Step::Progress)
    }

    fn chunk_size(&mut self) -> Result<Step, ClientError> {
        match httparse::parse_chunk_size(&self.raw) {
            Ok(httparse::Status::Complete((length, size))) => {
                self.raw.drain(..length);
                let size = usize::try_from(size).ok().filter(|size| *size <= BODY_LIMIT);
                let size = size.ok_or_else(|| ClientError::protocol("a chunk is too large"))?;
                let next = if size == 0 { Chunk::Trailer } else { Chunk::Data(size) };
                self.framing = Framing::Chunk(next);
                Ok(Step::Progress)
            }
            Ok(httparse::Status::Partial) => Ok(Step::NeedMore),
            Err(_) => Err(ClientError::protocol("a chunk's size is no number")),
        }
    }

    fn raw_line(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        let Some(end) = self.raw.windows(2).position(|pair| pair == b"\r\n") else {
            let too_long = self.raw.len() > HEAD_LIMIT;
            return if too_long {
                Err(ClientError::protocol("a line has no end"))
            } else {
                Ok(None)
            };
        };
        let line = self.raw.drain(..end + 2).take(end).collect();
        Ok(Some(line))
    }

    fn take(&mut self, size: usize) {
        self.decoded.extend(self.raw.drain(..size));
    }

    /// Reads once; `false` where the other side has closed.
    fn fill(&mut self) -> Result<bool, ClientError> {
        let mut buffer = Zeroizing::new([0; READ_SIZE]);
        let size = self.stream.read(&mut *buffer)?;
        self.raw.extend(&buffer[..size]);
        Ok(size > 0)
    }
}

struct Head {
    length: usize,
    status: u16,
    framing: Framing,
}

fn head(raw: &[u8]) -> Result<Option<Head>, ClientError> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(raw);
    match parsed.map_err(|error| ClientError::protocol(format!("no HTTP: {error}")))? {
        httparse::Status::Partial => Ok(None),
        httparse::Status::Complete(length) => {
            let status = response.code.unwrap_or_default();
            Ok(Some(Head { length, status, framing: framing(status, response.headers)? }))
        }
    }
}

fn framing(status: u16, headers: &[httparse::Header<'_>]) -> Result<Framing, ClientError> {
    if (100..200).contains(&status) || status == 204 || status == 304 {
        return Ok(Framing::Done);
    }
    let all = |name: &'static str| {
        headers
            .iter()
            .filter(move |h| h.name.eq_ignore_ascii_case(name))
            .map(|h| h.value.trim_ascii())
    };
    let coding = all("transfer-encoding").next();
    let mut lengths = all("content-length");
    let length = lengths.next();
    if lengths.any(|other| Some(other) != length) || (coding.is_some() && length.is_some()) {
        return Err(ClientError::protocol("its length is said twice"));
    }
    match (coding, length) {
        (Some(coding), _) if coding.eq_ignore_ascii_case(b"chunked") => {
            Ok(Framing::Chunk(Chunk::Size))
        }
        (Some(_), _) => Err(ClientError::protocol("its transfer coding is not known")),
        (None, Some(length)) => parse_length(length).map(Framing::Length),
        (None, None) => Ok(Framing::UntilClose),
    }
}

fn parse_length(text: &[u8]) -> Result<usize, ClientError> {
    let digits = std::str::from_utf8(text).ok().filter(|t| t.bytes().all(|b| b.is_ascii_digit()));
    let length = digits.and_then(|digits| digits.parse().ok());
    length
        .filter(|length| *length <= BODY_LIMIT)
        .ok_or_else(|| ClientError::protocol("its length is no sound number"))
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
