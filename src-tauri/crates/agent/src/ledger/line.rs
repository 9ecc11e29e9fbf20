//! A line of the ledger and how lines hang together: sequence, time, and the hash of the line before.

use std::io::{self, Write as _};

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
/// And how long is one mostly?
const USUAL: usize = 1_024;

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

    /// Writes it as the next line behind `text`, newline included, and is the chain behind it.
    pub(super) fn link(
        &mut self,
        text: &mut Vec<u8>,
        time: &str,
        line: &Unlinked,
    ) -> io::Result<Receipt> {
        let (start, seq) = (text.len(), self.next);
        write!(text, r#"{{"v":{VERSION},"seq":{seq},"time":"{time}","prev":"{}","#, self.previous)?;
        text.extend_from_slice(line.rest());
        let line = &text[start..];
        if line.len() > LONGEST {
            text.truncate(start);
            return too_long();
        }
        let receipt = Receipt { seq, leaf: leaf_hash(line).0 };
        (self.next, self.previous) = (seq + 1, hex(line));
        text.push(b'\n');
        Ok(receipt)
    }
}

/// How a line begins that the chain has given nothing yet: what comes behind is made before anybody waits.
const UNLINKED: &str = r#"{"v":2,"seq":0,"time":"","prev":"","#;

/// All of a line but its place in the chain.
pub(super) struct Unlinked(Vec<u8>);

impl Unlinked {
    pub(super) fn of(line: Line) -> io::Result<Self> {
        let salt = Some(salt().map_err(io::Error::other)?);
        let line = Line { v: VERSION, salt, ..line };
        let mut text = Vec::with_capacity(USUAL);
        serde_json::to_writer(&mut text, &line)?;
        match text.starts_with(UNLINKED.as_bytes()) {
            true => Ok(Self(text)),
            false => Err(io::Error::other("a line does not begin as lines do")),
        }
    }

    fn rest(&self) -> &[u8] {
        &self.0[UNLINKED.len()..]
    }
}

fn too_long<T>() -> io::Result<T> {
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
    fn a_line_that_was_made_before_its_place_was_known_is_the_one_that_its_fields_give() {
        let line = Line {
            v: VERSION,
            seq: 41,
            time: rfc3339(1_795_000_000_123),
            prev: hex(b"the line before"),
            event: "issue".into(),
            outcome: "ok".into(),
            reason: Some("a \"reason\" of\ntwo lines".to_owned()),
            ..Line::default()
        };
        let placeless = Line { seq: 0, time: String::new(), prev: String::new(), ..line.clone() };
        let unlinked = Unlinked::of(placeless).unwrap();
        let mut chain = Chain { next: line.seq, previous: line.prev.clone() };
        let mut text = b"before".to_vec();
        let receipt = chain.link(&mut text, &line.time, &unlinked).unwrap();
        let made = text.strip_prefix(b"before").and_then(|text| text.strip_suffix(b"\n")).unwrap();
        let salt = serde_json::from_slice::<Line>(made).unwrap().salt;
        assert!(salt.as_ref().is_some_and(|salt| salt.len() == 22), "{salt:?}");
        assert_eq!(made, serde_json::to_vec(&Line { salt, ..line }).unwrap());
        assert_eq!(receipt, Receipt { seq: 41, leaf: leaf_hash(made).0 });
        assert_eq!(chain, Chain { next: 42, previous: hex(made) });
    }

    #[test]
    fn times_are_rfc3339_in_utc() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_709_210_096_789), "2024-02-29T12:34:56.789Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999Z");
    }
}
