//! The file: looked at before each line, for it may be gone, another, shorter or longer than what we wrote.
//! Whatever happened to it is a line of its own in what comes after, and the chain goes on. After a write
//! or a sync that failed nothing is written as if nothing had been: first a good write that is on disk.

mod close;
mod mend;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::broadcast;

pub(super) use close::{Counted, Counting};
use dagpass_client::ledger::{Opens, Segments, closed};
use dagpass_core::audit::{Event, Receipt, Record};
use dagpass_core::policy::Weight;
use dagpass_core::time::Timestamp;

use super::line::{Chain, Unlinked, rfc3339};
use super::queue::{Standing, Unsynced};
use super::told::{line_of, short};
use super::{Health, Synced};
use crate::system;

/// How far from the end is the last line looked for? No line is longer.
const TAIL: u64 = 256 * 1024;

/// The calls that may fail: the system's, or a test's in their stead.
#[derive(Clone, Copy)]
pub(super) struct Disk {
    pub(super) write: fn(&File, &[u8]) -> io::Result<()>,
    pub(super) cut: fn(&File, u64) -> io::Result<()>,
    pub(super) sync: fn(&File) -> io::Result<()>,
    pub(super) rename: fn(&Path, &Path) -> io::Result<()>,
    pub(super) open: fn(&Path) -> io::Result<File>,
    /// Can nothing be renamed that is open to be written?
    pub(super) lets_go: bool,
}

pub(super) const DISK: Disk = Disk {
    write: |mut file, bytes| file.write_all(bytes),
    cut: File::set_len,
    sync: File::sync_data,
    rename: |from, to| std::fs::rename(from, to),
    open: system::open_record,
    lets_go: cfg!(windows),
};

pub(super) struct Writer {
    path: PathBuf,
    disk: Disk,
    file: Arc<File>,
    /// It was let go of to be renamed, and `file` can only be read.
    let_go: bool,
    id: (u64, u64),
    /// Where it begins, behind the closed segments.
    before: Opens,
    /// How long it is, as far as we wrote whole lines.
    length: u64,
    /// Up to where it is on disk, and the number of the last record there.
    synced: u64,
    synced_seq: u64,
    /// What it held when it was opened is known to be on disk too.
    settled: bool,
    /// How often was it gone on with as it was found?
    taken_up: u64,
    /// Behind `length` may stand the beginning of a line that was not written whole.
    torn: bool,
    chain: Chain,
    /// What happened to the file and is not on the record yet.
    owed: Vec<(Event, String)>,
    trouble: Option<Trouble>,
    /// What happened to it since we opened it, and when.
    lost: Option<String>,
    text: Vec<u8>,
    followers: broadcast::Sender<Arc<str>>,
}

/// What is to be appended.
pub(super) struct Entry {
    /// Why it can never be a line, else.
    line: io::Result<Unlinked>,
    /// A follower looks too, and must not feed itself: it is not told of it.
    is_look: bool,
}

impl Entry {
    pub(super) fn of(record: &Record<'_>) -> Self {
        let is_look = record.action.is_some_and(|action| action.weight() == Weight::Look);
        Self { line: Unlinked::of(line_of(record)), is_look }
    }
}

/// Lines as they are about to be written.
struct Linked {
    behind: Chain,
    /// Where each ends in the text, whether it is a look, and what it becomes.
    lines: Vec<(usize, bool, io::Result<Receipt>)>,
}

/// Why nothing is recorded.
struct Trouble {
    what: String,
    /// The system would not say that what it was given is on disk.
    unsure: bool,
    denied: u64,
    first: Timestamp,
    last: Timestamp,
}

impl Writer {
    /// Goes on where the file ends. A last line that a crash cut short is closed off and stays.
    pub(super) fn open(path: &Path, followers: broadcast::Sender<Arc<str>>) -> io::Result<Self> {
        let mut file = system::open_record(path)?;
        let segments = Segments::of(path)?;
        if segments.has_it_twice() {
            // All of it is in the closed one. Taken away, not cut: it may be another name of that.
            tracing::warn!("the ledger's open segment is a copy of a closed one: another begins");
            drop(file);
            std::fs::remove_file(path)?;
            file = system::open_record(path)?;
        }
        let mark = system::mark_of(&file)?;
        let mut tail = Vec::new();
        segments.reader().from(segments.end().saturating_sub(TAIL)).read_to_end(&mut tail)?;
        let chain = Chain::behind(&tail);
        let mut writer = Self {
            path: path.to_owned(),
            disk: DISK,
            file: Arc::new(file),
            let_go: false,
            id: mark.id,
            before: Opens::behind(segments.closed()),
            length: mark.length,
            synced: mark.length,
            synced_seq: chain.next - 1,
            settled: false,
            taken_up: 0,
            torn: false,
            chain,
            owed: Vec::new(),
            trouble: None,
            lost: None,
            text: Vec::new(),
            followers,
        };
        writer.end_line()?;
        Ok(writer)
    }

    /// Appends them in one go. With `lasting` they are on disk when this returns; where that fails, none of
    /// them counts. A line that can never be one is an error of its own.
    pub(super) fn record(
        &mut self,
        now: Timestamp,
        entries: Vec<Entry>,
        lasting: bool,
    ) -> io::Result<Vec<io::Result<Receipt>>> {
        let count = entries.len() as u64;
        self.ready(now).inspect_err(|error| self.suffer(now, error, count))?;
        let written =
            self.append(now, entries).inspect_err(|error| self.suffer(now, error, count))?;
        if lasting {
            self.sync(now, count)?;
        }
        Ok(written)
    }

    /// Is the file as it was written, and nothing owed to it? Then a line can be appended as it is.
    pub(super) fn is_well(&self) -> bool {
        self.is_as_written()
            && !self.let_go
            && self.owed.is_empty()
            && self.trouble.is_none()
            && !self.torn
    }

    /// Behind [`Self::is_well`].
    pub(super) fn append_all(
        &mut self,
        now: Timestamp,
        entries: Vec<Entry>,
    ) -> io::Result<Vec<io::Result<Receipt>>> {
        let count = entries.len() as u64;
        self.append(now, entries).inspect_err(|error| self.suffer(now, error, count))
    }

    /// Looks at the file and mends what can be mended, while nobody asks.
    pub(super) fn tend(&mut self, now: Timestamp) {
        match closed(&self.path) {
            Ok(closed) => self.before = Opens::behind(&closed),
            Err(error) => tracing::warn!(%error, "the ledger's closed segments cannot be listed"),
        }
        if let Err(error) = self.ready(now) {
            self.suffer(now, &error, 0);
        }
    }

    /// What is not on disk yet, and can be brought there.
    pub(super) fn unsynced(&self) -> Option<Unsynced> {
        if self.synced == self.length && self.settled || self.trouble.is_some() {
            return None;
        }
        Some(Unsynced {
            file: self.file.clone(),
            path: self.path.clone(),
            id: self.id,
            sync: self.disk.sync,
            from: (self.synced, self.synced_seq),
            end: self.end(),
        })
    }

    pub(super) fn standing(&self) -> Standing {
        let trouble = self.trouble.as_ref().map(|trouble| trouble.what.clone());
        Standing {
            health: Health { trouble, lost: self.lost.clone() },
            synced: Synced { bytes: self.before.at + self.synced, seq: self.synced_seq },
            taken_up: self.taken_up,
        }
    }

    #[cfg(test)]
    pub(super) fn fail_by(&mut self, disk: Disk) {
        self.disk = disk;
    }

    /// What came of a sync that somebody else did.
    pub(super) fn tended(
        &mut self,
        now: Timestamp,
        what: &Unsynced,
        ended: Option<io::Result<()>>,
    ) {
        // Of another file, or of one that was cut meanwhile, nothing is known by that.
        if !Arc::ptr_eq(&what.file, &self.file) {
            return;
        }
        let unsure = self.trouble.as_ref().is_some_and(|trouble| trouble.unsure);
        match ended {
            // A later one may have been told that all is well.
            Some(Err(error)) => {
                self.synced = self.synced.min(what.from.0);
                self.synced_seq = self.synced_seq.min(what.from.1);
                self.sync_ended(now, Err(error), 0);
            }
            // What failed here meanwhile may be among it.
            Some(Ok(())) | None if unsure => {}
            Some(Ok(())) => self.sync_ended(now, Ok(what.end), 0),
            // What it came to stands in `trouble`.
            None => drop(self.sync(now, 0)),
        }
    }

    /// What was handed to the system is, or may not be, on disk.
    fn sync_ended(&mut self, now: Timestamp, synced: io::Result<(u64, u64)>, denied: u64) {
        match synced {
            Ok((length, seq)) => {
                self.synced = self.synced.max(length);
                self.synced_seq = self.synced_seq.max(seq);
                self.settled = true;
            }
            Err(error) => {
                self.suffer(now, &error, denied);
                if let Some(trouble) = &mut self.trouble {
                    trouble.unsure = true;
                }
            }
        }
    }

    /// How long it is, and the number of its last record.
    fn end(&self) -> (u64, u64) {
        (self.length, self.chain.next - 1)
    }

    fn sync(&mut self, now: Timestamp, denied: u64) -> io::Result<()> {
        let synced = (self.disk.sync)(&self.file);
        let end = self.end();
        let kept = synced.as_ref().map(|()| end).map_err(copy);
        self.sync_ended(now, kept, denied);
        synced
    }

    fn append(
        &mut self,
        now: Timestamp,
        entries: Vec<Entry>,
    ) -> io::Result<Vec<io::Result<Receipt>>> {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        let linked = self.link(&mut text, now, entries);
        let written = match (self.disk.write)(&self.file, &text) {
            Ok(()) => {
                self.length += text.len() as u64;
                self.chain = linked.behind;
                let mut start = 0;
                for (end, is_look, _) in &linked.lines {
                    if !is_look && start < *end {
                        self.tell(&text[start..*end]);
                    }
                    start = *end;
                }
                Ok(linked.lines.into_iter().map(|(_, _, receipt)| receipt).collect())
            }
            // Half a line would break the chain for whoever comes next.
            Err(error) => {
                self.torn = (self.disk.cut)(&self.file, self.length).is_err();
                Err(error)
            }
        };
        self.text = text;
        written
    }

    /// The text of all, each line's end in it with its receipt, and the chain behind them.
    fn link(&self, text: &mut Vec<u8>, now: Timestamp, entries: Vec<Entry>) -> Linked {
        let (mut behind, time) = (self.chain.clone(), rfc3339(now.as_millis()));
        let lines = entries.into_iter().map(|Entry { line, is_look }| {
            let receipt = line.and_then(|line| behind.link(text, &time, &line));
            (text.len(), is_look, receipt)
        });
        let lines = lines.collect();
        Linked { behind, lines }
    }

    fn tell(&self, line: &[u8]) {
        if self.followers.receiver_count() > 0 {
            let line = String::from_utf8_lossy(line.trim_ascii_end());
            // They may have gone in between.
            drop(self.followers.send(line.into()));
        }
    }

    fn suffer(&mut self, now: Timestamp, error: &io::Error, denied: u64) {
        // It becomes a line, and none may be too long.
        let what = short(&error.to_string());
        let trouble = self.trouble.get_or_insert_with(|| {
            tracing::error!(path = %self.path.display(), error = what, "nothing can be recorded");
            Trouble { what: String::new(), unsure: false, denied: 0, first: now, last: now }
        });
        (trouble.what, trouble.last) = (what, now);
        trouble.denied += denied;
    }
}

pub(super) fn copy(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(
        || io::Error::new(error.kind(), error.to_string()),
        io::Error::from_raw_os_error,
    )
}
