//! A line of the ledger and how lines hang together: sequence, time, and the hash of the line before.

use std::io;

use jiff::fmt::temporal::DateTimePrinter;

pub(super) use dagpass_client::ledger::hex;
use dagpass_client::ledger::log::leaf_hash;
use dagpass_client::ledger::{Line, VERSION};
use dagpass_core::audit::Receipt;

use crate::random::salt;

/// What stands where the first line names the line before it.
pub(super) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// How long may a line be? An entry of a tile has two bytes for its length (C2SP tlog-tiles).
const LONGEST: usize = 65_535;

/// Where the chain goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) next: u64,
    /// SHA-256 of the last line without its newline, in hex.
    pub(super) previous: String,
}

impl Chain {
    /// The next sequence number, and the hash of the last line whatever it says.
    pub(super) fn behind(tail: &[u8]) -> Self {
        let lines: Vec<&[u8]> =
            tail.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
        let previous = lines.last().map_or_else(|| GENESIS.to_owned(), |line| hex(line));
        let sequence = |line: &&[u8]| {
            let value: serde_json::Value = serde_json::from_slice(line).ok()?;
            value.get("seq")?.as_u64()
        };
        let last = lines.iter().rev().find_map(sequence);
        Self { next: last.map_or(1, |seq| seq + 1), previous }
    }

    /// Writes it as the next line behind `text`, newline included, and returns the chain behind it.
    pub(super) fn link(
        &self,
        text: &mut Vec<u8>,
        now: i64,
        mut line: Line,
    ) -> io::Result<(Self, Receipt)> {
        (line.v, line.seq, line.time) = (VERSION, self.next, rfc3339(now));
        line.prev.clone_from(&self.previous);
        line.salt = Some(salt().map_err(io::Error::other)?);
        let start = text.len();
        let written = serde_json::to_writer(&mut *text, &line).map_err(io::Error::from);
        let line = &text[start..];
        let fits = written.and_then(|()| if line.len() <= LONGEST { Ok(()) } else { too_long() });
        if let Err(error) = fits {
            text.truncate(start);
            return Err(error);
        }
        let receipt = Receipt { seq: self.next, leaf: leaf_hash(line).0 };
        let previous = hex(line);
        text.push(b'\n');
        Ok((Self { next: self.next + 1, previous }, receipt))
    }
}

fn too_long() -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "the record would be longer than a line may be",
    ))
}

/// UTC with milliseconds (RFC 3339).
pub(super) fn rfc3339(millis: i64) -> String {
    const WITH_MILLISECONDS: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    WITH_MILLISECONDS.timestamp_to_string(&time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc3339_in_utc() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_709_210_096_789), "2024-02-29T12:34:56.789Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999Z");
    }
}
