//! The checkpoints that go along with an export: whoever keeps them is a witness. Each is held against the
//! lines that were read; what does not hold goes along all the same, and is said.

use std::cmp::Reverse;
use std::path::Path;

use dagpass_client::ledger::log::{
    CHECKPOINT, CHECKPOINTS, Checkpoint, Frontier, Hash, Note, Shelf as _, Signed, first_leaves,
    logs_in, split_notes,
};

use super::super::proof::key_of;
use super::super::unreadable;
use crate::exit::Failure;

/// Of the newest log that has signed any, the smallest first.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    pub(super) origin: Option<String>,
    /// Those that no line has come up to yet, the next one last.
    ahead: Vec<(Note, Checkpoint)>,
    /// The newest of those that were passed, where nobody had it yet.
    newest: Option<(Note, Checkpoint)>,
    tree: Frontier,
    unsigned: u64,
    broken: u64,
}

impl Checkpoints {
    /// Before the lines are read: what is signed meanwhile is over some that were not.
    pub(super) fn beside(ledger: &Path, before: u64) -> Result<Self, Failure> {
        let state = ledger.parent().unwrap_or(Path::new("."));
        for (_, log) in logs_in(state).map_err(unreadable)?.into_iter().rev() {
            let read = |path| log.read(path).map(Option::unwrap_or_default).map_err(unreadable);
            // The newest stands in both, and is ahead in the one where it stands alone.
            let bytes = [read(CHECKPOINTS)?, read(CHECKPOINT)?];
            let notes = bytes.iter().flat_map(|bytes| split_notes(bytes).0).flatten();
            let Some(key) = key_of(&log)? else { continue };
            let mut found = Self::default();
            for note in notes {
                let checkpoint = Checkpoint::parse(note.text());
                match checkpoint.ok().filter(|of| of.origin == key.name()) {
                    Some(checkpoint) if note.signed_by(&key) == Signed::Yes => {
                        found.ahead.push((note, checkpoint));
                    }
                    Some(_) | None => found.unsigned += 1,
                }
            }
            found.join();
            if !found.ahead.is_empty() {
                found.origin = Some(key.name().to_owned());
                // Of what was pruned the tiles speak.
                let pruned = first_leaves(&log, before).map_err(unreadable)?.unwrap_or_default();
                pruned.into_iter().for_each(|leaf| found.tree.push(leaf));
                return Ok(found);
            }
        }
        Ok(Self::default())
    }

    /// Witnesses may have signed one since it was written: then it stands there once more, with what they signed.
    fn join(&mut self) {
        let order = |(note, of): &(Note, Checkpoint)| (Reverse(of.size), note.text().to_owned());
        self.ahead.sort_by_cached_key(order);
        self.ahead.dedup_by(|(later, _), (first, _)| {
            let same = later.text() == first.text();
            if same {
                *first = first.joined(later);
            }
            same
        });
    }

    /// Goes past a line; the checkpoints that were signed when it was the last one.
    pub(super) fn pass(&mut self, leaf: Hash, wanted: bool) -> Vec<(Note, Checkpoint)> {
        if self.origin.is_none() {
            return Vec::new();
        }
        self.tree.push(leaf);
        let mut reached = Vec::new();
        while self.ahead.last().is_some_and(|(_, next)| next.size <= self.tree.size()) {
            let Some((note, checkpoint)) = self.ahead.pop() else { break };
            if checkpoint.size == self.tree.size() && checkpoint.root != self.tree.root() {
                self.broken += 1;
            }
            self.newest = None;
            if wanted {
                reached.push((note, checkpoint));
            } else {
                self.newest = Some((note, checkpoint));
            }
        }
        reached
    }

    /// The newest, where it did not go along yet, and what is to be said of all of them.
    pub(super) fn rest(mut self) -> (Option<(Note, Checkpoint)>, Vec<String>) {
        let mut told = Vec::new();
        if let Some((_, far)) = self.ahead.first() {
            let (last, size) = (self.tree.size(), far.size);
            told.push(format!("line {last} was the last, and a checkpoint is over {size}"));
            self.broken += self.ahead.len() as u64;
        }
        if self.broken > 0 {
            let broken = self.broken;
            told.push(format!(
                "not over these lines: {broken} of the checkpoints (`dagpass audit verify` says where)"
            ));
        }
        if self.unsigned > 0 {
            let unsigned = self.unsigned;
            told.push(format!(
                "left out, not signed by the log's key: {unsigned} of the checkpoints"
            ));
        }
        let newest =
            if self.ahead.is_empty() { self.newest } else { Some(self.ahead.swap_remove(0)) };
        (newest, told)
    }
}
