//! The last requests to an upstream, for a person's eyes: in memory alone. What stands on the record is the
//! ledger's.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dagpass_core::time::Timestamp;

/// How many are shown? What is older is in the ledger.
const MOST: usize = 100;

#[derive(Debug, Default)]
pub(crate) struct Last(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    count: u64,
    refused: u64,
    last: VecDeque<Request>,
}

/// One request, and what came of it. Without its query, and without any header.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) at: Timestamp,
    pub(crate) method: String,
    pub(crate) path: String,
    /// The upstream's, or our own where it was not sent.
    pub(crate) status: u16,
    /// Why we answered ourselves.
    pub(crate) refused: Option<String>,
    /// Until the head of the answer was there.
    pub(crate) took_ms: u64,
    pub(crate) pid: Option<u32>,
    pub(crate) program: Option<PathBuf>,
    pub(crate) run: Option<String>,
}

impl Last {
    pub(crate) fn keep(&self, request: Request) {
        let mut held = self.held();
        held.count += 1;
        held.refused += u64::from(request.refused.is_some());
        if held.last.len() == MOST {
            held.last.pop_front();
        }
        held.last.push_back(request);
    }

    /// How many there were, how many of them were not sent, and the last ones, oldest first.
    pub(crate) fn all(&self) -> (u64, u64, Vec<Request>) {
        let held = self.held();
        (held.count, held.refused, held.last.iter().cloned().collect())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
