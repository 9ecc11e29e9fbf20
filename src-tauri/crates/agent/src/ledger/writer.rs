//! The file: looked at before each line, for it may be gone, another, shorter or longer than what we wrote.
//! Whatever happened to it is a line of its own in what comes after, and the chain goes on. After a write
//! or a sync that failed nothing is written as if nothing had been: first a good write that is on disk.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::broadcast;

use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::policy::Weight;
use dagpass_core::request::{Caller, Transport};
use dagpass_core::time::Timestamp;

use super::line::{Chain, hex, rfc3339};
use super::told::line_of;
use crate::system;

/// How far from the end is the last line looked for? No line is longer.
const TAIL: u64 = 256 * 1024;

/// The calls that may fail: the system's, or a test's in their stead.
#[derive(Clone, Copy)]
pub(super) struct Disk {
    pub(super) write: fn(&File, &[u8]) -> io::Result<()>,
    pub(super) cut: fn(&File, u64) -> io::Result<()>,
    pub(super) sync: fn(&File) -> io::Result<()>,
}

pub(super) const DISK: Disk = Disk {
    write: |mut file, bytes| file.write_all(bytes),
    cut: File::set_len,
    sync: File::sync_data,
};

pub(super) struct Writer {
    path: PathBuf,
    disk: Disk,
    pub(super) file: Arc<File>,
    id: (u64, u64),
    /// How long it is, as far as we wrote whole lines.
    pub(super) length: u64,
    /// Up to where it is on disk, and the number of the last record there.
    pub(super) synced: u64,
    pub(super) synced_seq: u64,
    /// What it held when it was opened is known to be on disk too.
    pub(super) settled: bool,
    /// Behind `length` may stand the beginning of a line that was not written whole.
    torn: bool,
    chain: Chain,
    /// What happened to the file and is not on the record yet.
    owed: Vec<(Event, String)>,
    trouble: Option<Trouble>,
    /// What happened to it since we opened it, and when.
    pub(super) lost: Option<String>,
    line: Vec<u8>,
    followers: broadcast::Sender<Arc<str>>,
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

/// The file at our path, against the one we wrote.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    AsWritten,
    Gone,
    Another,
    Cut { to: u64 },
    Grown { by: u64 },
}

impl Writer {
    /// Goes on where the file ends. A last line that a crash cut short is closed off and stays.
    pub(super) fn open(path: &Path, followers: broadcast::Sender<Arc<str>>) -> io::Result<Self> {
        let file = system::open_record(path)?;
        let mark = system::mark_of(&file)?;
        let mut tail = Vec::new();
        (&file).seek(SeekFrom::Start(mark.length.saturating_sub(TAIL)))?;
        (&file).read_to_end(&mut tail)?;
        let chain = Chain::behind(&tail);
        let mut writer = Self {
            path: path.to_owned(),
            disk: DISK,
            file: Arc::new(file),
            id: mark.id,
            length: mark.length,
            synced: mark.length,
            synced_seq: chain.next - 1,
            settled: false,
            torn: false,
            chain,
            owed: Vec::new(),
            trouble: None,
            lost: None,
            line: Vec::new(),
            followers,
        };
        writer.end_line()?;
        Ok(writer)
    }

    /// Appends it. With `lasting` it is on disk when this returns.
    pub(super) fn record(
        &mut self,
        now: Timestamp,
        record: &Record<'_>,
        lasting: bool,
    ) -> io::Result<()> {
        self.ready(now).inspect_err(|error| self.suffer(now, error, 1))?;
        self.append(now, record).inspect_err(|error| self.suffer(now, error, 1))?;
        if lasting { self.sync(now, 1) } else { Ok(()) }
    }

    /// Looks at the file and mends what can be mended, while nobody asks.
    pub(super) fn tend(&mut self, now: Timestamp) {
        if let Err(error) = self.ready(now) {
            self.suffer(now, &error, 0);
        }
    }

    #[cfg(test)]
    pub(super) fn fail_by(&mut self, disk: Disk) {
        self.disk = disk;
    }

    /// Why nothing can be recorded, where that is so.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_ref().map(|trouble| trouble.what.as_str())
    }

    /// What was handed to the system is, or may not be, on disk.
    pub(super) fn sync_ended(
        &mut self,
        now: Timestamp,
        synced: io::Result<(u64, u64)>,
        denied: u64,
    ) {
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
    pub(super) fn end(&self) -> (u64, u64) {
        (self.length, self.chain.next - 1)
    }

    pub(super) fn syncs(&self) -> fn(&File) -> io::Result<()> {
        self.disk.sync
    }

    fn sync(&mut self, now: Timestamp, denied: u64) -> io::Result<()> {
        let synced = (self.disk.sync)(&self.file);
        let end = self.end();
        let kept = synced.as_ref().map(|()| end).map_err(copy);
        self.sync_ended(now, kept, denied);
        synced
    }

    /// Returns at once where the file is as we wrote it and all went well so far.
    fn ready(&mut self, now: Timestamp) -> io::Result<()> {
        let found = self.look()?;
        if found == Found::AsWritten && self.owed.is_empty() && self.trouble.is_none() {
            return Ok(());
        }
        if found != Found::AsWritten {
            self.take_up(&found, now)?;
        }
        self.close_torn()?;
        self.end_line()?;
        if self.trouble.as_ref().is_some_and(|trouble| trouble.unsure) {
            self.write_again()?;
            self.sync(now, 0)?;
        }
        let caller = Caller { transport: Transport::Agent, ..Caller::default() };
        while let Some((event, reason)) = self.owed.first().cloned() {
            let mut record = Record::new(event, Outcome::Failed, &caller);
            record.reason = Some(&reason);
            self.append(now, &record)?;
            self.owed.remove(0);
        }
        if let Some(trouble) = self.trouble.take() {
            let mut record = Record::new(Event::LedgerMended, Outcome::Ok, &caller);
            record.reason = Some(&trouble.what);
            record.count = Some(trouble.denied);
            (record.first, record.last) = (Some(trouble.first), Some(trouble.last));
            let written = self.append(now, &record);
            self.trouble = Some(trouble);
            written?;
        }
        self.sync(now, 0)?;
        if let Some(trouble) = self.trouble.take() {
            tracing::info!(denied = trouble.denied, "the ledger is written again");
        }
        Ok(())
    }

    fn look(&self) -> io::Result<Found> {
        let mark = match system::mark_at(&self.path) {
            Err(error) if is_nothing(&error) => return Ok(Found::Gone),
            mark => mark?,
        };
        Ok(match mark.length {
            _ if mark.id != self.id => Found::Another,
            length if length < self.length => Found::Cut { to: length },
            length if length > self.length && !self.torn => {
                Found::Grown { by: length - self.length }
            }
            _ => Found::AsWritten,
        })
    }

    /// Goes on with what is there now, and owes the record a line that says so.
    fn take_up(&mut self, found: &Found, now: Timestamp) -> io::Result<()> {
        let last = self.chain.next - 1;
        let (event, reason) = match found {
            Found::AsWritten => return Ok(()),
            Found::Gone => {
                (Event::LedgerLost, format!("the file was gone; line {last} was its last"))
            }
            Found::Another => (
                Event::LedgerLost,
                format!(
                    "another file stands in its place; line {last} was the last of the old one"
                ),
            ),
            Found::Cut { to } => {
                let was = self.length;
                let reason =
                    format!("it was cut from {was} bytes to {to}; line {last} was its last");
                (Event::LedgerLost, reason)
            }
            Found::Grown { by } => {
                (Event::LedgerAltered, format!("{by} bytes behind line {last} are not ours"))
            }
        };
        if matches!(found, Found::Gone | Found::Another) {
            self.reopen(now)?;
        } else {
            self.length = system::mark_of(&self.file)?.length;
        }
        (self.synced, self.torn) = (self.synced.min(self.length), false);
        tracing::error!(path = %self.path.display(), reason, "the ledger is not as we wrote it");
        self.lost = Some(format!("{reason} ({})", rfc3339(now.as_millis())));
        self.owed.push((event, reason));
        Ok(())
    }

    fn reopen(&mut self, now: Timestamp) -> io::Result<()> {
        // Moved away it is still the record.
        if self.synced < self.length && self.sync(now, 0).is_err() {
            tracing::error!("the end of the ledger that was moved away may not be on disk");
        }
        system::private_dir(self.path.parent().unwrap_or(Path::new(".")))?;
        let file = system::open_record(&self.path)?;
        let mark = system::mark_of(&file)?;
        self.file = Arc::new(file);
        (self.id, self.length, self.synced) = (mark.id, mark.length, mark.length);
        self.settled = false;
        Ok(())
    }

    /// What comes next begins a line of its own.
    fn end_line(&mut self) -> io::Result<()> {
        if self.length == 0 {
            return Ok(());
        }
        let mut last = [0];
        (&*self.file).seek(SeekFrom::Start(self.length - 1))?;
        (&*self.file).read_exact(&mut last)?;
        if last != *b"\n" {
            (self.disk.write)(&self.file, b"\n")?;
            self.length += 1;
        }
        Ok(())
    }

    /// Takes the beginning of a failed line away or, where that cannot be, makes it a line that stays.
    fn close_torn(&mut self) -> io::Result<()> {
        if !self.torn {
            return Ok(());
        }
        if (self.disk.cut)(&self.file, self.length).is_err() {
            let mut half = Vec::new();
            (&*self.file).seek(SeekFrom::Start(self.length))?;
            (&*self.file).read_to_end(&mut half)?;
            if !half.is_empty() {
                (self.disk.write)(&self.file, b"\n")?;
                self.length += half.len() as u64 + 1;
                self.chain.previous = hex(&half);
            }
        }
        self.torn = false;
        Ok(())
    }

    /// After a sync that failed the system takes what it could not write for written: only what is handed
    /// to it once more is tried once more.
    fn write_again(&mut self) -> io::Result<()> {
        let mut bytes = vec![0; usize::try_from(self.length - self.synced).unwrap_or_default()];
        (&*self.file).seek(SeekFrom::Start(self.synced))?;
        (&*self.file).read_exact(&mut bytes)?;
        // What is opened to append writes at the end wherever it stands.
        let mut over = OpenOptions::new().write(true).open(&self.path)?;
        over.seek(SeekFrom::Start(self.synced))?;
        over.write_all(&bytes)
    }

    fn append(&mut self, now: Timestamp, record: &Record<'_>) -> io::Result<()> {
        let mut line = std::mem::take(&mut self.line);
        let linked = self.chain.link(&mut line, now.as_millis(), &mut line_of(record));
        let written = linked.and_then(|behind| {
            (self.disk.write)(&self.file, &line)?;
            Ok(behind)
        });
        let done = match written {
            Ok(behind) => {
                self.length += line.len() as u64;
                self.chain = behind;
                // A follower looks too, and must not feed itself.
                if record.action.is_none_or(|action| action.weight() != Weight::Look) {
                    self.tell(&line);
                }
                Ok(())
            }
            // Half a line would break the chain for whoever comes next.
            Err(error) => {
                self.torn = (self.disk.cut)(&self.file, self.length).is_err();
                Err(error)
            }
        };
        self.line = line;
        done
    }

    fn tell(&self, line: &[u8]) {
        if self.followers.receiver_count() > 0 {
            let line = String::from_utf8_lossy(line.trim_ascii_end());
            // They may have gone in between.
            drop(self.followers.send(line.into()));
        }
    }

    fn suffer(&mut self, now: Timestamp, error: &io::Error, denied: u64) {
        let what = error.to_string();
        let trouble = self.trouble.get_or_insert_with(|| {
            tracing::error!(path = %self.path.display(), error = what, "nothing can be recorded");
            Trouble { what: String::new(), unsure: false, denied: 0, first: now, last: now }
        });
        (trouble.what, trouble.last) = (what, now);
        trouble.denied += denied;
    }
}

/// Nothing has this name, or what it lies in has none.
fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn copy(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(
        || io::Error::new(error.kind(), error.to_string()),
        io::Error::from_raw_os_error,
    )
}
