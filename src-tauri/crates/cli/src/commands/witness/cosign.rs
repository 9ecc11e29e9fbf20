//! One request, answered: judged by what is on disk, put there before the cosignature leaves, one at a time.

use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use dagpass_client::ledger::log::{
    AddCheckpoint, Checkpoint, Cosigned, Cosigner, Refused, judge_request,
};

use super::folder::Folder;
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
            Ok(Err(refused)) => self.refused(&asked, refused),
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
        let judged = judge_request(asked, &self.folder.logs()?, |origin| held.get(origin).copied());
        let Checkpoint { origin, size, root, .. } = match judged {
            Ok(checkpoint) => checkpoint,
            Err(refused) => return Ok(Err(refused)),
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

    fn refused(&self, asked: &AddCheckpoint, refused: Refused) -> Reply {
        let status = refused.status();
        if matches!(refused, Refused::Inconsistent | Refused::Holds { forked: true, .. }) {
            let origin = asked.note.text().lines().next().unwrap_or_default();
            let kept = self.folder.keep_refused(&asked.note.to_string());
            let kept = kept.map_or_else(
                |failure| failure.reply.error_description,
                |()| format!("kept in {}", self.folder.path().join("refused").display()),
            );
            output::say(&format!(
                "REFUSED: {origin} does not go on from what was cosigned here; the checkpoint it signed: {kept}"
            ));
        }
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
}

#[cfg(test)]
#[path = "cosign_tests.rs"]
mod tests;
