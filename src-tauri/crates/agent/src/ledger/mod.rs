//! The ledger: `ledger.jsonl`, 0600, append-only, a line an event, each with the SHA-256 of the line
//! before. Written before a token leaves; a write that fails denies. What is on disk of it is signed from
//! time to time ([`sealer`]), in the files of a transparency log beside it ([`tiles`]).

#[cfg(test)]
mod bent_tests;
mod checkpoint;
mod closing;
#[cfg(test)]
mod closing_tests;
mod cosigned;
mod export;
mod line;
#[cfg(test)]
mod load_tests;
mod pruning;
#[cfg(test)]
mod pruning_tests;
mod queue;
#[cfg(test)]
mod release_tests;
mod sealed_log;
mod sealer;
#[cfg(test)]
mod sealer_tests;
#[cfg(test)]
mod segment_tests;
#[cfg(test)]
mod tests;
mod tiles;
mod told;
mod unsealed;
mod writer;
#[cfg(test)]
mod writer_tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::broadcast;

use dagpass_core::audit::{Event, Outcome, Receipt, Record};
use dagpass_core::ports::{Clock, Witness, WitnessFailure};

pub(crate) use cosigned::Sealed;
pub(crate) use export::Shipping;
pub(crate) use pruning::{Pruning, Wish};
pub(crate) use sealer::{Durable, Sealer};
#[cfg(test)]
pub(crate) use tiles::Step;

use crate::config::Durability;
use crate::system::patiently;
use closing::Closing;
pub(crate) use queue::ENDED;
use queue::{Job, PLACES, Pen, Standing, Wanted};
use writer::{Entry, Writer};

/// How many lines may a follower be behind before it misses some?
const BEHIND: usize = 256;
/// How long is a write waited for before this thread is given up? A sync may stand before it.
const SOON: Duration = Duration::from_millis(1);

pub(crate) struct Ledger {
    path: PathBuf,
    /// `None` once it ends.
    jobs: Option<SyncSender<Job>>,
    writer: Option<JoinHandle<()>>,
    pen: Arc<Pen>,
    clock: Arc<dyn Clock>,
    closing: Mutex<Closing>,
    /// Each line has to be on disk before it counts, but of whom is turned away.
    all_last: AtomicBool,
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

/// How far the file at our path is on disk: what stands before that survives a loss of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Synced {
    /// Its first bytes, whole lines all.
    pub(crate) bytes: u64,
    /// The number of the last record among them; 0 where there is none.
    pub(crate) seq: u64,
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
        let writer = Writer::open(path, followers.clone())?;
        let pen = Arc::new(Pen::new(writer));
        let (jobs, asked) = sync_channel(PLACES);
        let (held, watch) = (pen.clone(), clock.clone());
        let work = move || queue::work(&held, watch.as_ref(), &asked);
        let writer = std::thread::Builder::new().name("ledger".to_owned()).spawn(work)?;
        Ok(Self {
            path: path.to_owned(),
            jobs: Some(jobs),
            writer: Some(writer),
            pen,
            clock,
            closing: Mutex::default(),
            all_last: AtomicBool::new(false),
            followers,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// From now on.
    pub(crate) fn keep_as(&self, durability: Durability) {
        self.all_last.store(durability == Durability::Synced, Ordering::Relaxed);
    }

    /// Every line from now on. A follower that is too slow misses some and is told so; nobody waits
    /// for it.
    pub(crate) fn follow(&self) -> broadcast::Receiver<Arc<str>> {
        self.followers.subscribe()
    }

    pub(crate) fn health(&self) -> Health {
        self.standing().health
    }

    /// Looks at the file and makes what was appended durable; called every second or two. Nobody who records
    /// meanwhile waits for the disk: it is written to by whoever calls.
    pub(crate) fn tend(&self) {
        let Some(what) = self.ask(Job::Tend).flatten() else { return };
        let ended = self.pen.while_syncing(|| what.sync());
        // Where the writer has ended, nothing is recorded any more.
        self.ask(|done| Job::Synced { what, ended, done });
    }

    /// Makes all that was appended durable, and says up to where it is.
    pub(crate) fn synced(&self) -> io::Result<Synced> {
        self.tend();
        let Standing { health, synced, .. } = self.standing();
        health.trouble.map_or(Ok(synced), |what| Err(io::Error::other(what)))
    }

    #[cfg(test)]
    fn fail_by(&self, disk: writer::Disk) {
        self.pen.fail_by(disk);
    }

    fn standing(&self) -> Standing {
        self.pen.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `None` where there is no writer any more.
    fn ask<T>(&self, job: impl FnOnce(SyncSender<T>) -> Job) -> Option<T> {
        let answer = self.put(job);
        if answer.is_none() {
            self.pen.ended();
        }
        answer
    }

    fn put<T>(&self, job: impl FnOnce(SyncSender<T>) -> Job) -> Option<T> {
        let (reply, answer) = sync_channel(1);
        let jobs = self.jobs.as_ref()?;
        self.pen.waits();
        match jobs.try_send(job(reply)) {
            Ok(()) => {}
            Err(TrySendError::Full(job)) => patiently(|| jobs.send(job)).ok()?,
            Err(TrySendError::Disconnected(_)) => return None,
        }
        match answer.recv_timeout(SOON) {
            Ok(answer) => Some(answer),
            Err(RecvTimeoutError::Timeout) => patiently(|| answer.recv()).ok(),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }
}

impl Drop for Ledger {
    /// What was handed over is written first.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if self.writer.take().is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the ledger's writer has ended by itself");
        }
    }
}

impl Durable for Ledger {
    fn path(&self) -> &Path {
        &self.path
    }

    fn synced(&self) -> u64 {
        self.standing().synced.bytes
    }
}

impl Witness for Ledger {
    fn record(&self, record: &Record<'_>) -> Result<Option<Receipt>, WitnessFailure> {
        // Of who went away with nothing there is nothing to be sure of.
        let counts = record.outcome == Outcome::Ok && self.all_last.load(Ordering::Relaxed);
        let lasting = must_last(record) || counts;
        let mut entry = Entry::of(record);
        if !lasting {
            match self.pen.at_once(|| self.clock.now(), entry) {
                Ok(written) => return told(written),
                Err(unwritten) => entry = unwritten,
            }
        }
        let written = self.ask(|reply| Job::Record(Wanted { entry, lasting, reply }));
        told(written.ok_or_else(|| WitnessFailure(ENDED.to_owned()))?)
    }
}

fn told(written: io::Result<Receipt>) -> Result<Option<Receipt>, WitnessFailure> {
    written.map(Some).map_err(|error| WitnessFailure(error.to_string()))
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
        | Event::LedgerForked
        | Event::LedgerMended
        | Event::LedgerPruned
        | Event::Evidence
        | Event::ApprovalAnswered
        | Event::ApprovalRevoked
        | Event::LeaseRevoked
        | Event::ClientCredential
        | Event::SignOutEverywhere
        | Event::TokenFound => true,
        Event::Refresh | Event::Run | Event::DoorClosed | Event::Exchange => {
            record.outcome != Outcome::Ok
        }
        Event::Decision
        | Event::Issue
        | Event::Refused
        | Event::AgentStart
        | Event::AgentStop
        | Event::ConfigChange
        | Event::ApprovalAsked
        | Event::ApprovalExpired => false,
    }
}
