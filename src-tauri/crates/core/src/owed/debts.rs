//! What is known of revocations that are owed, and which of them are being paid just now.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::answers::RevokedFor;
use crate::owed::note::OwedRevocation;
use crate::rest::Rest;
use crate::time::Timestamp;
use crate::token::RefreshToken;

/// What the broker knows of them; `None` until the store was asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Debts {
    known: Arc<Mutex<Option<Vec<OwedRevocation>>>>,
    /// One pass at a time.
    pub(super) turn: Arc<tokio::sync::Mutex<()>>,
    /// Those that a sign-out pays by itself.
    on_their_way: Arc<Mutex<HashSet<String>>>,
    /// Settled on the record, though their notes are still there.
    settled: Arc<Mutex<HashSet<String>>>,
    /// How long a store or a ledger that would not take something is left alone, and how often it would not.
    rest: Arc<Mutex<Option<(Rest, u32)>>>,
}

/// What a sign-out has still to revoke.
pub(crate) enum Debt {
    /// There is no refresh token.
    None,
    /// In the store, so that it outlives us.
    Kept(OwedRevocation, RefreshToken, OnItsWay),
    /// It may be spent, and is left to its end.
    Ambiguous,
    /// The store takes nothing: it is asked now or never.
    NotKept(RefreshToken, RevokedFor),
}

/// No pass looks at it meanwhile.
pub(crate) struct OnItsWay {
    debts: Debts,
    id: String,
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.debts.on_their_way().remove(&self.id);
    }
}

impl Debts {
    pub(super) fn known(&self) -> MutexGuard<'_, Option<Vec<OwedRevocation>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn on_their_way(&self) -> MutexGuard<'_, HashSet<String>> {
        self.on_their_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take(&self, id: &str) -> OnItsWay {
        self.on_their_way().insert(id.to_owned());
        OnItsWay { debts: self.clone(), id: id.to_owned() }
    }

    pub(super) fn is_on_its_way(&self, id: &str) -> bool {
        self.on_their_way().contains(id)
    }

    pub(super) fn of(&self, id: &str) -> Option<OwedRevocation> {
        self.known().as_ref()?.iter().find(|one| one.id == id).cloned()
    }

    pub(super) fn is_on_record(&self, id: &str) -> bool {
        self.settled().contains(id)
    }

    pub(super) fn recorded(&self, id: &str) {
        self.settled().insert(id.to_owned());
    }

    pub(super) fn are_left_alone(&self, now: Timestamp) -> bool {
        let rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        rest.is_some_and(|(rest, _)| !rest.is_over(now))
    }

    /// `wait` gives the rest after the n-th pass in a row that was refused something.
    pub(super) fn rests(&self, refused: bool, now: Timestamp, wait: impl FnOnce(u32) -> Duration) {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let times = rest.map_or(1, |(_, times)| times + 1);
        *rest = refused.then(|| (Rest::new(now, wait(times)), times));
    }

    fn settled(&self) -> MutexGuard<'_, HashSet<String>> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, owed: OwedRevocation) {
        let mut known = self.known();
        let all = known.get_or_insert_default();
        all.retain(|one| one.id != owed.id);
        all.push(owed);
    }

    pub(super) fn strike(&self, id: &str) {
        if let Some(all) = self.known().as_mut() {
            all.retain(|one| one.id != id);
        }
        self.settled().remove(id);
    }
}
