//! Open connections, counted apart: those that proved themselves and those that did not. Past the limit
//! the oldest idle one is closed; where none is idle, the newcomer is. Never one whose request is being
//! answered.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::accept::Seat;

/// How many may be open without having proved anything?
const STRANGERS: usize = 64;
/// How often is it looked at whether all were answered, once the agent ends?
const LOOK: Duration = Duration::from_millis(5);
/// How many may be open that have?
const FRIENDS: usize = 1024;

type Open = BTreeMap<u64, Arc<Guest>>;

#[derive(Debug, Default)]
pub(super) struct Crowd {
    next: AtomicU64,
    open: Mutex<Open>,
}

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Guest {
    id: u64,
    proven: AtomicBool,
    pub(super) busy: AtomicBool,
    pub(super) leave: Notify,
    _seat: Option<Seat>,
}

impl Crowd {
    /// Takes a connection in. `None`: there are as many as may be, and none of them is idle.
    pub(super) fn welcome(&self, proven: bool, seat: Seat) -> Option<Arc<Guest>> {
        let guest = Arc::new(Guest {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            proven: AtomicBool::new(proven),
            _seat: Some(seat),
            ..Guest::default()
        });
        let mut open = self.open();
        has_room(&mut open, proven).then(|| {
            open.insert(guest.id, guest.clone());
            guest
        })
    }

    /// It has proved itself. `false`: there are as many of those as may be, and none of them is idle.
    pub(super) fn prove(&self, guest: &Guest) -> bool {
        let mut open = self.open();
        let proven = guest.proven.load(Ordering::Relaxed) || has_room(&mut open, true);
        guest.proven.store(proven, Ordering::Relaxed);
        proven
    }

    /// Asks the oldest idle connection to leave.
    pub(super) fn make_room(&self) {
        send_away(&mut self.open(), |_| true);
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
        self.open().remove(&guest.id);
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Is there room for one more of that kind, or is there now?
fn has_room(open: &mut Open, proven: bool) -> bool {
    let alike = |other: &Guest| other.proven.load(Ordering::Relaxed) == proven;
    let limit = if proven { FRIENDS } else { STRANGERS };
    open.values().filter(|other| alike(other)).count() < limit || send_away(open, alike)
}

fn send_away(open: &mut Open, alike: impl Fn(&Guest) -> bool) -> bool {
    let idle = |one: &&Arc<Guest>| alike(one) && !one.busy.load(Ordering::Relaxed);
    let Some(id) = open.values().find(idle).map(|one| one.id) else { return false };
    if let Some(oldest) = open.remove(&id) {
        oldest.leave.notify_one();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local_api::accept::Seats;

    async fn welcome(crowd: &Crowd, proven: bool) -> Option<Arc<Guest>> {
        let (seats, _) = Seats::of(None);
        crowd.welcome(proven, seats.take(crowd).await)
    }

    async fn full(crowd: &Crowd, proven: bool, busy: bool) -> Vec<Arc<Guest>> {
        let mut guests = Vec::new();
        for _ in 0..if proven { FRIENDS } else { STRANGERS } {
            let guest = welcome(crowd, proven).await.unwrap();
            guest.busy.store(busy, Ordering::Relaxed);
            guests.push(guest);
        }
        guests
    }

    /// Asked to, and no longer counted.
    async fn left(crowd: &Crowd, guest: &Guest) -> bool {
        let told = tokio::select! {
            biased;
            () = guest.leave.notified() => true,
            () = std::future::ready(()) => false,
        };
        assert_eq!(told, !crowd.open().contains_key(&guest.id));
        told
    }

    #[tokio::test]
    async fn the_oldest_idle_one_of_its_kind_leaves_and_a_busy_one_stays() {
        for proven in [false, true] {
            let crowd = Crowd::default();
            let other = welcome(&crowd, !proven).await.unwrap();
            let guests = full(&crowd, proven, false).await;
            guests[0].busy.store(true, Ordering::Relaxed);
            assert!(!left(&crowd, &guests[1]).await);
            assert!(welcome(&crowd, proven).await.is_some());
            assert!(left(&crowd, &guests[1]).await);
            assert!(!left(&crowd, &guests[0]).await && !left(&crowd, &other).await);
        }
    }

    #[tokio::test]
    async fn where_none_is_idle_the_newcomer_is_not_taken_in() {
        for (proven, limit) in [(false, 64), (true, 1024)] {
            let crowd = Crowd::default();
            let guests = full(&crowd, proven, true).await;
            assert_eq!(guests.len(), limit);
            assert!(welcome(&crowd, proven).await.is_none());
            assert!(welcome(&crowd, !proven).await.is_some(), "the other kind has its own limit");
            crowd.farewell(&guests[3]);
            assert!(welcome(&crowd, proven).await.is_some());
        }
    }

    #[tokio::test]
    async fn who_proves_itself_counts_among_those_that_have() {
        let crowd = Crowd::default();
        let friends = full(&crowd, true, true).await;
        let stranger = welcome(&crowd, false).await.unwrap();
        assert!(!crowd.prove(&stranger), "there are enough");
        friends[0].busy.store(false, Ordering::Relaxed);
        assert!(crowd.prove(&stranger) && crowd.prove(&stranger));
        assert!(left(&crowd, &friends[0]).await);
    }
}
