//! How far a collector has taken the ledger: `ledger-log/ship.json`, written after it answered. Where it is gone
//! or of another file, what was taken goes once more: never is a line left out.

use std::io::{self, BufReader};
use std::path::Path;

use dagpass_client::ledger::log::{FOLDER, Folder, Leaf, Shelf as _};
use dagpass_client::ledger::{Lines, Segments};
use serde::{Deserialize, Serialize};

use super::super::sealed_log::last_leaf;
use crate::system;

const VERSION: u32 = 1;
const FILE: &str = "ship.json";

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) v: u32,
    /// Whose it is: another collector begins at the first line.
    pub(super) collector: String,
    /// The file's first lines, and how many bytes they have.
    pub(super) lines: u64,
    pub(super) length: u64,
    /// The hash of the last of them as a leaf, in base64; empty where there is none.
    pub(super) last: String,
    /// The log that checkpoints come from, how many of them went, and what tells the last as it went.
    pub(super) log: u64,
    pub(super) notes: u64,
    pub(super) note: String,
    /// How many lines the newest of them is over.
    pub(super) checkpoint: u64,
    /// How many records were taken and thrown away.
    pub(super) rejected: u64,
}

impl Place {
    pub(super) fn beginning(collector: &str) -> Self {
        Self { v: VERSION, collector: collector.to_owned(), ..Self::default() }
    }

    /// As it was kept, where that is of this collector.
    pub(super) fn read(ledger: &Path, collector: &str) -> io::Result<Self> {
        let bytes = Folder(ledger.with_file_name(FOLDER)).read(FILE)?.unwrap_or_default();
        let kept = serde_json::from_slice(&bytes).ok();
        let ours = |kept: &Self| kept.v == VERSION && kept.collector == collector;
        Ok(kept.filter(ours).unwrap_or_else(|| Self::beginning(collector)))
    }

    pub(super) fn keep(&self, ledger: &Path) -> io::Result<()> {
        let folder = ledger.with_file_name(FOLDER);
        system::private_dir(&folder)?;
        let text = serde_json::to_vec(self).map_err(io::Error::other)?;
        system::write_private(&folder.join(FILE), &text)
    }

    /// Where that is in what lies there now: behind the line that went last, wherever that stands. What was
    /// pruned does not go any more.
    pub(super) fn found(self, ledger: &Segments) -> io::Result<Self> {
        let begin = ledger.begin();
        if self.length < begin.byte {
            let lines = begin.line.saturating_sub(self.lines);
            if self.length > 0 {
                tracing::warn!(lines, "lines that were not shipped were pruned");
            }
            let (lines, length) = (begin.line, begin.byte);
            return Ok(Self { lines, length, last: String::new(), ..self });
        }
        let there = match self.length {
            length if length == begin.byte => return Ok(Self { lines: begin.line, ..self }),
            length => last_leaf(ledger, length)?,
        };
        if there.is_some_and(|leaf| leaf.to_string() == self.last) {
            return Ok(self);
        }
        let is_last = |leaf: Leaf, _: Option<&[u8]>| leaf.hash().to_string() == self.last;
        match behind(ledger, is_last)? {
            Some((lines, length)) => Ok(Self { lines, length, ..self }),
            None => {
                tracing::warn!("the ledger has not what was shipped of it: all of it is shipped");
                let (lines, length) = (begin.line, begin.byte);
                Ok(Self { lines, length, last: String::new(), ..self })
            }
        }
    }

    /// Before the first line with that number or a higher one. `None` where there is none.
    pub(super) fn before(self, ledger: &Segments, seq: u64) -> io::Result<Option<Self>> {
        #[derive(Deserialize)]
        struct Numbered {
            seq: u64,
        }
        let mut last = String::new();
        let mut here = (ledger.begin().line, ledger.begin().byte);
        let found = each(ledger, |leaf, text, end| {
            let line = text.and_then(|text| serde_json::from_slice::<Numbered>(text).ok());
            if line.is_some_and(|line| line.seq >= seq) {
                return true;
            }
            (last, here) = (leaf.hash().to_string(), end);
            false
        })?;
        let (lines, length) = here;
        let (log, notes, note) = (0, 0, String::new());
        Ok(found.then_some(Self { lines, length, last, log, notes, note, checkpoint: 0, ..self }))
    }
}

/// How many lines and bytes there are up to the end of the one that is asked for.
fn behind(
    ledger: &Segments,
    wanted: impl Fn(Leaf, Option<&[u8]>) -> bool,
) -> io::Result<Option<(u64, u64)>> {
    let mut found = (0, 0);
    let any = each(ledger, |leaf, text, end| {
        found = end;
        wanted(leaf, text)
    })?;
    Ok(any.then_some(found))
}

/// Until one is what is asked for; each with where it ends.
fn each(
    ledger: &Segments,
    mut wanted: impl FnMut(Leaf, Option<&[u8]>, (u64, u64)) -> bool,
) -> io::Result<bool> {
    let mut lines = Lines::of(BufReader::with_capacity(64 * 1024, ledger.reader()));
    let (mut count, mut length) = (ledger.begin().line, ledger.begin().byte);
    loop {
        let mut leaf = Leaf::default();
        let line = lines.next(|part| {
            leaf.add(part);
            length += part.len() as u64;
        })?;
        let Some(line) = line.filter(|line| line.ended) else { return Ok(false) };
        (count, length) = (count + 1, length + 1);
        if wanted(leaf, line.text, (count, length)) {
            return Ok(true);
        }
    }
}
