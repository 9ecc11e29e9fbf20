//! The store in memory. Refuses writes, or everything, while told to.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use super::lock;
use crate::owed::OwedRevocation;
use crate::pending::PendingSignIn;
use crate::ports::{
    Loaded, OwedRevocations, Pending, PendingSignIns, RefreshTokenStore, Saved, StoreFailure,
};
use crate::request::SessionKey;
use crate::session::{InFlight, StoredSession};

/// Keeps records in memory; refuses writes or everything while told to.
#[derive(Debug, Default)]
pub struct FakeStore {
    pub records: Mutex<HashMap<SessionKey, StoredSession>>,
    pub marks: Mutex<HashMap<SessionKey, InFlight>>,
    pub owed: Mutex<Vec<(OwedRevocation, Option<StoredSession>)>>,
    pub pending: Mutex<HashMap<SessionKey, PendingSignIn>>,
    /// What was to be forgotten while nothing could be written: it is not given back.
    pub forgotten: Mutex<HashSet<SessionKey>>,
    pub fail_loads: Mutex<Option<StoreFailure>>,
    pub fail_marks: Mutex<Option<StoreFailure>>,
    /// Of what is owed, once it is paid.
    pub fail_forgets: Mutex<Option<StoreFailure>>,
    pub fail_saves: Mutex<Option<StoreFailure>>,
    /// Of a pending sign-in, though it is written: whoever waited had given up.
    pub late_pends: Mutex<Option<StoreFailure>>,
    pub fail_all: Mutex<Option<StoreFailure>>,
    pub log: Mutex<Vec<String>>,
    /// Held by whoever wants the store slow to say that it is ready.
    pub gate: tokio::sync::Mutex<()>,
}

impl FakeStore {
    fn check(&self) -> Result<(), StoreFailure> {
        lock(&self.fail_all).clone().map_or(Ok(()), Err)
    }
}

impl RefreshTokenStore for FakeStore {
    fn load<'a>(&'a self, key: &'a SessionKey) -> Pending<'a, Result<Loaded, StoreFailure>> {
        Box::pin(async {
            self.check()?;
            if let Some(failure) = lock(&self.fail_loads).clone() {
                lock(&self.log).push("unread".into());
                return Err(failure);
            }
            lock(&self.log).push("load".into());
            if lock(&self.forgotten).remove(key) {
                lock(&self.records).remove(key);
            }
            Ok(Loaded {
                session: lock(&self.records).get(key).cloned(),
                in_flight: lock(&self.marks).get(key).cloned(),
            })
        })
    }

    fn save<'a>(
        &'a self,
        key: &'a SessionKey,
        session: &'a StoredSession,
    ) -> Pending<'a, Result<Saved, StoreFailure>> {
        Box::pin(async {
            self.check()?;
            if let Some(failure) = lock(&self.fail_saves).clone() {
                lock(&self.log).push("refuse".into());
                return Err(failure);
            }
            lock(&self.log).push(format!("save {}", session.generation));
            lock(&self.forgotten).remove(key);
            lock(&self.records).insert(key.clone(), session.clone());
            Ok(Saved::Kept)
        })
    }

    fn forget<'a>(&'a self, key: &'a SessionKey) -> Pending<'a, Result<(), StoreFailure>> {
        Box::pin(async {
            lock(&self.forgotten).insert(key.clone());
            self.check()?;
            lock(&self.log).push("forget".into());
            lock(&self.forgotten).remove(key);
            lock(&self.records).remove(key);
            Ok(())
        })
    }

    fn mark<'a>(
        &'a self,
        key: &'a SessionKey,
        mark: Option<&'a InFlight>,
    ) -> Pending<'a, Result<(), StoreFailure>> {
        Box::pin(async move {
            if let Some(failure) = lock(&self.fail_marks).clone() {
                return Err(failure);
            }
            let mut marks = lock(&self.marks);
            match mark {
                Some(mark) => drop(marks.insert(key.clone(), mark.clone())),
                None => drop(marks.remove(key)),
            }
            lock(&self.log).push(if mark.is_some() { "mark" } else { "unmark" }.into());
            Ok(())
        })
    }

    fn readiness<'a>(&'a self) -> Pending<'a, Result<(), StoreFailure>> {
        Box::pin(async {
            drop(self.gate.lock().await);
            self.check()
        })
    }
}

impl OwedRevocations for FakeStore {
    fn list<'a>(&'a self) -> Pending<'a, Result<Vec<OwedRevocation>, StoreFailure>> {
        Box::pin(async { Ok(lock(&self.owed).iter().map(|(owed, _)| owed.clone()).collect()) })
    }

    fn keep<'a>(
        &'a self,
        owed: &'a OwedRevocation,
        session: &'a StoredSession,
    ) -> Pending<'a, Result<(), StoreFailure>> {
        Box::pin(async {
            self.check()?;
            lock(&self.log).push("owe".into());
            lock(&self.owed).push((owed.clone(), Some(session.clone())));
            Ok(())
        })
    }

    fn note<'a>(&'a self, owed: &'a OwedRevocation) -> Pending<'a, Result<(), StoreFailure>> {
        Box::pin(async {
            self.check()?;
            let mut all = lock(&self.owed);
            all.iter_mut().filter(|(one, _)| one.id == owed.id).for_each(|(one, _)| {
                one.clone_from(owed);
            });
            Ok(())
        })
    }

    fn token<'a>(
        &'a self,
        owed: &'a OwedRevocation,
    ) -> Pending<'a, Result<Option<StoredSession>, StoreFailure>> {
        Box::pin(async {
            self.check()?;
            if let Some(failure) = lock(&self.fail_loads).clone() {
                return Err(failure);
            }
            let all = lock(&self.owed);
            Ok(all.iter().find(|(one, _)| one.id == owed.id).and_then(|(_, kept)| kept.clone()))
        })
    }

    fn forget<'a>(&'a self, owed: &'a OwedRevocation) -> Pending<'a, Result<(), StoreFailure>> {
        Box::pin(async {
            self.check()?;
            if let Some(failure) = lock(&self.fail_forgets).clone() {
                return Err(failure);
            }
            lock(&self.owed).retain(|(one, _)| one.id != owed.id);
            Ok(())
        })
    }
}

impl PendingSignIns for FakeStore {
    fn list<'a>(&'a self) -> Pending<'a, Result<Vec<SessionKey>, StoreFailure>> {
        Box::pin(async { Ok(lock(&self.pending).keys().cloned().collect()) })
    }

    fn keep<'a>(
        &'a self,
        key: &'a SessionKey,
        pending: &'a PendingSignIn,
    ) -> Pending<'a, Result<(), StoreFailure>> {
        Box::pin(async {
            self.check()?;
            lock(&self.log).push("pend".into());
            lock(&self.pending).insert(key.clone(), pending.clone());
            lock(&self.late_pends).clone().map_or(Ok(()), Err)
        })
    }

    fn load<'a>(
        &'a self,
        key: &'a SessionKey,
    ) -> Pending<'a, Result<Option<PendingSignIn>, StoreFailure>> {
        Box::pin(async { Ok(lock(&self.pending).get(key).cloned()) })
    }

    fn forget<'a>(&'a self, key: &'a SessionKey) -> Pending<'a, Result<(), StoreFailure>> {
        Box::pin(async {
            self.check()?;
            lock(&self.pending).remove(key);
            Ok(())
        })
    }
}
