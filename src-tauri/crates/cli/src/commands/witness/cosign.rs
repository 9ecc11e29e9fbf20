//! One request, answered: judged by what is on disk, put there before the cosignature leaves, one at a time.

use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use dagpass_client::ledger::log::{
    AddCheckpoint, Checkpoint, Cosigned, Cosigner, Refused, VerifierKey, judge_request,
};

use super::folder::{Folder, Held, Kept, NotCosigned};
use crate::exit::Failure;
use crate::output;

pub(super) struct Bench {
    folder: Folder,
    cosigner: Cosigner,
    /// From reading what is held to its being on disk.
    turn: Mutex<()>,
}

/// What goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) body: String,
}

const PLAIN: &str = "text/plain; charset=utf-8";

impl Reply {
    pub(super) fn plain(status: u16, what: &str) -> Self {
        Self { status, kind: PLAIN, body: format!("{what}\n") }
    }
}

impl Bench {
    pub(super) fn new(folder: Folder, cosigner: Cosigner) -> Self {
        Self { folder, cosigner, turn: Mutex::default() }
    }

    pub(super) fn answer(&self, body: &[u8]) -> Reply {
        let asked = match AddCheckpoint::parse(body) {
            Ok(asked) => asked,
            Err(why) => return Reply::plain(400, why.0),
        };
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        match self.cosigned(&asked) {
            Ok(Ok(line)) => Reply { status: 200, kind: PLAIN, body: line },
            Ok(Err(refused)) => told(refused),
            Err(failure) => {
                let cause = failure.reply.cause.unwrap_or_default();
                output::say(&format!("not cosigned: {}: {cause}", failure.reply.error_description));
                Reply::plain(500, "what this witness keeps cannot be read or written")
            }
        }
    }

    /// All of it anew each time: what cannot be read is believed by nobody.
    fn cosigned(&self, asked: &AddCheckpoint) -> Result<Result<String, Refused>, Failure> {
        let gone = || Failure::new("witness_damaged", "what was cosigned is gone");
        let mut held = self.folder.held()?.ok_or_else(gone)?;
        let logs = self.folder.logs()?;
        let judged = judge_request(asked, &logs, |origin| held.get(origin).copied());
        let Checkpoint { origin, size, root, .. } = match judged {
            Ok(checkpoint) => checkpoint,
            Err(refused) => {
                self.keep(asked, refused, (&logs, &held));
                return Ok(Err(refused));
            }
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        let signature = self.cosigner.cosign(&asked.note, now);
        let signature = signature.ok_or_else(|| Failure::new("io", "the clock says no time"))?;
        held.insert(origin.clone(), Cosigned { size, root });
        // Also where it is there already: a write that failed half-way may not be on disk yet.
        let failure = |error| Failure::new("io", "what was cosigned is not on disk").because(error);
        self.folder.persist(&held).map_err(failure)?;
        output::say(&format!("cosigned {origin} up to line {size}"));
        Ok(Ok(signature.to_string()))
    }

    /// What may speak against a log one day. Of what asks its key's own signature alone is kept: whatever else
    /// stands there is anybody's.
    fn keep(&self, asked: &AddCheckpoint, refused: Refused, (logs, held): (&[VerifierKey], &Held)) {
        let why = match refused {
            Refused::Holds { forked: true, .. } => NotCosigned::Forked,
            Refused::Inconsistent => NotCosigned::Unproved,
            Refused::Malformed(_) | Refused::UnknownLog | Refused::NotSigned => return,
            Refused::Holds { forked: false, .. } => return,
        };
        let Ok(Checkpoint { origin, size, root, .. }) = Checkpoint::parse(asked.note.text()) else {
            return;
        };
        // From nothing everything goes on, and a wrong proof of what was cosigned says nothing of it.
        let speaks = |held: &&Cosigned| held.size > 0 && **held != Cosigned { size, root };
        let Some(Cosigned { size: before, .. }) = held.get(&origin).filter(speaks) else { return };
        let mut keys = logs.iter().filter(|key| key.name() == origin);
        let Some(note) = keys.find_map(|key| asked.note.only_by(key)) else { return };
        let path = self.folder.path().join(why.file());
        let kept = match self.folder.keep(why, &note) {
            Ok(Kept::Before) => return,
            Ok(Kept::Now) => format!("kept in {}", path.display()),
            Ok(Kept::Full) => format!(
                "NOT kept: {} has all of it that it takes; put it away for more to be kept",
                path.display()
            ),
            Err(failure) => format!("NOT kept: {}", failure.reply.error_description),
        };
        output::say(&match why {
            NotCosigned::Forked => format!(
                "REFUSED: {origin} signed another history of {size} lines than was cosigned here: {kept}"
            ),
            NotCosigned::Unproved => format!(
                "not cosigned: whoever asked gave no proof that {origin} at line {size} goes on from line \
                 {before}, which was cosigned; it is evidence only where the log itself can give none: {kept}"
            ),
        });
    }
}

fn told(refused: Refused) -> Reply {
    let status = refused.status();
    match refused {
        Refused::Holds { size, .. } => {
            Reply { status, kind: AddCheckpoint::SIZE_TYPE, body: format!("{size}\n") }
        }
        Refused::Malformed(why) => Reply::plain(status, why.0),
        Refused::UnknownLog => Reply::plain(status, "this witness does not know that log"),
        Refused::NotSigned => Reply::plain(status, "no key known for that log signed it"),
        Refused::Inconsistent => {
            Reply::plain(status, "the proof does not go on from what was cosigned")
        }
    }
}

#[cfg(test)]
#[path = "cosign_tests.rs"]
mod tests;
