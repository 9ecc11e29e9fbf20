//! How many lines wait for a checkpoint, and since when: newlines are counted, each byte once.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use dagpass_client::ledger::Segments;
use dagpass_core::time::Timestamp;

#[derive(Debug, Default)]
pub(super) struct Unsealed {
    /// Up to which byte they were counted. `None` before the first look.
    upto: Option<u64>,
    lines: u64,
    since: Option<Timestamp>,
}

impl Unsealed {
    pub(super) fn is_new(&self) -> bool {
        self.upto.is_none()
    }

    pub(super) fn is_at(&self, byte: u64) -> bool {
        self.upto == Some(byte)
    }

    /// From that byte on.
    pub(super) fn begin(&mut self, upto: u64) {
        *self = Self { upto: Some(upto), lines: 0, since: None };
    }

    /// How many lines wait, and for how long the first of them does.
    pub(super) fn count(
        &mut self,
        ledger: &Path,
        synced: u64,
        now: Timestamp,
    ) -> io::Result<(u64, Duration)> {
        let upto = self.upto.unwrap_or(0);
        if synced < upto {
            // Shorter than it was: all of it is looked at anew.
            self.begin(0);
            return self.count(ledger, synced, now);
        }
        if synced > upto {
            self.lines += newlines(ledger, upto, synced)?;
            self.upto = Some(synced);
        }
        if self.lines == 0 {
            return Ok((0, Duration::ZERO));
        }
        // A clock that was set back begins the wait anew.
        let since = self.since.filter(|since| *since <= now).unwrap_or(now);
        self.since = Some(since);
        Ok((self.lines, since.until(now)))
    }
}

pub(super) fn newlines(ledger: &Path, from: u64, upto: u64) -> io::Result<u64> {
    let segments = match Segments::of(ledger) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        segments => segments?,
    };
    let from = from.max(segments.begin().byte);
    count(segments.reader().from(from).take(upto.saturating_sub(from)))
}

/// Of one file alone.
pub(super) fn newlines_of(mut file: &File, from: u64, upto: u64) -> io::Result<u64> {
    file.seek(SeekFrom::Start(from))?;
    count(file.take(upto.saturating_sub(from)))
}

fn count(mut bytes: impl Read) -> io::Result<u64> {
    let (mut block, mut lines) = (vec![0; 64 * 1024], 0);
    loop {
        let read = bytes.read(&mut block)?;
        if read == 0 {
            return Ok(lines);
        }
        lines += block[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
    }
}
