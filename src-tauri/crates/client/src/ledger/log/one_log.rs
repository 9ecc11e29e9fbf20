//! One log, judged: its checkpoints and who signed them, what it follows, its tiles, its state, and the lines
//! of the ledger against all of that.

use std::collections::BTreeMap;
use std::io;

use super::differ::differences;
use super::merkle::{Frontier, Hash};
use super::shelf::{CHECKPOINT, CHECKPOINTS, STATE, Shelf, State, VKEY};
use super::tile::{Growing, Tile};
use super::verify::{Break, Judged, interval, plain};
use super::{Checkpoint, Malformed, Note, Signed, VerifierKey, Why, split_notes};

/// How many things are said to be wrong with one log at most?
const MOST_BREAKS: usize = 100;

pub(super) struct Log<'s> {
    shelf: &'s dyn Shelf,
    pub(super) judged: Judged,
    key: Option<VerifierKey>,
    /// Is `key` none that is believed?
    foreign: bool,
    notes: Vec<Note>,
    pub(super) checkpoints: Vec<Checkpoint>,
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
        let (notes, checkpoints) = (Vec::new(), Vec::new());
        let mut log =
            Self { shelf, judged, key: None, foreign: false, notes, checkpoints, good: 0 };
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
        let at = self.notes.iter().rposition(|one| *one == note);
        match at.map(|at| self.notes.len() - 1 - at) {
            Some(0) => {}
            Some(1) => {
                self.judged.notes.push("an agent ended while it wrote a checkpoint".to_owned());
            }
            Some(_) => {
                let size = checkpoint.size;
                let what = format!("its {CHECKPOINT} is an old one, over {size} lines");
                self.wrong(what);
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

    /// Is it of this file? The agent's newest is; another, where it begins with the same line.
    pub(super) fn is_of(&mut self, found: &[Hash], certainly: bool) -> io::Result<()> {
        let first = Tile::of_level(0, self.judged.size).next();
        let first = first.map(|tile| self.tile(tile)).transpose()?.and_then(Result::ok);
        let same = first.as_ref().and_then(|hashes| hashes.first()) == found.first();
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
    pub(super) fn checked_signatures(&mut self, newest: bool) -> bool {
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
    pub(super) fn keep(&mut self, note: &Note) -> bool {
        let Some(key) = &self.key else { return false };
        let Ok(kept) = Checkpoint::parse(note.text()) else { return false };
        if kept.origin != key.name() || note.signed_by(key) != Signed::Yes {
            return false;
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
        let at = self.checkpoints.partition_point(|own| own.size < kept.size);
        self.checkpoints.insert(at, kept);
        true
    }

    /// The roots, then the tiles, and with their help the lines.
    pub(super) fn hold_against(&mut self, found: &[Hash]) -> io::Result<()> {
        let size = self.judged.size;
        if self.foreign || size == 0 {
            return Ok(());
        }
        let signed = self.signed_leaves(size)?;
        // One that was kept may reach further.
        let own = self.checkpoints.partition_point(|one| one.size <= size);
        let own = &self.checkpoints[..own];
        let told = signed.as_ref().map(|leaves| first_wrong(own, leaves));
        // Do the tiles hold what was signed?
        let authentic = matches!(told, Some(None));
        if !self.judged.of_this_file {
            if let (Some(leaves), true) = (&signed, authentic) {
                self.good = size;
                self.compare_tiles(leaves)?;
            }
            return Ok(());
        }
        match first_wrong(&self.checkpoints, found) {
            None => {
                self.good = size;
                let covered = found.get(..usize::try_from(size).unwrap_or(usize::MAX));
                self.compare_tiles(covered.unwrap_or(found))?;
            }
            Some((after, until)) => {
                self.good = after;
                match signed.filter(|_| authentic && after < size) {
                    Some(leaves) => self.name_lines(&leaves, found, after),
                    None => self.name_interval(found, after, until),
                }
            }
        }
        self.compare_state(found);
        Ok(())
    }

    fn name_lines(&mut self, signed: &[Hash], found: &[Hash], after: u64) {
        let from = usize::try_from(after).unwrap_or(usize::MAX);
        for difference in differences(signed, found, from) {
            let leaf = difference.signed as u64;
            let sizes = || self.checkpoints.iter().map(|one| one.size);
            let after = sizes().filter(|size| *size <= leaf).max().unwrap_or(0);
            let until = sizes().filter(|size| *size > leaf).min().unwrap_or(self.judged.size);
            let broken = interval(after, until, difference.what);
            self.broken(Break { line: Some(difference.line), ..broken });
        }
    }

    fn name_interval(&mut self, found: &[Hash], after: u64, until: u64) {
        let lines = found.len() as u64;
        let what = if lines < until {
            format!("{until} lines were signed, and there are {lines}")
        } else {
            "what was signed here is not what the ledger holds".to_owned()
        };
        self.broken(interval(after, until, what));
    }

    /// `None` where not all of them are there; which, is among the breaks.
    fn signed_leaves(&mut self, size: u64) -> io::Result<Option<Vec<Hash>>> {
        let (mut leaves, mut whole) = (Vec::new(), true);
        for tile in Tile::of_level(0, size) {
            match self.tile(tile)? {
                Ok(hashes) => leaves.extend(hashes),
                Err(why) => {
                    let after = tile.index * 256;
                    let until = after + u64::from(tile.width);
                    let what = format!("{}: {why}", tile.path());
                    self.broken(interval(after, until, what));
                    whole = false;
                    if self.judged.breaks.len() == MOST_BREAKS {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(whole.then_some(leaves))
    }

    fn tile(&self, tile: Tile) -> io::Result<Result<Vec<Hash>, Malformed>> {
        let bytes = match self.shelf.read(&tile.path())? {
            None => self.shelf.read(&tile.whole().path())?,
            bytes => bytes,
        };
        let bytes = bytes.ok_or(Malformed("it is missing"));
        Ok(bytes.and_then(|bytes| tile.hashes(&bytes)))
    }

    /// Every tile that the log's newest checkpoint needs, against those that these leaves make.
    fn compare_tiles(&mut self, leaves: &[Hash]) -> io::Result<()> {
        let mut wanted: BTreeMap<Tile, Vec<Hash>> = BTreeMap::new();
        let mut growing = Growing::default();
        for leaf in leaves {
            growing.push(*leaf, |tile, hashes| drop(wanted.insert(tile, hashes.to_vec())));
        }
        wanted.extend(growing.partial().map(|(tile, hashes)| (tile, hashes.to_vec())));
        for (tile, hashes) in wanted {
            let what = match self.tile(tile)? {
                Ok(found) if found == hashes => continue,
                Ok(_) => "it holds other hashes than what was signed",
                // Said already.
                Err(_) if tile.level == 0 => continue,
                Err(Malformed(why)) => why,
            };
            let span = 1 << (8 * u32::from(tile.level));
            let after = tile.index * 256 * span;
            let until = after + u64::from(tile.width) * span;
            self.broken(interval(after, until, format!("{}: {what}", tile.path())));
        }
        Ok(())
    }

    fn compare_state(&mut self, found: &[Hash]) {
        let bytes = match self.shelf.read(STATE) {
            Ok(Some(bytes)) => bytes,
            Ok(None) | Err(_) => {
                let what = format!("its {STATE} is missing: the agent reads the ledger anew");
                return self.judged.notes.push(what);
            }
        };
        let Ok(state) = serde_json::from_slice::<State>(&bytes) else {
            return self.wrong(format!("its {STATE} is damaged"));
        };
        // A crash leaves it one checkpoint behind.
        let last = self.judged.size;
        let sizes = self.checkpoints.iter().map(|one| one.size);
        let before = sizes.filter(|size| *size < last).max().unwrap_or(0);
        let at_one = state.size == last || state.size == before;
        let last = state.size.checked_sub(1).and_then(|at| found.get(usize::try_from(at).ok()?));
        let same_last = last.is_none_or(|last| last.to_string() == state.last);
        if state.origin != self.judged.origin || !at_one || !same_last {
            self.wrong(format!("its {STATE} is not the one that its checkpoints belong to"));
        }
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

/// Between which two sizes do these leaves stop to be what was signed?
fn first_wrong(checkpoints: &[Checkpoint], leaves: &[Hash]) -> Option<(u64, u64)> {
    let (mut frontier, mut rest, mut after) = (Frontier::default(), leaves.iter(), 0);
    for checkpoint in checkpoints {
        while frontier.size() < checkpoint.size {
            let Some(leaf) = rest.next() else { return Some((after, checkpoint.size)) };
            frontier.push(*leaf);
        }
        if frontier.size() != checkpoint.size || frontier.root() != checkpoint.root {
            return Some((after, checkpoint.size));
        }
        after = checkpoint.size;
    }
    None
}
