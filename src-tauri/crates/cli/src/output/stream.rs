//! Stdout for what another program reads, record by record: byte for byte, unless it is a terminal.

use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Write};
use std::sync::atomic::Ordering;

use super::{UNREAD, harmless};
use crate::exit::Failure;

/// Of JSON or of text, each record whole and with its end.
pub(crate) fn stream<T>(
    write: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<(), Failure>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let terminal = io::stdout().is_terminal();
    let mut stdout = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    let done = write(&mut |record| {
        let written = match terminal {
            true => {
                let shown = harmless::text(&String::from_utf8_lossy(record));
                stdout.write_all(shown.as_bytes()).and_then(|()| stdout.flush())
            }
            false => stdout.write_all(record),
        };
        judged(written)
    })?;
    judged(stdout.flush())?;
    Ok(done)
}

fn judged(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        // The reader has what it wants.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            UNREAD.store(true, Ordering::Relaxed);
            Ok(())
        }
        Err(error) => Err(Failure::new("io", "stdout cannot be written").because(error)),
        Ok(()) => Ok(()),
    }
}
