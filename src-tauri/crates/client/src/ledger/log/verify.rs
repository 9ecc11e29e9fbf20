//! Is a ledger what was signed? Each checkpoint of each log beside it names the root over its first lines;
//! the narrowest interval between two of them in which that is not so is told, and the lines themselves
//! where the tiles still hold what was signed. Offline, by the public key alone.

use std::io::{self, BufRead};

use serde::Serialize;

use super::super::Lines;
use super::merkle::{Hash, Leaf};
use super::one_log::Log;
use super::{Checkpoint, Note, Shelf, VerifierKey};

/// What whoever verifies brings along.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The key that is believed; else the one in the log's own folder.
    pub pinned: Option<VerifierKey>,
    /// A checkpoint that was kept elsewhere: the ledger still has to be what it was signed over.
    pub kept: Option<Note>,
    /// The ledger is the agent's own: its newest log is of this very file.
    pub own: bool,
    /// How many lines were pruned before the first one that is here: of them the tiles speak.
    pub before: u64,
    /// Whose cosignatures count, and of how many of them one checkpoint needs it.
    pub witnesses: Vec<VerifierKey>,
    pub quorum: usize,
    /// Is it wrong where they cosigned nothing? Else that is only said.
    pub demanded: bool,
}

impl Asked {
    pub(super) fn is_cosigned(&self, note: &Note) -> bool {
        let theirs = |key: &&VerifierKey| note.cosigned_at(key).is_some();
        !self.witnesses.is_empty()
            && self.witnesses.iter().filter(theirs).count() >= self.quorum.max(1)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// The oldest first.
    pub logs: Vec<Judged>,
    /// How many lines of this file a checkpoint covers, and how many came after it.
    pub covered: u64,
    pub uncovered: u64,
    /// Where witnesses are asked for: up to which line it is what they cosigned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cosigned: Option<u64>,
    /// What is no log's own: a kept checkpoint that belongs to none, no log under the pinned key.
    pub breaks: Vec<Break>,
}

/// One log, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Judged {
    pub number: u64,
    pub origin: String,
    pub key: String,
    pub checkpoints: u64,
    /// Lines under its newest checkpoint.
    pub size: u64,
    /// Lines under the newest one that the witnesses who are asked for cosigned, and that are those.
    pub cosigned: u64,
    /// Is it of the file that is verified?
    pub of_this_file: bool,
    /// Did the key that is believed sign something in it? Else it is not judged.
    pub believed: bool,
    pub breaks: Vec<Break>,
    pub notes: Vec<String>,
}

/// Something that is not as it was signed, behind line `after` and up to line `until`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Break {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    pub what: String,
}

impl Judgement {
    pub fn breaks(&self) -> impl Iterator<Item = &Break> {
        self.logs.iter().flat_map(|log| &log.breaks).chain(&self.breaks)
    }
}

/// The leaf of each whole line: what stands behind the last newline is none yet.
pub fn leaves(ledger: impl BufRead) -> io::Result<Vec<Hash>> {
    let (mut leaves, mut lines) = (Vec::new(), Lines::of(ledger));
    loop {
        let mut leaf = Leaf::default();
        match lines.next(|part| leaf.add(part))? {
            Some(line) if line.ended => leaves.push(leaf.hash()),
            Some(_) | None => return Ok(leaves),
        }
    }
}

/// `logs`: the oldest first, each with its number.
pub fn judge<S: Shelf>(found: &[Hash], logs: &[(u64, S)], asked: &Asked) -> io::Result<Judgement> {
    let pinned = asked.pinned.as_ref();
    let read = logs.iter().map(|(number, shelf)| Log::read(*number, shelf, pinned));
    let mut logs = read.collect::<io::Result<Vec<_>>>()?;
    let theirs = signed(&mut logs, asked);
    of_the_file(&mut logs, found, asked)?;
    let mut judgement = Judgement::default();
    let mut believed = pinned.is_none();
    let (mut kept, mut reached, mut released) = (asked.kept.as_ref(), 0, 0);
    for (mut log, theirs) in logs.into_iter().zip(theirs) {
        if theirs && kept.is_some_and(|note| log.keep(note, asked)) {
            kept = None;
        }
        let found = &*log.with_pruned(found, asked.before)?;
        log.hold_against(found)?;
        log.judged.believed = theirs;
        let of_it = log.judged.of_this_file;
        // A copy that no log of that key is of is not vouched for by it.
        let named = pinned.is_some_and(|key| log.is_named(key));
        believed |= theirs && named && (of_it || asked.own);
        let cosigned = log.hold_against_cosigned(found);
        if of_it && theirs {
            judgement.covered = judgement.covered.max(log.good);
            reached = reached.max(cosigned);
            released = released.max(log.released()?);
        }
        judgement.logs.push(log.judged);
    }
    if let Some(key) = pinned.filter(|_| !believed) {
        let what = format!("no log here is {}, signed by the key that was given", key.name());
        let others = judgement.logs.iter().filter_map(|log| VerifierKey::parse(&log.key).ok());
        let what = match others.into_iter().any(|other| other.is_same_key(key)) {
            true => {
                format!("{what}: what that key signed here is of another name or of another file")
            }
            false => what,
        };
        judgement.breaks.push(plain(&what));
    }
    if kept.is_some() {
        judgement.breaks.push(plain("the checkpoint that was kept belongs to no log here"));
    }
    if !asked.witnesses.is_empty() {
        judgement.cosigned = Some(reached);
        if reached == 0 && asked.demanded && judgement.logs.iter().all(|log| log.breaks.is_empty())
        {
            let what = "no checkpoint of this file is cosigned by the witnesses that were given";
            judgement.breaks.push(plain(what));
        }
    }
    if asked.before > released {
        let what = "are not here, and the key that signs never said that they may be gone";
        let what = format!("lines {} to {} {what}", released + 1, asked.before);
        judgement.breaks.push(interval(released, asked.before, what));
    }
    let lines = asked.before + found.len() as u64;
    judgement.uncovered = lines.saturating_sub(judgement.covered);
    Ok(judgement)
}

/// What each follows, and who signed it: which of them hold something that the believed key signed.
fn signed(logs: &mut [Log<'_>], asked: &Asked) -> Vec<bool> {
    // A folder without a checkpoint takes no other's place.
    let newest = logs.iter().rposition(|log| !log.is_empty());
    let (mut head, mut first): (Option<Checkpoint>, bool) = (None, true);
    let each = logs.iter_mut().enumerate().map(|(at, log)| {
        if log.is_empty() {
            return false;
        }
        log.follows(head.take().as_ref(), first);
        first = false;
        let theirs = log.checked_signatures(Some(at) == newest, asked);
        head = log.checkpoints.last().cloned();
        theirs
    });
    each.collect()
}

/// The newest log of the agent's own ledger is of this file, and so is each before it up to one that began
/// because another file stood there. Of others, and of a copy, the first line decides. What is said of a log
/// that the believed key did not sign lets go of none: whoever put that one there can make an agent say it.
fn of_the_file(logs: &mut [Log<'_>], found: &[Hash], asked: &Asked) -> io::Result<()> {
    let (mut certainly, mut begun) = (asked.own, false);
    for log in logs.iter_mut().rev().filter(|log| !log.is_empty()) {
        certainly &= !begun || log.is_foreign();
        log.is_of(found, asked.before, certainly)?;
        begun = log.begins_another_file();
    }
    Ok(())
}

pub(super) fn plain(what: &str) -> Break {
    Break { after: None, until: None, line: None, what: what.to_owned() }
}

pub(super) fn interval(after: u64, until: u64, what: String) -> Break {
    Break { after: Some(after), until: Some(until), line: None, what }
}
