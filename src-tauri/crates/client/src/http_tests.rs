//! Answers as bytes: whole, split anywhere, cut short, and garbage.

use super::*;

/// Gives the bytes in pieces of one size, as a slow peer does.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = self.1.min(self.0.len()).min(buffer.len());
        let (now, later) = self.0.split_at(size);
        buffer[..size].copy_from_slice(now);
        self.0 = later;
        Ok(size)
    }
}

fn whole(bytes: &str, piece: usize) -> Result<(u16, String), String> {
    let answer = Answer::read(Pieces(bytes.as_bytes(), piece)).map_err(|e| e.to_string())?;
    let status = answer.status;
    let body = answer.body().map_err(|e| e.to_string())?;
    Ok((status, String::from_utf8(body.to_vec()).unwrap()))
}

#[test]
fn an_answer_reads_the_same_however_it_is_split() {
    let cases = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody", 200, "body"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodyNEXT", 200, "body"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 4\r\n\r\nbody", 200, "body"),
        ("HTTP/1.1 401 \r\ncontent-length: 0\r\n\r\n", 401, ""),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        ("HTTP/1.1 200 OK\r\n\r\nuntil it closes", 200, "until it closes"),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
            200,
            "body",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1;x=y\r\nb\r\n0003\r\nody\r\n0\r\nA: b\r\n\r\n",
            200,
            "body",
        ),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx", 200, "x"),
    ];
    for (bytes, status, body) in cases {
        for piece in [1, 2, 3, 7, 4096] {
            assert_eq!(whole(bytes, piece), Ok((status, body.to_owned())), "{bytes:?} by {piece}");
        }
    }
}

#[test]
fn half_an_answer_is_an_error_never_a_short_body() {
    let cases = [
        ("", "ended within the head"),
        ("HTTP/1.1 200 OK\r\ncontent-le", "ended within the head"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nbody", "ended within the body"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbody", "ended within the body"),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n",
            "ended within the body",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n",
            "ended within the body",
        ),
    ];
    refused(&cases);
}

#[test]
fn garbage_is_refused() {
    let cases = [
        ("SSH-2.0-OpenSSH_9.2\r\n", "no HTTP"),
        ("\u{0}\u{1}\u{2}", "no HTTP"),
        ("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", "no sound number"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1e3\r\n\r\n", "no sound number"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n", "no sound number"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx", "said twice"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\nx",
            "said twice",
        ),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nx", "not known"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "no number"),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nbody\r\n",
            "longer than it says",
        ),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFFFFFF\r\n", "too large"),
    ];
    refused(&cases);
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "a".repeat(HEAD_LIMIT));
    let error = whole(&endless, 4096).unwrap_err();
    assert!(error.contains("head is too large"), "{error}");
}

fn refused(cases: &[(&str, &str)]) {
    for (bytes, expected) in cases {
        for piece in [1, 4096] {
            let error = whole(bytes, piece).unwrap_err();
            assert!(error.contains(expected), "{bytes:.80?} by {piece}: {error}");
        }
    }
}

#[test]
fn a_stream_gives_its_lines_as_they_come() {
    let bytes = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                 3\r\n{\"a\r\n6\r\n\":1}\n{\r\n3\r\n}\r\n\r\n4\r\nlast\r\n0\r\n\r\n";
    for piece in [1, 5, 4096] {
        let mut answer = Answer::read(Pieces(bytes.as_bytes(), piece)).unwrap();
        let mut lines = Vec::new();
        while let Some(line) = answer.line().unwrap() {
            lines.push(String::from_utf8(line.to_vec()).unwrap());
        }
        assert_eq!(lines, ["{\"a\":1}", "{}", "last"], "by {piece}");
    }
}

#[test]
fn a_request_carries_the_guard_and_no_more_than_it_must() {
    let request = Request {
        method: "POST",
        path: "/v1/token",
        host: "localhost",
        capability: Some("abc"),
        body: Some(b"{}"),
    };
    assert_eq!(
        std::str::from_utf8(&request.bytes()).unwrap(),
        "POST /v1/token HTTP/1.1\r\nHost: localhost\r\nSec-Dagpass: 1\r\n\
         Authorization: Bearer abc\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    );
    let get =
        Request { method: "GET", path: "/v1/status", capability: None, body: None, ..request };
    assert_eq!(
        std::str::from_utf8(&get.bytes()).unwrap(),
        "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nSec-Dagpass: 1\r\n\r\n"
    );
}
