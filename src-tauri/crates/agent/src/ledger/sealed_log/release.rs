//! How many of the ledger's first lines may be gone: signed before they go, and by the log's key alone.

use std::io;
use std::path::Path;

use dagpass_client::ledger::Segments;
use dagpass_client::ledger::log::{Before, Folder, Release, Why, logs_in};

use super::super::tiles::LogFolder;
use super::{By, SealedLog};

const MISSING: &str =
    "lines are missing that the key never said may be gone: `dagpass audit verify` says which";

impl SealedLog {
    /// May so many of the first lines be gone? How many else. What this key signed in a log before, as behind a backup
    /// that was put back, counts on; what a key that was lost signed, its own logs tell.
    pub(in super::super) fn released(&self, logs: &Path, gone: u64) -> io::Result<u64> {
        let mut released = self.folder.released()?;
        if gone <= released {
            return Ok(released);
        }
        for (_, Folder(path)) in logs_in(logs.parent().unwrap_or(logs))? {
            let Some(log) = LogFolder::open(&path)? else { continue };
            if log.follows()?.is_some_and(|before| before.why == Why::KeyLost) {
                return Self::released_by_any(logs);
            }
            let ours = log.key.named(self.folder.key.name());
            if ours.is_ok_and(|key| key == self.folder.key) {
                released = released.max(log.released()?);
            }
        }
        Ok(released)
    }

    /// By each log's own key, as it is where no other is believed.
    pub(in super::super) fn released_by_any(logs: &Path) -> io::Result<u64> {
        let mut released = 0;
        for (_, Folder(path)) in logs_in(logs.parent().unwrap_or(logs))? {
            if let Some(log) = LogFolder::open(&path)? {
                released = released.max(log.released()?);
            }
        }
        Ok(released)
    }

    /// Signs that so many of the first lines may be gone. Only behind what was signed before: what is missing already
    /// is not made good by that.
    pub(in super::super) fn release(
        &self,
        ledger: &Path,
        lines: u64,
        (signer, step): By<'_>,
    ) -> io::Result<()> {
        let (released, gone) = (self.folder.released()?, Segments::of(ledger)?.begin().line);
        if gone > released {
            return Err(io::Error::other(MISSING));
        }
        if self.head.as_ref().map_or(0, |head| head.size) < lines {
            return Err(io::Error::other("no checkpoint is over the lines that are to be pruned"));
        }
        if lines <= released {
            return Ok(());
        }
        put(&self.folder, lines, (signer, step))
    }
}

/// What the log before said may be gone, where this very key signed that and the lines are of the same ledger.
pub(super) fn carry_over(
    logs: &Path,
    before: &Before,
    to: &LogFolder,
    by: By<'_>,
) -> io::Result<()> {
    if before.why == Why::FileReplaced {
        return Ok(());
    }
    for (_, Folder(path)) in logs_in(logs.parent().unwrap_or(logs))? {
        let Some(log) = LogFolder::open(&path)? else { continue };
        let ours = by.0.key(&before.origin).is_ok_and(|key| key == log.key);
        let lines = if ours { log.released()? } else { 0 };
        if lines > 0 {
            return put(to, lines, by);
        }
    }
    Ok(())
}

fn put(log: &LogFolder, lines: u64, (signer, step): By<'_>) -> io::Result<()> {
    let release = Release { log: log.key.name().to_owned(), lines };
    let note = signer.release(&release);
    let note = note.ok_or_else(|| io::Error::other("the key signs nothing"))?;
    log.write_released(&note, step)
}
