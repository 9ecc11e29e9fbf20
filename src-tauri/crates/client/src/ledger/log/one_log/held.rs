//! The lines of the ledger against what one log signed: the roots, then the tiles, and with their help which
//! lines differ.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

use super::super::differ::differences;
use super::super::merkle::{Frontier, Hash};
use super::super::shelf::STATE;
use super::super::tile::{Growing, Tile};
use super::super::verify::{Break, interval};
use super::super::{Checkpoint, Malformed};
use super::{Log, MOST_BREAKS};

/// How many lines may a log be over, for its tiles to be looked at? No disk holds that many.
const MOST_LINES: u64 = 1 << 32;

impl Log<'_> {
    /// What is there, behind the hashes of what was pruned: the roots say whether those are right.
    pub(in super::super) fn with_pruned<'f>(
        &self,
        found: &'f [Hash],
        before: u64,
    ) -> io::Result<Cow<'f, [Hash]>> {
        if before == 0 {
            return Ok(Cow::Borrowed(found));
        }
        let upto = before.min(self.judged.size).min(MOST_LINES);
        let mut leaves = Vec::new();
        for tile in Tile::of_level(0, upto) {
            // One that is not there is said where all of them are looked at.
            let whole = Tile::holding(0, tile.index * 256, self.judged.size);
            let mut hashes = self.tile(whole)?.unwrap_or_default();
            hashes.resize(usize::from(tile.width), Hash([0; 32]));
            leaves.extend(hashes);
        }
        if upto == before {
            leaves.extend_from_slice(found);
        }
        Ok(Cow::Owned(leaves))
    }

    /// The roots, then the tiles, and with their help the lines.
    pub(in super::super) fn hold_against(&mut self, found: &[Hash]) -> io::Result<()> {
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
            match (signed, told.flatten()) {
                (Some(leaves), None) => self.compare_tiles(&leaves)?,
                (Some(_), Some((after, until))) => {
                    let what = "its tiles hold other hashes than what was signed".to_owned();
                    self.broken(interval(after, until, what));
                }
                // Said already.
                (None, _) => {}
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

    /// Whoever has the signing key signs what he likes; what witnesses cosigned stays as it was. Says up to
    /// which line the ledger is that.
    pub(in super::super) fn hold_against_cosigned(&mut self, found: &[Hash]) -> u64 {
        if !self.judged.of_this_file {
            return 0;
        }
        let until = self.cosigned.last().map_or(0, |last| last.size);
        self.judged.cosigned = match first_wrong(&self.cosigned, found) {
            None => until,
            Some((after, until)) => {
                let what =
                    "witnesses cosigned another history than the ledger holds: it was forked";
                self.broken(interval(after, until, what.to_owned()));
                after
            }
        };
        self.judged.cosigned
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
        if size > MOST_LINES {
            self.wrong(format!("it says that it is over {size} lines, and no ledger has as many"));
            return Ok(None);
        }
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

    pub(super) fn tile(&self, tile: Tile) -> io::Result<Result<Vec<Hash>, Malformed>> {
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
        let state = match self.state() {
            Ok(Some(state)) => state,
            Ok(None) => {
                let what = format!("its {STATE} is missing: the agent reads the ledger anew");
                return self.judged.notes.push(what);
            }
            Err(_) => return self.wrong(format!("its {STATE} is damaged")),
        };
        // A crash leaves it one checkpoint behind.
        let last = self.judged.size;
        let sizes = self.checkpoints.iter().map(|one| one.size);
        let before = sizes.filter(|size| *size < last).max().unwrap_or(0);
        let at_one = [Some(last), Some(before), self.behind].contains(&Some(state.size));
        let last = state.size.checked_sub(1).and_then(|at| found.get(usize::try_from(at).ok()?));
        let same_last = last.is_none_or(|last| last.to_string() == state.last);
        if state.origin != self.judged.origin || !at_one || !same_last {
            self.wrong(format!("its {STATE} is not the one that its checkpoints belong to"));
        }
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
