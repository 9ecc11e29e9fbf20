//! What a pack is made of: the ledger's lines of a period, what all of the ledger says of when the agent ran,
//! and the checkpoints that hold. Reads files and judges nothing by itself: signatures and roots are the log's.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufReader, Read};
use std::path::Path;

use dagpass_client::ledger::evidence::{Begun, Heads, Life, Off, Period, millis};
use dagpass_client::ledger::log::{
    Asked, CHECKPOINT, CHECKPOINTS, Checkpoint, Hash, Held, Leaf, Note, Shelf, Signed, Tree, VKEY,
    VerifierKey, Why, first_leaves, held_in, judge, split_notes,
};
use dagpass_client::ledger::record::Person;
use dagpass_client::ledger::{Chain, Found, Line, Lines, Pruned, Segments};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::super::search::BLOCK;
use super::super::{opened, unreadable};
use crate::exit::Failure;

/// How long may the lines of a period be together? Whoever verifies the pack has them in memory, as text, as records
/// and as tables: several times that much.
const LONGEST: u64 = 384 * 1024 * 1024;

/// One reading of the ledger.
pub(super) struct Reading {
    /// All lines, those that were pruned too.
    pub(super) tree: Tree,
    /// What the ledger says of those, where some are not here.
    pub(super) pruned: Option<Pruned>,
    pub(super) bounds: Option<(i64, i64)>,
    pub(super) first_seq: u64,
    /// Everybody who signed in on any line.
    pub(super) persons: BTreeSet<Person>,
    /// Has the line before the period no salt?
    pub(super) unsalted_before: bool,
    /// Of the period: from one line up to another, counted from 0.
    pub(super) lines: (u64, u64),
    segments: Segments,
    /// Where each of them begins, and where the last one ends.
    starts: Vec<u64>,
    pub(super) offs: Vec<Off>,
    pub(super) chain: Vec<Found>,
    /// Up to which line all is as a log's key signed it, by those checkpoints that hold.
    pub(super) covered: u64,
    pub(super) logs: Vec<Log>,
    pub(super) begun: Vec<Begun>,
    pub(super) breaks: Vec<String>,
}

/// A log of this file, with those of its checkpoints that hold.
pub(super) struct Log {
    pub(super) number: u64,
    pub(super) key: VerifierKey,
    /// By size, each with all that it was cosigned with.
    pub(super) checkpoints: Vec<(Note, Checkpoint)>,
}

#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    time: String,
    #[serde(default)]
    event: String,
    salt: Option<IgnoredAny>,
    subject: Option<Person>,
    proof: Option<Rests>,
}

/// What a sign-in rests on, as far as it names somebody.
#[derive(Deserialize)]
struct Rests {
    id_token: Option<Person>,
}

/// What one pass over all lines gives.
#[derive(Default)]
struct Pass {
    leaves: Vec<Hash>,
    /// Where each line begins, and where the last one ends.
    starts: Vec<u64>,
    heads: Heads,
    first_seq: u64,
    persons: BTreeSet<Person>,
    /// Which lines have no salt.
    unsalted: Vec<bool>,
    offs: Vec<Off>,
}

impl Reading {
    /// `None`: the agent's own.
    pub(super) fn of(period: &Period, ledger: Option<&Path>) -> Result<Self, Failure> {
        let (path, segments) = opened(ledger)?;
        // Before the lines: what is signed meanwhile is over some that were not read.
        let logs = held_in(path.parent().unwrap_or(Path::new("."))).map_err(unreadable)?;
        let begin = segments.begin();
        let pass = Pass::over(begin.byte, segments.reader()).map_err(unreadable)?;
        let (from, to) = pass.heads.lines_of(period);
        let starts = pass.starts.get(from..=to).unwrap_or_default().to_vec();
        fits(&starts)?;
        let Chain { breaks: chain, pruned, .. } = Chain::over(&segments).map_err(unreadable)?;
        let asked = Asked { own: true, before: begin.line, ..Asked::default() };
        let judged = judge(&pass.leaves, &logs, &asked).map_err(unreadable)?;
        let breaks = judged.breaks().map(|one| match (one.after, one.until) {
            (Some(after), Some(until)) if after < until => {
                format!("lines {} to {until}: {}", after + 1, one.what)
            }
            _ => one.what.clone(),
        });
        let breaks = breaks.collect();
        let tree = Tree::of([before_them(&logs, begin.line)?, pass.leaves].concat());
        let (mut begun, mut of_it) = (Vec::new(), Vec::new());
        for ((number, log), judged) in logs.iter().zip(&judged.logs) {
            let found = Log::read(*number, log).map_err(unreadable)?;
            let Some(mut found) = found.filter(|_| judged.believed && judged.of_this_file) else {
                continue;
            };
            let first = found.checkpoints.first().and_then(|(_, first)| first.before.as_ref());
            begun.extend(first.map(|before| Begun {
                log: *number,
                why: words(before.why),
                behind: before.size,
            }));
            found.checkpoints.retain(|(_, one)| tree.root(one.size) == Some(one.root));
            of_it.push(found);
        }
        let newest = of_it.iter().filter_map(|log: &Log| log.checkpoints.last());
        let covered = newest.map(|(_, newest)| newest.size).max().unwrap_or(0);
        let before = from.checked_sub(1).and_then(|before| pass.unsalted.get(before));
        Ok(Self {
            bounds: pass.heads.bounds(),
            first_seq: pass.first_seq,
            persons: pass.persons,
            unsalted_before: before.copied().unwrap_or(false),
            lines: match from == to {
                true => (0, 0),
                false => (begin.line + from as u64, begin.line + to as u64),
            },
            pruned: pruned.filter(|_| begin.line > 0),
            segments,
            starts,
            offs: pass.offs,
            chain,
            covered,
            logs: of_it,
            begun,
            breaks,
            tree,
        })
    }
}

impl Reading {
    /// Each line of the period with its newline, one after the other: more than one is never held.
    pub(super) fn each(
        &self,
        mut take: impl FnMut(u64, &[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let (mut from, mut line) = (self.starts.first().copied().unwrap_or(0), Vec::new());
        let mut text = BufReader::with_capacity(BLOCK, self.segments.reader().from(from));
        for (number, until) in (self.lines.0 + 1..).zip(self.starts.iter().skip(1)) {
            line.clear();
            let length = until - from;
            text.by_ref().take(length).read_to_end(&mut line).map_err(unreadable)?;
            if line.len() as u64 != length {
                return Err(unreadable(io::ErrorKind::UnexpectedEof.into()));
            }
            take(number, &line)?;
            from = *until;
        }
        Ok(())
    }

    /// Behind which line a pseudonymous pack has hashes, where that is the last one of the period without a salt: none
    /// stands alone for a line that has none, also not where it leads to those behind it.
    pub(super) fn guessed_behind(&self, unsalted: u64) -> u64 {
        let before = if self.unsalted_before { self.lines.0 } else { 0 };
        let last = unsalted.max(before);
        last + (last & 1)
    }

    /// Without its newline; counted from 0, as all of the ledger.
    pub(super) fn line(&self, index: u64) -> Result<Option<Vec<u8>>, Failure> {
        let at = index.checked_sub(self.lines.0).and_then(|at| usize::try_from(at).ok());
        let ends = at.and_then(|at| self.starts.get(at).zip(self.starts.get(at + 1)));
        let Some((from, until)) = ends else { return Ok(None) };
        let (mut line, text) = (Vec::new(), self.segments.reader().from(*from));
        text.take((until - from).saturating_sub(1)).read_to_end(&mut line).map_err(unreadable)?;
        Ok(Some(line))
    }
}

impl Head {
    fn of(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

/// When a line was written, in epoch milliseconds.
pub(super) fn written_at(line: &[u8]) -> Option<i64> {
    Head::of(line).and_then(|head| millis(&head.time))
}

impl Pass {
    /// From that byte on.
    fn over(mut at: u64, ledger: impl Read) -> io::Result<Self> {
        let (mut pass, mut life) = (Self::default(), Life::default());
        let mut lines = Lines::of(BufReader::new(ledger));
        loop {
            let (mut leaf, mut length) = (Leaf::default(), 1);
            let line = lines.next(|part| {
                leaf.add(part);
                length += part.len() as u64;
            })?;
            pass.starts.push(at);
            let Some(line) = line.filter(|line| line.ended) else { break };
            let head = line.text.and_then(Head::of);
            pass.heads.push(head.as_ref().and_then(|head| millis(&head.time)));
            let salted = head.as_ref().is_some_and(|head| head.salt.is_some());
            pass.unsalted.push(!salted && length > 1);
            if let Some(Head { seq, time, event, subject, proof, .. }) = head {
                pass.persons.extend(subject);
                pass.persons.extend(proof.and_then(|proof| proof.id_token));
                if pass.first_seq == 0 {
                    pass.first_seq = seq;
                }
                let line = Line { seq, time, event: event.into(), ..Line::default() };
                pass.offs.extend(life.take(&line));
            }
            pass.leaves.push(leaf.hash());
            at += length;
        }
        pass.offs.extend(life.rest());
        Ok(pass)
    }
}

impl Log {
    /// `None` where nothing in it is signed by its key.
    fn read(number: u64, shelf: &Held) -> io::Result<Option<Self>> {
        let Some(key) = shelf.read(VKEY)? else { return Ok(None) };
        let Ok(key) = VerifierKey::parse(&String::from_utf8_lossy(&key)) else { return Ok(None) };
        let (notes, _) = split_notes(&shelf.read(CHECKPOINTS)?.unwrap_or_default());
        let newest = shelf.read(CHECKPOINT)?.and_then(|bytes| Note::parse(&bytes).ok());
        let mut signed: BTreeMap<String, (Note, Checkpoint)> = BTreeMap::new();
        for note in notes.into_iter().flatten().chain(newest) {
            let Ok(checkpoint) = Checkpoint::parse(note.text()) else { continue };
            if checkpoint.origin != key.name() || note.signed_by(&key) != Signed::Yes {
                continue;
            }
            // One that was cosigned later stands there once more.
            match signed.entry(note.text().to_owned()) {
                Entry::Occupied(mut same) => same.get_mut().0 = same.get().0.joined(&note),
                Entry::Vacant(none) => drop(none.insert((note, checkpoint))),
            }
        }
        let mut checkpoints: Vec<_> = signed.into_values().collect();
        checkpoints.sort_by_key(|(_, checkpoint)| checkpoint.size);
        Ok((!checkpoints.is_empty()).then_some(Self { number, key, checkpoints }))
    }
}

/// The hashes of the lines that were pruned. Those of one log are as good as another's: what does not lead to the
/// checkpoints proves nothing, and is among the breaks.
fn before_them(logs: &[(u64, Held)], count: u64) -> Result<Vec<Hash>, Failure> {
    if count == 0 {
        return Ok(Vec::new());
    }
    for (_, log) in logs.iter().rev() {
        if let Some(leaves) = first_leaves(log, count).map_err(unreadable)? {
            return Ok(leaves);
        }
    }
    let what = format!("no log has the hashes of the {count} lines that are not here any more");
    Err(Failure::new("ledger_broken", what).hint("`dagpass audit verify` says what is missing"))
}

fn fits(starts: &[u64]) -> Result<(), Failure> {
    let ends = starts.first().zip(starts.last());
    if ends.is_some_and(|(from, to)| to - from > LONGEST) {
        return Err(Failure::new("too_long", "the period has more lines than one pack can hold")
            .hint("take a shorter period, and make several packs"));
    }
    Ok(())
}

fn words(why: Why) -> &'static str {
    match why {
        Why::KeyLost => "the key before was lost",
        Why::FileReplaced => "another file stood in the ledger's place",
        Why::Cut => "the ledger was shorter than what was signed",
        Why::Altered => "the ledger was not what was signed",
    }
}
