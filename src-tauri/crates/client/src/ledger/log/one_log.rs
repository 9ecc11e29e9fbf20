//! One log, judged: its checkpoints and who signed them, what it follows, of which file it is; [`held`]: the
//! lines of the ledger against all of that.

mod held;

use std::io;

use super::merkle::Hash;
use super::shelf::{CHECKPOINT, CHECKPOINTS, PRUNED, STATE, Shelf, State, VKEY};
use super::tile::Tile;
use super::verify::{Asked, Break, Judged, interval, plain};
use super::{Checkpoint, Note, Release, Signed, VerifierKey, Why, split_notes};

/// How many things are said to be wrong with one log at most?
const MOST_BREAKS: usize = 100;
/// A checkpoint that witnesses cosigned stands once more behind those that were signed meanwhile: how many
/// are those at most?
const MEANWHILE: usize = 64;

pub(super) struct Log<'s> {
    shelf: &'s dyn Shelf,
    pub(super) judged: Judged,
    key: Option<VerifierKey>,
    /// Is `key` none that is believed?
    foreign: bool,
    notes: Vec<Note>,
    pub(super) checkpoints: Vec<Checkpoint>,
    /// Those of them that enough of the witnesses who are asked for cosigned.
    cosigned: Vec<Checkpoint>,
    /// Over how many lines is the newest one that its folder names, where that is an old one?
    behind: Option<u64>,
    /// Up to which line all is as it was signed.
    pub(super) good: u64,
}

impl<'s> Log<'s> {
    pub(super) fn read(
        number: u64,
        shelf: &'s dyn Shelf,
        pinned: Option<&VerifierKey>,
    ) -> io::Result<Self> {
        let judged = Judged { number, ..Judged::default() };
        let (notes, checkpoints, cosigned) = (Vec::new(), Vec::new(), Vec::new());
        let (key, foreign, behind, good) = (None, false, None, 0);
        let mut log =
            Self { shelf, judged, key, foreign, notes, checkpoints, cosigned, behind, good };
        let history = shelf.read(CHECKPOINTS)?.unwrap_or_default();
        let newest = shelf.read(CHECKPOINT)?;
        if newest.is_none() && split_notes(&history).0.is_empty() {
            let what = "no checkpoint: an agent ended before its first, or they were taken away";
            log.judged.notes.push(what.to_owned());
            return Ok(log);
        }
        let own = shelf.read(VKEY)?.map(|text| VerifierKey::parse(&String::from_utf8_lossy(&text)));
        match own {
            Some(Ok(key)) => log.key = Some(key),
            Some(Err(why)) => log.wrong(format!("its {VKEY} is damaged: {why}")),
            None => log.wrong(format!("its {VKEY} is missing")),
        }
        if let Some(pinned) = pinned {
            log.foreign = log.key.as_ref().is_some_and(|key| !key.is_same_key(pinned));
        }
        log.take_history(&history, newest.as_deref());
        if log.key.is_none() {
            // Under the pinned key it can still be judged.
            let origin = log.checkpoints.first().map(|first| first.origin.as_str());
            log.key = origin.zip(pinned).and_then(|(origin, key)| key.named(origin).ok());
        }
        log.judged.key = log.key.as_ref().map(ToString::to_string).unwrap_or_default();
        log.judged.origin = log.key.as_ref().map(|key| key.name().to_owned()).unwrap_or_default();
        log.judged.checkpoints = log.checkpoints.len() as u64;
        log.judged.size = log.checkpoints.last().map_or(0, |last| last.size);
        Ok(log)
    }

    fn take_history(&mut self, history: &[u8], newest: Option<&[u8]>) {
        let (notes, whole) = split_notes(history);
        for note in notes {
            match note.and_then(|note| Checkpoint::parse(note.text()).map(|read| (note, read))) {
                Ok((note, checkpoint)) => {
                    let mut last = self.notes.iter_mut().rev().take(MEANWHILE);
                    if let Some(same) = last.find(|one| one.text() == note.text()) {
                        *same = same.joined(&note);
                        continue;
                    }
                    if self.checkpoints.last().is_some_and(|last| last.size > checkpoint.size) {
                        let size = checkpoint.size;
                        self.wrong(format!("the checkpoint over {size} lines is out of order"));
                    }
                    self.notes.push(note);
                    self.checkpoints.push(checkpoint);
                }
                Err(why) => self.wrong(format!("one of its {CHECKPOINTS}: {why}")),
            }
        }
        let torn = whole < history.len();
        self.take_newest(newest, torn);
    }

    /// A crash leaves the newest checkpoint one behind the last of all, and never one ahead.
    fn take_newest(&mut self, newest: Option<&[u8]>, torn: bool) {
        let Some(newest) = newest else {
            if self.checkpoints.len() > 1 {
                self.wrong(format!("its {CHECKPOINT} is missing"));
            }
            return;
        };
        let read = Note::parse(newest)
            .and_then(|note| Checkpoint::parse(note.text()).map(|checkpoint| (note, checkpoint)));
        let (note, checkpoint) = match read {
            Ok(read) => read,
            Err(why) => {
                self.wrong(format!("its {CHECKPOINT} is damaged: {why}"));
                return;
            }
        };
        let at = self.notes.iter().rposition(|one| one.text() == note.text());
        if at.is_some() && self.key.as_ref().is_some_and(|key| note.signed_by(key) != Signed::Yes) {
            self.wrong(format!("its {CHECKPOINT} is not signed by its key"));
        }
        if let Some(same) = at.and_then(|at| self.notes.get_mut(at)) {
            *same = same.joined(&note);
        }
        match at.map(|at| self.notes.len() - 1 - at) {
            Some(0) => {}
            Some(1) => {
                self.judged.notes.push("an agent ended while it wrote a checkpoint".to_owned());
            }
            Some(_) => {
                let size = checkpoint.size;
                let what = format!("its {CHECKPOINT} is an old one, over {size} lines");
                // A disk that failed several times leaves both behind, and all of them are judged.
                if self.state().is_ok_and(|state| state.is_some_and(|state| state.size == size)) {
                    self.behind = Some(size);
                    self.judged.notes.push(format!("{what}, and so is its {STATE}"));
                } else {
                    self.wrong(what);
                }
            }
            None => {
                let size = checkpoint.size;
                let what = format!(
                    "its {CHECKPOINT} over {size} lines is none of its {CHECKPOINTS}: that file was cut"
                );
                self.wrong(what);
                self.notes.push(note);
                self.checkpoints.push(checkpoint);
            }
        }
        if torn && at.is_some() {
            let what = format!("its {CHECKPOINTS} end within one: an agent ended while it wrote");
            self.judged.notes.push(what);
        }
    }

    /// `None` where there is none, an error where it is damaged.
    fn state(&self) -> io::Result<Option<State>> {
        let bytes = self.shelf.read(STATE)?;
        Ok(bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose()?)
    }

    /// How many of the first lines may be gone, as its key signed.
    pub(super) fn released(&mut self) -> io::Result<u64> {
        let Some(bytes) = self.shelf.read(PRUNED)? else { return Ok(0) };
        let Some(key) = &self.key else { return Ok(0) };
        match Note::parse(&bytes).and_then(|note| Release::of(&note, key)) {
            Ok(release) => Ok(release.lines),
            Err(why) => {
                self.wrong(format!("its {PRUNED} is damaged: {why}"));
                Ok(0)
            }
        }
    }

    /// Was nothing signed in it?
    pub(super) fn is_empty(&self) -> bool {
        self.checkpoints.is_empty()
    }

    /// Is it signed by a key that is not believed?
    pub(super) fn is_foreign(&self) -> bool {
        self.foreign
    }

    /// Is it the very log of that key, by its name too?
    pub(super) fn is_named(&self, key: &VerifierKey) -> bool {
        self.key.as_ref() == Some(key)
    }

    /// Is it of this file? Certainly, or where the first line that is there is the same in it.
    pub(super) fn is_of(&mut self, found: &[Hash], before: u64, certainly: bool) -> io::Result<()> {
        let first = (before < self.judged.size).then(|| Tile::holding(0, before, self.judged.size));
        let hashes = first.map(|tile| self.tile(tile)).transpose()?.and_then(Result::ok);
        let within = usize::try_from(before % 256).unwrap_or_default();
        let same = hashes.as_ref().and_then(|hashes| hashes.get(within)) == found.first();
        self.judged.of_this_file = certainly || (same && !found.is_empty());
        if !self.judged.of_this_file && self.judged.size > 0 {
            let size = self.judged.size;
            let what = format!(
                "it is of another file of {size} lines; `dagpass audit verify FILE` checks a copy of that"
            );
            self.judged.notes.push(what);
        }
        Ok(())
    }

    /// Did the believed key sign that another file stood in the ledger's place when it began? Of any other
    /// reason the file stayed the same, and so the log before is of it too.
    pub(super) fn begins_another_file(&self) -> bool {
        let before = self.checkpoints.first().and_then(|first| first.before.as_ref());
        !self.foreign && before.is_some_and(|before| before.why == Why::FileReplaced)
    }

    /// The first checkpoint names the head of the log before.
    pub(super) fn follows(&mut self, head: Option<&Checkpoint>, first: bool) {
        let before = self.checkpoints.first().and_then(|first| first.before.clone());
        let Some(before) = before else {
            if !first && !self.checkpoints.is_empty() {
                self.wrong("it does not say which log it follows".to_owned());
            }
            return;
        };
        let why = match before.why {
            Why::KeyLost => "the key before was lost",
            Why::FileReplaced => "another file stood in the ledger's place",
            Why::Cut => "the ledger was shorter than what was signed",
            Why::Altered => "the ledger was not what was signed",
        };
        let (origin, size) = (&before.origin, before.size);
        self.judged.notes.push(format!("begun anew behind {origin} at {size} lines: {why}"));
        let is_head = head.is_some_and(|head| {
            (&head.origin, head.size, head.root) == (&before.origin, before.size, before.root)
        });
        if !is_head {
            let what = format!("the log that it follows, {origin} at {size} lines, is not here");
            self.wrong(what);
        }
    }

    /// Only what the believed key signed counts. Says whether there is such a thing.
    pub(super) fn checked_signatures(&mut self, newest: bool, asked: &Asked) -> bool {
        if self.foreign {
            if newest {
                self.wrong("it is signed by another key than the one that was given".to_owned());
            } else {
                self.judged.notes.push("signed by another key: not judged".to_owned());
            }
            return false;
        }
        let Some(key) = self.key.clone() else { return false };
        let pairs = self.notes.drain(..).zip(self.checkpoints.drain(..)).collect::<Vec<_>>();
        let (mut after, mut bad) = (0, Vec::new());
        for (note, checkpoint) in pairs {
            let what = match note.signed_by(&key) {
                _ if checkpoint.origin != key.name() => "is of another log",
                Signed::Yes => {
                    after = checkpoint.size;
                    if asked.is_cosigned(&note) {
                        self.cosigned.push(checkpoint.clone());
                    }
                    self.notes.push(note);
                    self.checkpoints.push(checkpoint);
                    continue;
                }
                Signed::No => "is not signed by its key",
                Signed::Wrongly => "has a signature that does not hold",
            };
            let what = format!("the checkpoint over {} lines {what}", checkpoint.size);
            bad.push(interval(after, checkpoint.size, what));
        }
        bad.into_iter().for_each(|one| self.broken(one));
        self.judged.size = after;
        !self.checkpoints.is_empty()
    }

    /// Takes a checkpoint that was kept elsewhere among its own, where it is one of this log's.
    pub(super) fn keep(&mut self, note: &Note, asked: &Asked) -> bool {
        let Some(key) = &self.key else { return false };
        let Ok(kept) = Checkpoint::parse(note.text()) else { return false };
        if kept.origin != key.name() || note.signed_by(key) != Signed::Yes {
            return false;
        }
        if !self.judged.of_this_file {
            let what = "the checkpoint that was kept is of another file than this ledger";
            self.broken(interval(0, kept.size, what.to_owned()));
            return true;
        }
        let last = self.checkpoints.last().map_or(0, |last| last.size);
        let differs = |own: &&Checkpoint| own.size == kept.size && own.root != kept.root;
        if self.checkpoints.iter().any(|own| differs(&own)) {
            let what = "the checkpoint that was kept and the log's own over as many lines differ: two \
                        histories were signed";
            self.broken(interval(0, kept.size, what.to_owned()));
        } else if kept.size > last {
            let what = format!("the checkpoint that was kept is over {} lines", kept.size);
            let what = format!("{what}, the log's newest over {last}: it was set back");
            self.broken(interval(last, kept.size, what));
        }
        if asked.is_cosigned(note) {
            let at = self.cosigned.partition_point(|own| own.size < kept.size);
            self.cosigned.insert(at, kept.clone());
        }
        let at = self.checkpoints.partition_point(|own| own.size < kept.size);
        self.checkpoints.insert(at, kept);
        true
    }

    fn broken(&mut self, what: Break) {
        if self.judged.breaks.len() < MOST_BREAKS {
            self.judged.breaks.push(what);
        }
    }

    fn wrong(&mut self, what: String) {
        self.broken(plain(&what));
    }
}
