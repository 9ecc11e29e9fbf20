//! The one thread that writes the ledger. Whoever records hands it a line and waits; what comes while it
//! writes goes together with the next write, and with the next sync where one of them needs it. The queue
//! is bounded: whoever finds it full waits for their place.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};

use dagpass_core::audit::Receipt;
use dagpass_core::ports::Clock;

#[cfg(test)]
use super::writer::Disk;
use super::writer::{Entry, Writer, copy};
use super::{Health, Synced};
use crate::system;

/// How many may wait for the writer?
pub(super) const PLACES: usize = 1_024;
/// What is said where nobody writes any more.
pub(crate) const ENDED: &str = "the ledger's writer has ended";
/// How many lines go into one write?
const TOGETHER: usize = 256;

/// What is asked of the writer.
pub(super) enum Job {
    Record(Wanted),
    /// Look at the file; what is to be synced is synced by whoever asks, so that nobody else waits for that.
    Tend(SyncSender<Option<Unsynced>>),
    /// What became of that sync; `None` where the writer has to sync itself.
    Synced {
        what: Unsynced,
        ended: Option<io::Result<()>>,
        done: SyncSender<()>,
    },
    #[cfg(test)]
    FailBy(Disk),
}

/// A line, and who waits for it.
pub(super) struct Wanted {
    pub(super) entry: Entry,
    /// It has to be on disk.
    pub(super) lasting: bool,
    pub(super) reply: SyncSender<io::Result<Receipt>>,
}

/// What was written and is not on disk yet.
pub(super) struct Unsynced {
    /// Which one, for the writer: that is not what is synced.
    pub(super) file: Arc<File>,
    pub(super) path: PathBuf,
    pub(super) id: (u64, u64),
    pub(super) sync: fn(&File) -> io::Result<()>,
    /// What was on disk before, and what is after: how long it is, and the number of the last record.
    pub(super) from: (u64, u64),
    pub(super) end: (u64, u64),
}

impl Unsynced {
    /// By an opening of our own. That a write failed is told once to each opening of a file: were there one,
    /// whoever syncs at the same time would hear that all is well.
    pub(super) fn sync(&self) -> Option<io::Result<()>> {
        let file = OpenOptions::new().read(true).append(true).open(&self.path).ok()?;
        let is_it = system::mark_of(&file).is_ok_and(|mark| mark.id == self.id);
        is_it.then(|| (self.sync)(&file))
    }
}

/// How the ledger stands, for whoever asks without waiting.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) health: Health,
    pub(super) synced: Synced,
}

/// Until nobody can record any more.
pub(super) fn work(
    mut writer: Writer,
    clock: &dyn Clock,
    jobs: &Receiver<Job>,
    standing: &Mutex<Standing>,
) {
    let tell = |writer: &Writer| {
        *standing.lock().unwrap_or_else(PoisonError::into_inner) = writer.standing();
    };
    let mut group = Vec::new();
    while let Ok(first) = jobs.recv() {
        let more = jobs.try_iter().take(TOGETHER - 1);
        for job in std::iter::once(first).chain(more) {
            let other = match job {
                Job::Record(wanted) => {
                    group.push(wanted);
                    continue;
                }
                other => other,
            };
            commit(&mut writer, clock, &mut group, tell);
            attend(&mut writer, clock, other, tell);
        }
        commit(&mut writer, clock, &mut group, tell);
    }
}

/// One write, and one sync where any of them has to last. Nobody is answered before it is known how the
/// ledger stands.
fn commit(writer: &mut Writer, clock: &dyn Clock, group: &mut Vec<Wanted>, tell: impl Fn(&Writer)) {
    if group.is_empty() {
        return;
    }
    let lasting = group.iter().any(|wanted| wanted.lasting);
    let (entries, replies): (Vec<_>, Vec<_>) =
        group.drain(..).map(|wanted| (wanted.entry, wanted.reply)).unzip();
    let written = writer.record(clock.now(), entries, lasting);
    tell(writer);
    match written {
        Ok(receipts) => {
            for (reply, receipt) in replies.into_iter().zip(receipts) {
                answer(&reply, receipt);
            }
        }
        Err(error) => replies.iter().for_each(|reply| answer(reply, Err(copy(&error)))),
    }
}

fn attend(writer: &mut Writer, clock: &dyn Clock, job: Job, tell: impl Fn(&Writer)) {
    match job {
        Job::Record(_) => {}
        Job::Tend(reply) => {
            writer.tend(clock.now());
            tell(writer);
            answer(&reply, writer.unsynced());
        }
        Job::Synced { what, ended, done } => {
            writer.tended(clock.now(), &what, ended);
            tell(writer);
            answer(&done, ());
        }
        #[cfg(test)]
        Job::FailBy(disk) => writer.fail_by(disk),
    }
}

/// Whoever asked may be gone.
fn answer<T>(reply: &SyncSender<T>, what: T) {
    drop(reply.send(what));
}
