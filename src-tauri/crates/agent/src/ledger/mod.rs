//! The ledger: `ledger.jsonl`, 0600, append-only, a line an event, each with the SHA-256 of the line
//! before. Written before a token leaves; a write that fails denies. What is on disk of it is signed from
//! time to time ([`sealer`]), in the files of a transparency log beside it ([`tiles`]).

#[cfg(test)]
mod bent_tests;
mod checkpoint;
mod line;
mod sealed_log;
mod sealer;
#[cfg(test)]
mod sealer_tests;
#[cfg(test)]
mod tests;
mod tiles;
mod unsealed;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::ports::{Clock, Witness, WitnessFailure};

pub(crate) use sealer::{Durable, Sealer};

use writer::Writer;

/// How many lines may a follower be behind before it misses some?
const BEHIND: usize = 256;

pub(crate) struct Ledger {
    clock: Arc<dyn Clock>,
    path: PathBuf,
    open: Mutex<Writer>,
    followers: broadcast::Sender<Arc<str>>,
}

/// What a person should know of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Health {
    /// Why nothing can be recorded, and therefore nothing is handed out.
    pub(crate) trouble: Option<String>,
    /// What happened to the file since we opened it, and when.
    pub(crate) lost: Option<String>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ledger")
    }
}

impl Ledger {
    /// Goes on where the file ends.
    pub(crate) fn open(path: &Path, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let (followers, _none_yet) = broadcast::channel(BEHIND);
        let open = Mutex::new(Writer::open(path, followers.clone())?);
        Ok(Self { clock, path: path.to_owned(), open, followers })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Every line from now on. A follower that is too slow misses some and is told so; nobody waits
    /// for it.
    pub(crate) fn follow(&self) -> broadcast::Receiver<Arc<str>> {
        self.followers.subscribe()
    }

    pub(crate) fn health(&self) -> Health {
        let open = self.lock();
        Health { trouble: open.trouble().map(str::to_owned), lost: open.lost.clone() }
    }

    /// Looks at the file and makes what was appended durable; called every second or two. Nobody who asks
    /// meanwhile waits for the disk: it is written to without the lock.
    pub(crate) fn tend(&self) {
        let (file, sync, length) = {
            let mut open = self.lock();
            open.tend(self.clock.now());
            if open.synced == open.length || open.trouble().is_some() {
                return;
            }
            (open.file.clone(), open.syncs(), open.length)
        };
        let synced = sync(&file);
        let mut open = self.lock();
        // Of another file nothing is known by that.
        if Arc::ptr_eq(&file, &open.file) {
            open.sync_ended(self.clock.now(), synced.map(|()| length), 0);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Writer> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Durable for Ledger {
    fn path(&self) -> &Path {
        &self.path
    }

    fn synced(&self) -> u64 {
        self.lock().synced
    }
}

impl Witness for Ledger {
    fn record(&self, record: &Record<'_>) -> Result<(), WitnessFailure> {
        let written = self.lock().record(self.clock.now(), record, must_last(record));
        written.map_err(|error| WitnessFailure(error.to_string()))
    }
}

/// Must it be on disk before anything follows from it? Never what somebody can cause many times a second:
/// who is turned away, or asks in vain.
fn must_last(record: &Record<'_>) -> bool {
    match record.event {
        Event::SignIn
        | Event::SignOut
        | Event::Revocation
        | Event::DoorOpened
        | Event::LedgerLost
        | Event::LedgerAltered
        | Event::LedgerMended => true,
        Event::Refresh | Event::Run | Event::DoorClosed | Event::Exchange => {
            record.outcome != Outcome::Ok
        }
        Event::Decision
        | Event::Issue
        | Event::Refused
        | Event::AgentStart
        | Event::AgentStop
        | Event::ConfigChange => false,
    }
}
