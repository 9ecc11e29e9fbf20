//! One connection to the agent, carried over two streams of bytes, for a far side that can start a
//! program here and cannot open our socket or pipe. Reads nothing of what it carries.

use std::io::{self, ErrorKind, Read, Write};

use zeroize::Zeroizing;

use crate::endpoint::{Agent, Both};
use crate::error::ClientError;

const PIECE: usize = 16 * 1024;

impl Agent {
    /// Until the agent hangs up. Where `from` ends, the answer that is under way is still carried.
    pub fn carry(
        &self,
        from: impl Read + Send + 'static,
        to: impl Write,
    ) -> Result<(), ClientError> {
        let Both { incoming, mut outgoing } = self.open_both()?;
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
