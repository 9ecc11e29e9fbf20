//! Lines that are not here, and the key that signs never said that they may be gone: what `audit verify` tells, but
//! of the segments' names and of what was signed alone. Whoever can write the folder has taken them away.

use std::io::{self, BufReader};
use std::sync::TryLockError;

use dagpass_client::ledger::{Lines, Segments};
use serde::Deserialize;

use super::super::sealed_log::SealedLog;
use super::{Inner, Sealer, lock};

impl Sealer {
    /// Which, as it was at the last look. Waits for nothing.
    pub(crate) fn missing(&self) -> Option<String> {
        lock(&self.missing).clone()
    }

    /// Not while lines are pruned, nor while a checkpoint is made: then at the next look.
    pub(in super::super) fn look_for_missing(&self) {
        let inner = match self.inner.try_lock() {
            Ok(inner) => inner,
            Err(TryLockError::Poisoned(inner)) => inner.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        // What cannot be read is told where it is written or signed.
        let Ok(found) = self.unreleased(&inner) else { return };
        let mut missing = lock(&self.missing);
        if let Some(what) = found.as_ref().filter(|_| *missing != found) {
            tracing::error!(what, "lines of the ledger are missing");
        }
        *missing = found;
    }

    fn unreleased(&self, inner: &Inner) -> io::Result<Option<String>> {
        let segments = Segments::of(self.ledger.path())?;
        if segments.closed().is_empty() {
            return cut_off(&segments);
        }
        let begin = segments.begin().line;
        let released = match (begin, &inner.log) {
            (0, _) => 0,
            (_, Some(log)) => log.released(&self.folder, begin)?,
            (_, None) => SealedLog::released_by_any(&self.folder)?,
        };
        let first = (begin > released).then_some((released, begin));
        // No line inside of a ledger may go.
        Ok(first.into_iter().chain(segments.holes()).next().map(|(from, to)| {
            let lines = match to - from {
                1 => format!("line {to} is not here"),
                _ => format!("lines {} to {to} are not here", from + 1),
            };
            format!("{lines}, and the key that signs never said that they may be gone")
        }))
    }
}

/// With no closed segment the open one has the first record of all, unless it says itself that another was lost.
fn cut_off(segments: &Segments) -> io::Result<Option<String>> {
    #[derive(Deserialize)]
    struct Head {
        seq: u64,
        #[serde(default)]
        event: String,
    }
    let mut lines = Lines::of(BufReader::new(segments.reader()));
    let first = lines.next(|_| {})?.and_then(|line| line.text.map(<[u8]>::to_vec));
    let head = first.and_then(|line| serde_json::from_slice::<Head>(&line).ok());
    let cut = head.filter(|head| head.seq > 1 && !head.event.starts_with("ledger-"));
    Ok(cut.map(|head| format!("record {} goes on from a line that is not here", head.seq)))
}
