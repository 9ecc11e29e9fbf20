//! The thread that writes the ledger for many. Whoever records hands it a line and waits; what comes while it
//! writes goes together with the next write, and with the next sync where one of them needs it. The queue
//! is bounded: whoever finds it full waits for their place. Where nobody waits and no disk is to be waited for,
//! whoever records writes the line themselves ([`Pen::at_once`]): that costs no change of threads.

mod beside;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dagpass_core::audit::Receipt;
use dagpass_core::ports::Clock;
use dagpass_core::time::Timestamp;

use super::writer::{Counted, Entry, Writer, copy};
use super::{Health, Synced};
use crate::system;
use beside::Beside;

/// How many may wait for the writer?
pub(super) const PLACES: usize = 1_024;
/// What is said where nobody writes any more.
pub(crate) const ENDED: &str = "the ledger's writer has ended";
/// How many lines go into one write?
const TOGETHER: usize = 256;
/// How often does somebody who would write themselves look whether the one before them is done? A change of
/// threads costs more.
const TRIES: usize = 100;

/// What is asked of the writer.
pub(super) enum Job {
    Record(Wanted),
    /// Look at the file; what is to be synced is synced by whoever asks, so that nobody else waits for that.
    Tend(SyncSender<Option<Unsynced>>),
    /// Close the open segment, whose lines somebody counted.
    Close(Counted, SyncSender<io::Result<bool>>),
    /// What became of that sync; `None` where the writer has to sync itself.
    Synced {
        what: Unsynced,
        ended: Option<io::Result<()>>,
        done: SyncSender<()>,
    },
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
    pub(super) taken_up: u64,
}

/// The writer, for one at a time, and how it stands.
pub(super) struct Pen {
    /// `None` once a write ended it.
    writer: Mutex<Option<Writer>>,
    beside: Beside,
    pub(super) standing: Mutex<Standing>,
    /// How many have handed something over that nobody has taken up yet.
    waiting: AtomicUsize,
    /// How many wait for the disk: a write to a file that is being synced may have to wait as well.
    syncing: AtomicUsize,
}

impl Pen {
    pub(super) fn new(writer: Writer) -> Self {
        let standing = Mutex::new(writer.standing());
        let (waiting, syncing) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (writer, beside) = (Mutex::new(Some(writer)), Beside::default());
        Self { writer, beside, standing, waiting, syncing }
    }

    /// Before something is handed over.
    pub(super) fn waits(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// What takes as long as a disk does. Nobody writes themselves meanwhile.
    pub(super) fn while_syncing<T>(&self, sync: impl FnOnce() -> T) -> T {
        self.syncing.fetch_add(1, Ordering::Relaxed);
        let ended = sync();
        self.syncing.fetch_sub(1, Ordering::Relaxed);
        ended
    }

    /// Writes it here and now, or has whoever does write it too. `Err`: it is to be handed over, since somebody
    /// writes or waits, or the file or the disk has to be seen to first.
    pub(super) fn at_once(
        &self,
        now: impl FnOnce() -> Timestamp,
        entry: Entry,
    ) -> Result<io::Result<Receipt>, Entry> {
        let busy = |count: &AtomicUsize| count.load(Ordering::Relaxed) > 0;
        if busy(&self.waiting) || busy(&self.syncing) {
            return Err(entry);
        }
        if let Ok(held) = self.writer.try_lock() {
            return self.write(held, now, entry);
        }
        let laid = self.beside.lay(entry);
        // Whoever writes is done by then, unless a disk is waited for.
        for tried in 0..=TRIES {
            match tried < TRIES {
                true => std::hint::spin_loop(),
                // They may have been taken off their core.
                false => std::thread::yield_now(),
            }
            if laid.is_written() {
                break;
            }
            if let Ok(held) = self.writer.try_lock() {
                return match self.beside.back(&laid) {
                    Ok(written) => Ok(written),
                    Err(entry) => self.write(held, now, entry),
                };
            }
        }
        self.beside.back(&laid)
    }

    /// With what lies beside.
    fn write(
        &self,
        mut held: MutexGuard<'_, Option<Writer>>,
        now: impl FnOnce() -> Timestamp,
        entry: Entry,
    ) -> Result<io::Result<Receipt>, Entry> {
        let Some(writer) = held.as_mut().filter(|writer| writer.is_well()) else {
            return Err(entry);
        };
        let (laid, mut entries): (Vec<_>, Vec<_>) = self.beside.take().into_iter().unzip();
        entries.push(entry);
        // What a write that panics leaves behind is not gone on with.
        let written = catch_unwind(AssertUnwindSafe(|| writer.append_all(now(), entries)));
        let failed = match written {
            Ok(Ok(mut receipts)) => {
                let own = receipts.pop();
                laid.iter().zip(receipts).for_each(|(laid, receipt)| laid.written(receipt));
                return Ok(own.unwrap_or_else(|| Err(io::Error::other("nothing was written"))));
            }
            Ok(Err(error)) => {
                self.tell(writer);
                error
            }
            Err(_) => {
                *held = None;
                self.ended();
                io::Error::other(ENDED)
            }
        };
        laid.iter().for_each(|laid| laid.written(Err(copy(&failed))));
        Ok(Err(failed))
    }

    /// There is no writer any more: a write ended it. That is told once, and stays.
    pub(super) fn ended(&self) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        if standing.health.trouble.as_deref() != Some(ENDED) {
            tracing::error!("{ENDED}");
            standing.health.trouble = Some(ENDED.to_owned());
        }
    }

    #[cfg(test)]
    pub(super) fn fail_by(&self, disk: super::writer::Disk) {
        self.writer.lock().unwrap().as_mut().unwrap().fail_by(disk);
    }

    fn tell(&self, writer: &Writer) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = writer.standing();
    }
}

/// Until nobody can record any more.
pub(super) fn work(pen: &Pen, clock: &dyn Clock, jobs: &Receiver<Job>) {
    let tell = |writer: &Writer| pen.tell(writer);
    let mut group = Vec::new();
    while let Ok(first) = jobs.recv() {
        let Ok(mut held) = pen.writer.lock() else { return };
        let Some(writer) = held.as_mut() else { return };
        let more = jobs.try_iter().take(TOGETHER - 1);
        for job in std::iter::once(first).chain(more) {
            pen.waiting.fetch_sub(1, Ordering::Relaxed);
            let other = match job {
                Job::Record(wanted) => {
                    group.push(wanted);
                    continue;
                }
                other => other,
            };
            commit(writer, clock, &mut group, tell);
            attend(writer, clock, other, tell);
        }
        commit(writer, clock, &mut group, tell);
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
        Job::Close(counted, reply) => {
            let closed = writer.close(clock.now(), counted);
            tell(writer);
            answer(&reply, closed);
        }
        Job::Synced { what, ended, done } => {
            writer.tended(clock.now(), &what, ended);
            tell(writer);
            answer(&done, ());
        }
    }
}

/// Whoever asked may be gone.
fn answer<T>(reply: &SyncSender<T>, what: T) {
    drop(reply.send(what));
}
