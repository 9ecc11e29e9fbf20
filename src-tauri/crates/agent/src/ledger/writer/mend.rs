//! The file is not as we wrote it, or could not be written: what happened to it is found out, owed to the
//! record as a line of its own, and made good before anything else is written.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use dagpass_client::ledger::{Opens, closed};
use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::request::{Caller, Transport};
use dagpass_core::time::Timestamp;

use super::super::line::{Chain, rfc3339};
use super::{Entry, Writer};
use crate::system;

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
    /// Returns at once where the file is as we wrote it and all went well so far.
    pub(super) fn ready(&mut self, now: Timestamp) -> io::Result<()> {
        let found = self.look()?;
        if !matches!(found, Found::Gone | Found::Another) {
            self.take_hold()?;
        }
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
            self.say(now, &record)?;
            self.owed.remove(0);
        }
        if let Some(trouble) = self.trouble.take() {
            let mut record = Record::new(Event::LedgerMended, Outcome::Ok, &caller);
            record.reason = Some(&trouble.what);
            record.count = Some(trouble.denied);
            (record.first, record.last) = (Some(trouble.first), Some(trouble.last));
            let written = self.say(now, &record);
            self.trouble = Some(trouble);
            written?;
        }
        self.sync(now, 0)?;
        if let Some(trouble) = self.trouble.take() {
            tracing::info!(denied = trouble.denied, "the ledger is written again");
        }
        Ok(())
    }

    pub(super) fn is_as_written(&self) -> bool {
        self.look().is_ok_and(|found| found == Found::AsWritten)
    }

    /// A line of our own: that it could not be made is an error as any other.
    fn say(&mut self, now: Timestamp, record: &Record<'_>) -> io::Result<()> {
        self.append(now, vec![Entry::of(record)])?.into_iter().try_for_each(|one| one.map(drop))
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
            // Whoever syncs it now knows of another length.
            self.file = Arc::new(self.file.try_clone()?);
            self.length = system::mark_of(&self.file)?.length;
        }
        (self.synced, self.torn) = (self.synced.min(self.length), false);
        self.taken_up += 1;
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
        let file = (self.disk.open)(&self.path)?;
        let mark = system::mark_of(&file)?;
        self.before = Opens::behind(&closed(&self.path)?);
        (self.file, self.let_go) = (Arc::new(file), false);
        (self.id, self.length, self.synced) = (mark.id, mark.length, mark.length);
        self.settled = false;
        Ok(())
    }

    /// What comes next begins a line of its own.
    pub(super) fn end_line(&mut self) -> io::Result<()> {
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
                // Whole lines may stand before the half one: they were denied, and are there.
                let behind = Chain::behind(&half);
                self.chain.next = self.chain.next.max(behind.next);
                self.chain.previous = behind.previous;
            }
        }
        self.torn = false;
        Ok(())
    }

    /// After a sync that failed the system takes what it could not write for written: only what is handed
    /// to it once more is tried once more.
    fn write_again(&mut self) -> io::Result<()> {
        let mut bytes =
            vec![0; usize::try_from(self.length.saturating_sub(self.synced)).unwrap_or_default()];
        (&*self.file).seek(SeekFrom::Start(self.synced))?;
        (&*self.file).read_exact(&mut bytes)?;
        // What is opened to append writes at the end wherever it stands.
        let mut over = OpenOptions::new().write(true).open(&self.path)?;
        over.seek(SeekFrom::Start(self.synced))?;
        over.write_all(&bytes)
    }
}

/// Nothing has this name, or what it lies in has none.
fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
