//! Open connections, counted apart: those that proved themselves and those that did not. Past the
//! limit the oldest idle one is closed, never one whose request is being answered.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// How many may be open without having proved anything?
const STRANGERS: usize = 64;
/// How often is it looked at whether all were answered, once the agent ends?
const LOOK: Duration = Duration::from_millis(5);
/// How many may be open that have?
const FRIENDS: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Crowd {
    next: AtomicU64,
    open: Mutex<BTreeMap<u64, Arc<Guest>>>,
}

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Guest {
    id: u64,
    pub(super) proven: AtomicBool,
    pub(super) busy: AtomicBool,
    pub(super) leave: Notify,
}

impl Crowd {
    /// Takes a connection in, and asks the oldest idle one to leave where there are too many.
    pub(super) fn welcome(&self, proven: bool) -> Arc<Guest> {
        let guest = Arc::new(Guest {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            proven: AtomicBool::new(proven),
            ..Guest::default()
        });
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let alike = |other: &&Arc<Guest>| other.proven.load(Ordering::Relaxed) == proven;
        let limit = if proven { FRIENDS } else { STRANGERS };
        if open.values().filter(alike).count() >= limit {
            let idle = open.values().filter(alike).find(|one| !one.busy.load(Ordering::Relaxed));
            if let Some(oldest) = idle {
                oldest.leave.notify_one();
            }
        }
        open.insert(guest.id, guest.clone());
        guest
    }

    /// Returns when nobody's request is being answered any more, or the time is up.
    pub(super) async fn answered(&self, limit: Duration) {
        let busy = || {
            let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.values().any(|guest| guest.busy.load(Ordering::Relaxed))
        };
        let quiet = async {
            while busy() {
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(limit, quiet).await.is_err() {
            tracing::debug!("somebody was still being answered");
        }
    }

    pub(super) fn farewell(&self, guest: &Guest) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&guest.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn asked_to_leave(guest: &Guest) -> bool {
        tokio::time::timeout(Duration::from_millis(10), guest.leave.notified()).await.is_ok()
    }

    #[tokio::test]
    async fn the_oldest_idle_stranger_leaves_and_a_busy_one_stays() {
        let crowd = Crowd::default();
        let first = crowd.welcome(false);
        first.busy.store(true, Ordering::Relaxed);
        let second = crowd.welcome(false);
        let friend = crowd.welcome(true);
        let rest: Vec<_> = (2..STRANGERS).map(|_| crowd.welcome(false)).collect();
        assert!(!asked_to_leave(&second).await);
        let one_more = crowd.welcome(false);
        assert!(asked_to_leave(&second).await);
        assert!(!asked_to_leave(&first).await);
        assert!(!asked_to_leave(&friend).await);
        drop((rest, one_more));
    }
}
