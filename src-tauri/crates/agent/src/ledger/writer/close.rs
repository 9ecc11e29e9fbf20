//! The open segment is closed: renamed to what it holds, and another one is begun. Nothing of it is written anew,
//! and wherever this ends there is a ledger that goes on: before the rename the old one, behind it one whose
//! open segment has no line yet.

use std::fs::File;
use std::io;
use std::sync::Arc;

use dagpass_client::ledger::log::FOLDER;
use dagpass_client::ledger::{LINES, Mark, Segment};
use dagpass_core::time::Timestamp;

use super::super::unsealed::newlines;
use super::Writer;
use crate::system;

/// How many lines the open segment has up to some byte: whoever wants it closed counts them, so that nobody waits
/// for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Which file it is, where its segment began.
    pub(in super::super) before: Mark,
    /// As a byte of the whole ledger.
    pub(in super::super) upto: u64,
    pub(in super::super) lines: u64,
}

impl Writer {
    /// False where there is nothing to close, or something is to be mended first.
    pub(in super::super) fn close(&mut self, now: Timestamp, counted: Counted) -> io::Result<bool> {
        let known = counted.before == self.before && counted.upto <= self.before.byte + self.length;
        if self.length == 0 || !known || !self.is_well() {
            return Ok(false);
        }
        // All of it: a closed segment is never looked at again.
        self.sync(now, 0)?;
        let end = self.before.byte + self.length;
        let lines = counted.lines + newlines(&self.path, counted.upto, end)?;
        let behind = Mark { line: self.before.line + lines, byte: end };
        let folder = self.path.with_file_name(FOLDER).join(LINES);
        system::private_dir(&folder)?;
        let name = Segment::name(self.before.line, behind.line, self.before.byte);
        let closed = folder.join(name);
        // On Windows nothing can be renamed that is open to be written.
        self.file = Arc::new(File::open(&self.path)?);
        let begun = (self.disk.rename)(&self.path, &closed).and_then(|()| {
            system::sync_dir(&folder)?;
            let begun = system::open_record(&self.path)?;
            Ok((system::mark_of(&begun)?, begun))
        });
        let (mark, file) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                // As it was; where that fails, the file is gone and the record says so.
                if !self.path.exists() {
                    (self.disk.rename)(&closed, &self.path)?;
                }
                self.file = Arc::new(system::open_record(&self.path)?);
                return Err(error);
            }
        };
        self.file = Arc::new(file);
        (self.id, self.before) = (mark.id, behind);
        (self.length, self.synced) = (mark.length, mark.length);
        if let Some(above) = self.path.parent() {
            system::sync_dir(above)?;
        }
        tracing::info!(lines, segment = %closed.display(), "a segment of the ledger is closed");
        Ok(true)
    }
}
