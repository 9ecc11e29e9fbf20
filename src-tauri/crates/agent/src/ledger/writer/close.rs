//! The open segment is closed: renamed to what it holds, and another one is begun. Nothing of it is written anew,
//! and wherever this ends there is a ledger that goes on: before the rename the old one, behind it one whose
//! open segment has no line yet.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use dagpass_client::ledger::log::FOLDER;
use dagpass_client::ledger::{LINES, Mark, Opens, Segment, closed};
use dagpass_core::time::Timestamp;

use super::super::unsealed::newlines_of;
use super::Writer;
use crate::system;

/// How many lines the open segment has up to some byte: whoever wants it closed counts them, so that nobody waits
/// for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(in super::super) of: Counting,
    /// As a byte of that file.
    pub(in super::super) upto: u64,
    pub(in super::super) lines: u64,
}

/// Which file it was, where it began, and how often one had been gone on with as it was found: where any of that is
/// another by now, other lines were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counting {
    pub(in super::super) id: (u64, u64),
    pub(in super::super) before: Opens,
    pub(in super::super) taken_up: u64,
}

impl Writer {
    /// False where there is nothing to close, or something is to be mended first.
    pub(in super::super) fn close(&mut self, now: Timestamp, counted: Counted) -> io::Result<bool> {
        // One may have come or gone since it was looked.
        self.before = Opens::behind(&closed(&self.path)?);
        let of = Counting { id: self.id, before: self.before, taken_up: self.taken_up };
        let known = counted.of == of && counted.upto <= self.length;
        if self.length == 0 || !known || !self.is_well() {
            return Ok(false);
        }
        // All of it: a closed segment is never looked at again.
        self.sync(now, 0)?;
        let lines = counted.lines + newlines_of(&self.file, counted.upto, self.length)?;
        let from = self.before.named;
        let folder = self.path.with_file_name(FOLDER).join(LINES);
        system::private_dir(&folder)?;
        let to = from.line.saturating_add(lines);
        let closed = folder.join(Segment::name(from.line, to, from.byte));
        may_be(&closed, self.length)?;
        if self.disk.lets_go {
            self.file = Arc::new(File::open(&self.path)?);
            self.let_go = true;
        }
        let begun = (self.disk.rename)(&self.path, &closed).and_then(|()| {
            system::sync_dir(&folder)?;
            let begun = (self.disk.open)(&self.path)?;
            Ok((system::mark_of(&begun)?, begun))
        });
        let (mark, file) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                // As it was; where that fails, the file is gone and the record says so.
                if !self.path.exists() {
                    (self.disk.rename)(&closed, &self.path)?;
                }
                return Err(error);
            }
        };
        (self.file, self.let_go) = (Arc::new(file), false);
        let (named, at) = (Mark { line: to, byte: from.byte + self.length }, self.before.at);
        (self.id, self.before) = (mark.id, Opens { named, at: at + self.length });
        (self.length, self.synced) = (mark.length, mark.length);
        if let Some(above) = self.path.parent() {
            system::sync_dir(above)?;
        }
        tracing::info!(lines, segment = %closed.display(), "a segment of the ledger is closed");
        Ok(true)
    }

    /// Of the file that was let go of, before anything is written to it.
    pub(super) fn take_hold(&mut self) -> io::Result<()> {
        if self.let_go {
            (self.file, self.let_go) = (Arc::new((self.disk.open)(&self.path)?), false);
        }
        Ok(())
    }
}

/// A rename takes the place of what is there, and what no reader knows by its name would be gone for all of them.
fn may_be(closed: &Path, length: u64) -> io::Result<()> {
    let name = || closed.file_name().unwrap_or_default().display();
    if Segment::parse(closed.to_owned(), length).is_none() {
        return Err(io::Error::other(format!("`{}` would be read by nobody", name())));
    }
    match closed.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::other(format!("`{}` is there already", name()))),
    }
}
