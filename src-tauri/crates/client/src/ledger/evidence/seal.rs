//! What the log's key signs for an evidence pack: the manifest's digest, and which line of the ledger tells of
//! it. A signed note under the log's key with a name of its own, whose second line is no number: it is taken
//! for no checkpoint, whoever reads it.

use super::super::chain::digits;
use super::super::log::{Hash, Malformed, Note, VerifierKey};

/// What the key's name ends in where it signs such a thing.
const SUFFIX: &str = "/evidence";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The log's own name.
    pub log: String,
    /// SHA-256 of the manifest's bytes.
    pub manifest: [u8; 32],
    /// The line of the ledger that tells of it: its number, and its hash as a leaf.
    pub seq: u64,
    pub leaf: Hash,
}

impl Seal {
    /// The log's key under the name that signs this.
    pub fn key(log: &VerifierKey) -> Result<VerifierKey, Malformed> {
        log.named(&format!("{}{SUFFIX}", log.name()))
    }

    /// Of a note that this log's key signed.
    pub fn of(note: &Note, log: &VerifierKey) -> Result<Self, Malformed> {
        let seal = Self::parse(note.text())?;
        if seal.log != log.name() {
            return Err(Malformed("it is of another log"));
        }
        note.signed_by_log(&Self::key(log)?).map(|()| seal)
    }

    /// A note's text.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        const FORM: Malformed = Malformed("what is signed of a pack is NAME, manifest, record");
        let lines: Vec<&str> = text.strip_suffix('\n').ok_or(FORM)?.split('\n').collect();
        let [name, manifest, record] = lines.as_slice() else { return Err(FORM) };
        let log = name.strip_suffix(SUFFIX).filter(|log| !log.is_empty()).ok_or(FORM)?.to_owned();
        let manifest = manifest.strip_prefix("manifest sha256 ").and_then(digest).ok_or(FORM)?;
        let record = record.strip_prefix("record ").and_then(|record| record.split_once(' '));
        let (seq, leaf) = record.ok_or(FORM)?;
        let (seq, leaf) = (seq.parse().map_err(|_| FORM)?, Hash::from_base64(leaf)?);
        Ok(Self { log, manifest, seq, leaf })
    }
}

impl std::fmt::Display for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { log, manifest, seq, leaf } = self;
        writeln!(f, "{log}{SUFFIX}\nmanifest sha256 {}\nrecord {seq} {leaf}", digits(manifest))
    }
}

/// SHA-256 in 64 lower-case digits.
pub fn digest(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let digits = text.as_bytes().as_chunks::<2>();
    let (pairs, []) = digits else { return None };
    if pairs.len() != bytes.len() || text.bytes().any(|digit| digit.is_ascii_uppercase()) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *byte = u8::try_from(high? * 16 + low?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::super::log::Checkpoint;
    use super::*;

    #[test]
    fn what_is_signed_of_a_pack_is_read_as_it_was_written_and_is_no_checkpoint() {
        let log = "dagpass.dev/ledger/x".to_owned();
        let seal = Seal { log, manifest: [0xa7; 32], seq: 4711, leaf: Hash([3; 32]) };
        let text = seal.to_string();
        assert_eq!(Seal::parse(&text), Ok(seal));
        assert!(Checkpoint::parse(&text).is_err());
        for (from, to) in [
            ("/evidence", ""),
            ("sha256 a7", "sha256 A7"),
            ("sha256 a7", "sha256 "),
            ("record 4711 ", "record x "),
            ("record", "\nrecord"),
            ("dagpass.dev/ledger/x/", "/"),
        ] {
            let bent = text.replacen(from, to, 1);
            assert!(Seal::parse(&bent).is_err(), "{bent}");
        }
    }
}
