//! One line of the ledger in one checkpoint, in a file that needs nothing else (C2SP tlog-proof). The line
//! itself is its extra data: the proof binds it to the checkpoint's root.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::decimal;
use super::merkle::{Hash, includes, leaf_hash};
use super::{Checkpoint, Malformed, Note};

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// The height of the highest tree.
const MOST_HASHES: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Without its newline.
    pub line: Vec<u8>,
    pub index: u64,
    pub hashes: Vec<Hash>,
    pub note: Note,
}

impl Proof {
    /// How long may such a file be? No line of a ledger is that long.
    pub const LONGEST: usize = 2 * 1024 * 1024;

    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > Self::LONGEST {
            return Err(Malformed("a proof is longer than 2 MiB"));
        }
        let text = str::from_utf8(bytes).map_err(|_| Malformed("a proof is no UTF-8"))?;
        let (head, note) = text.split_once("\n\n").ok_or(Malformed("a proof is cut short"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(Malformed("this is no file of c2sp.org/tlog-proof@v1"));
        }
        let extra = lines.next().and_then(|line| line.strip_prefix("extra "));
        let extra = extra.ok_or(Malformed("the proof does not hold the line that it is of"))?;
        let line =
            STANDARD.decode(extra).map_err(|_| Malformed("the proof's line is no base64"))?;
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = decimal(index.ok_or(Malformed("a proof names no index"))?)?;
        let hashes = lines.take(MOST_HASHES + 1).map(Hash::from_base64);
        let hashes = hashes.collect::<Result<Vec<_>, _>>()?;
        if hashes.len() > MOST_HASHES {
            return Err(Malformed("a proof has more than 64 hashes"));
        }
        Ok(Self { line, index, hashes, note: Note::parse(note.as_bytes())? })
    }

    /// Is the line in the tree that the checkpoint names? Says nothing of who signed it.
    pub fn holds(&self, checkpoint: &Checkpoint) -> bool {
        let leaf = (self.index, leaf_hash(&self.line));
        includes(&self.hashes, leaf, (checkpoint.size, checkpoint.root))
    }
}

impl std::fmt::Display for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{HEADER}\nextra {}\nindex {}", STANDARD.encode(&self.line), self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.note)
    }
}
