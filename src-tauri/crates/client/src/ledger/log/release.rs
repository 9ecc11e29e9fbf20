//! What the log's key signs before the ledger's first lines are pruned: how many may be gone. Without it a hole is
//! damage, whatever a line says: whoever can write the file can write that line. A signed note under the log's key
//! with a name of its own, whose second line is no number: it is taken for no checkpoint, whoever reads it.

use super::{Malformed, Note, VerifierKey};

/// What the key's name ends in where it signs such a thing.
const SUFFIX: &str = "/pruned";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The log's own name.
    pub log: String,
    /// How many of the first lines of all that were ever written.
    pub lines: u64,
}

impl Release {
    /// The log's key under the name that signs this.
    pub fn key(log: &VerifierKey) -> Result<VerifierKey, Malformed> {
        log.named(&format!("{}{SUFFIX}", log.name()))
    }

    /// Of a note that this log's key signed.
    pub fn of(note: &Note, log: &VerifierKey) -> Result<Self, Malformed> {
        let release = Self::parse(note.text())?;
        if release.log != log.name() {
            return Err(Malformed("it is of another log"));
        }
        note.signed_by_log(&Self::key(log)?).map(|()| release)
    }

    /// A note's text.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        const FORM: Malformed = Malformed("what is signed of pruned lines is NAME, lines");
        let (name, lines) =
            text.strip_suffix('\n').and_then(|text| text.split_once('\n')).ok_or(FORM)?;
        let log = name.strip_suffix(SUFFIX).filter(|log| !log.is_empty()).ok_or(FORM)?.to_owned();
        let lines = super::checkpoint::decimal(lines.strip_prefix("lines ").ok_or(FORM)?)?;
        Ok(Self { log, lines })
    }
}

impl std::fmt::Display for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}{SUFFIX}\nlines {}", self.log, self.lines)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Checkpoint;
    use super::*;

    #[test]
    fn what_is_signed_of_pruned_lines_is_read_as_it_was_written_and_is_no_checkpoint() {
        let release = Release { log: "dagpass.dev/ledger/x".to_owned(), lines: 300 };
        let text = release.to_string();
        assert_eq!(Release::parse(&text), Ok(release));
        assert!(Checkpoint::parse(&text).is_err());
        for (from, to) in [
            ("/pruned", ""),
            ("dagpass.dev/ledger/x/", "/"),
            ("lines 300", "300"),
            ("lines 300", "lines 0300"),
            ("lines 300", "lines -1"),
            ("300\n", "300"),
            ("300\n", "300\nmore\n"),
        ] {
            let bent = text.replacen(from, to, 1);
            assert!(Release::parse(&bent).is_err(), "{bent}");
        }
    }
}
