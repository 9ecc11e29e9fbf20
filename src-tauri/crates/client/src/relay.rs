//! One connection to the agent, carried over two streams of bytes, for a far side that can start a
//! program here and cannot open our socket or pipe. Reads nothing of what it carries.

use std::io::{self, ErrorKind, Read, Write};

use zeroize::Zeroizing;

use crate::endpoint::{Agent, Both};
use crate::error::ClientError;
use crate::http::{Answer, Request};
use crate::routes::refusal;
use crate::wire::RelayAsk;

const PIECE: usize = 16 * 1024;

impl Agent {
    /// Until the agent hangs up. Where `from` ends, the answer that is under way is still carried. The
    /// agent is told first that the connection is somebody else's, and what it is narrowed to.
    pub fn carry(
        &self,
        ask: &RelayAsk,
        from: impl Read + Send + 'static,
        to: impl Write,
    ) -> Result<(), ClientError> {
        let Both { mut incoming, mut outgoing } = self.open_both()?;
        let body = serde_json::to_vec(ask).map_err(io::Error::from)?;
        let (method, path, body) = ("POST", "/v1/relay", Some(&body[..]));
        let request = Request { method, path, host: "localhost", capability: None, body };
        outgoing.write_all(&request.bytes())?;
        outgoing.flush()?;
        // Nothing else was asked on it yet, so nothing beyond this answer is read here.
        let answer = Answer::read(&mut incoming)?;
        let status = answer.status;
        let body = answer.body()?;
        if status != 200 {
            return Err(refusal(status, &body));
        }
        std::thread::Builder::new().name("relay".to_owned()).spawn(move || {
            // The agent's answer, or its silence, says what became of a request cut short.
            match copy(from, &mut outgoing).and_then(|()| outgoing.end()) {
                Ok(()) | Err(_) => {}
            }
        })?;
        match copy(incoming, to) {
            // Nobody reads on.
            Err(gone) if gone.kind() == ErrorKind::BrokenPipe => Ok(()),
            carried => Ok(carried?),
        }
    }
}

/// As `io::copy`, but each piece is on its way before the next is awaited, and none stays in memory.
fn copy(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut piece = Zeroizing::new([0; PIECE]);
    loop {
        match from.read(piece.as_mut()) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                to.write_all(&piece[..count])?;
                to.flush()?;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
