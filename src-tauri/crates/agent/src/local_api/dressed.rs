//! What hyper answers by itself, to a head that it cannot read (400, 414, 431), is an answer too and
//! carries the headers of all others (statement 14). Looks at what is written last, never at a body.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::reply::ALWAYS;

/// How hyper's own answers begin: the fault is the client's.
const OWN: &[u8] = b"HTTP/1.1 4";
/// How they end: no body follows.
const END: &[u8] = b"\r\n\r\n";

/// A connection whose bare answers are dressed on their way out.
#[derive(Debug)]
pub(super) struct Dressed<S> {
    stream: S,
    /// The dressed answer, as far as the stream has not taken it yet.
    waiting: Vec<u8>,
}

impl<S> Dressed<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, waiting: Vec::new() }
    }
}

impl<S: AsyncWrite + Unpin> Dressed<S> {
    fn drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.waiting.is_empty() {
            let taken = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.waiting))?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.waiting.drain(..taken);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Dressed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

/// Not vectored, so that hyper hands over an answer as one piece.
impl<S: AsyncWrite + Unpin> AsyncWrite for Dressed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.drain(cx))?;
        let Some(dressed) = dressed(buf) else {
            return Pin::new(&mut self.stream).poll_write(cx, buf);
        };
        self.waiting = dressed;
        match self.drain(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(buf.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.drain(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.drain(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// `None` where nothing is to be done. An answer of ours may stand before the bare one.
fn dressed(written: &[u8]) -> Option<Vec<u8>> {
    let head = written.strip_suffix(END)?;
    let start = head.windows(OWN.len()).rposition(|part| part == OWN)?;
    let own = std::str::from_utf8(&head[start..]).ok()?;
    let bare = own.contains("\r\ncontent-length: 0") && !own.contains(ALWAYS[0].0);
    if !bare {
        return None;
    }
    let mut dressed = head.to_vec();
    for (name, value) in ALWAYS {
        dressed.extend_from_slice(format!("\r\n{name}: {value}").as_bytes());
    }
    dressed.extend_from_slice(END);
    Some(dressed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const BARE: &str = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\
                        date: Tue, 24 Nov 2026 22:00:00 GMT\r\n\r\n";

    #[test]
    fn only_a_bare_answer_at_the_end_is_dressed() {
        let ours = "HTTP/1.1 400 Bad Request\r\ncache-control: no-store\r\n\
                    content-length: 0\r\n\r\n";
        for untouched in [
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "5\r\nHTTP/1.1 400\r\n0\r\n\r\n",
            &BARE[..BARE.len() - 2],
            ours,
        ] {
            assert_eq!(dressed(untouched.as_bytes()), None, "{untouched}");
        }
        let both = format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{{}}{BARE}");
        let text = String::from_utf8(dressed(both.as_bytes()).unwrap()).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 400 "));
        assert!(text.ends_with("\r\nx-frame-options: DENY\r\n\r\n"), "{text}");
    }

    #[tokio::test]
    async fn a_reader_that_takes_a_byte_at_a_time_gets_it_whole() {
        let (near, mut far) = tokio::io::duplex(1);
        let writing = tokio::spawn(async move {
            let mut stream = Dressed::new(near);
            stream.write_all(BARE.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        });
        let mut text = String::new();
        far.read_to_string(&mut text).await.unwrap();
        writing.await.unwrap();
        assert_eq!(text.as_bytes(), dressed(BARE.as_bytes()).unwrap());
    }
}
