//! What goes next: lines that are on disk, and the checkpoints over what went by then, each in the order in
//! which it lies there. Reads files alone.

use std::io::{self, BufReader, Read};
use std::path::Path;

use dagpass_client::ledger::log::{
    CHECKPOINTS, Checkpoint, Folder, Hash, Leaf, Note, Shelf as _, Signed, VKEY, VerifierKey,
    logs_in, split_notes,
};
use dagpass_client::ledger::{Lines, Segments, hex};

use super::place::Place;

/// How many lines go together at most?
pub(super) const MOST: usize = 512;
/// And how many bytes of them? A receiver takes several times as much.
const BYTES: usize = 1024 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Line {
        /// Of the file, counted from 1: one more than its leaf's index.
        number: u64,
        leaf: Hash,
        /// `None` where it is longer than any record.
        text: Option<Vec<u8>>,
    },
    Checkpoint {
        note: Note,
        checkpoint: Checkpoint,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) items: Vec<Item>,
    /// Where it goes on once they are taken.
    pub(super) behind: Place,
    /// The newest log's name.
    pub(super) origin: Option<String>,
}

impl Batch {
    /// `most` items, from there on, of lines that end before that byte.
    pub(super) fn next(ledger: &Path, synced: u64, place: Place, most: usize) -> io::Result<Self> {
        let segments = Segments::of(ledger)?;
        let mut batch = Self { behind: place.found(&segments)?, ..Self::default() };
        batch.add_lines(&segments, synced, most)?;
        batch.add_checkpoints(ledger, most)?;
        Ok(batch)
    }

    fn add_lines(&mut self, ledger: &Segments, synced: u64, most: usize) -> io::Result<()> {
        let behind = &mut self.behind;
        if synced <= behind.length {
            return Ok(());
        }
        let from = ledger.reader().from(behind.length);
        let mut lines = Lines::of(BufReader::new(from.take(synced - behind.length)));
        let mut bytes = 0;
        while self.items.len() < most && bytes < BYTES {
            let (mut leaf, mut length) = (Leaf::default(), 1);
            let line = lines.next(|part| {
                leaf.add(part);
                length += part.len() as u64;
            })?;
            let Some(line) = line.filter(|line| line.ended) else { break };
            let (text, leaf) = (line.text.map(<[u8]>::to_vec), leaf.hash());
            bytes += text.as_ref().map_or(0, Vec::len);
            behind.lines += 1;
            behind.length += length;
            behind.last = leaf.to_string();
            self.items.push(Item::Line { number: behind.lines, leaf, text });
        }
        Ok(())
    }

    /// Of each log the ones that its key signed, the oldest log first; one that was cosigned since it went goes
    /// once more, with what it was signed by.
    fn add_checkpoints(&mut self, ledger: &Path, most: usize) -> io::Result<()> {
        let logs = logs_in(ledger.parent().unwrap_or(ledger))?;
        let newest = logs.last().map(|(number, _)| *number);
        for (number, folder) in logs {
            let key = key_of(&folder)?;
            if Some(number) == newest {
                self.origin = key.as_ref().map(|key| key.name().to_owned());
            }
            if number < self.behind.log {
                continue;
            }
            if number > self.behind.log {
                (self.behind.log, self.behind.notes) = (number, 0);
                self.behind.note.clear();
                self.behind.checkpoint = 0;
            }
            let bytes = folder.read(CHECKPOINTS)?.unwrap_or_default();
            let notes = split_notes(&bytes).0;
            let mut at = usize::try_from(self.behind.notes).unwrap_or(usize::MAX);
            let mark = |at: usize| {
                let note = notes.get(at)?.as_ref().ok();
                Some(note.map_or_else(String::new, marked))
            };
            if at > 0 {
                // It was signed once more since, or this is not the file that it was.
                at = match mark(at - 1) {
                    Some(here) if here == self.behind.note => at,
                    Some(here) if here.get(..TEXT) == self.behind.note.get(..TEXT) => at - 1,
                    Some(_) | None => 0,
                };
            }
            while let Some(note) = notes.get(at) {
                let ours = note.as_ref().ok().zip(key.as_ref()).and_then(|(note, key)| {
                    let checkpoint = Checkpoint::parse(note.text()).ok()?;
                    let signed = note.signed_by(key) == Signed::Yes;
                    (signed && checkpoint.origin == key.name()).then_some((note, checkpoint))
                });
                if let Some((note, checkpoint)) = ours {
                    let ahead = Some(number) == newest && checkpoint.size > self.behind.lines;
                    // A ledger that was set back has fewer lines than were signed: that is told too.
                    if ahead && !self.items.is_empty() || self.items.len() >= most * 2 {
                        return Ok(());
                    }
                    self.behind.checkpoint = self.behind.checkpoint.max(checkpoint.size);
                    self.items.push(Item::Checkpoint { note: note.clone(), checkpoint });
                }
                at += 1;
                (self.behind.notes, self.behind.note) =
                    (at as u64, mark(at - 1).unwrap_or_default());
            }
        }
        Ok(())
    }
}

/// How long is what tells a note's text?
const TEXT: usize = 64;

/// What tells a note by its text and, behind that, by all that signed it.
fn marked(note: &Note) -> String {
    hex(note.text().as_bytes()) + &hex(note.to_string().as_bytes())
}

/// What changes with every checkpoint and cosignature: the newest log, and how long its file of them is.
pub(super) fn mark_of_logs(ledger: &Path) -> io::Result<(u64, u64)> {
    let newest = logs_in(ledger.parent().unwrap_or(ledger))?.pop();
    Ok(newest.map_or((0, 0), |(number, Folder(path))| {
        let file = std::fs::metadata(path.join(CHECKPOINTS));
        (number, file.map_or(0, |file| file.len()))
    }))
}

fn key_of(folder: &Folder) -> io::Result<Option<VerifierKey>> {
    let text = folder.read(VKEY)?.unwrap_or_default();
    Ok(VerifierKey::parse(String::from_utf8_lossy(&text).trim()).ok())
}
