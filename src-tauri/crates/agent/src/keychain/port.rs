//! The store as the core asks for it: a session's record, and the mark of a request on its way.

use dagpass_core::ports::{Loaded, Pending, RefreshTokenStore, Saved, StoreFailure};
use dagpass_core::request::SessionKey;
use dagpass_core::session::{InFlight, StoredSession};

use super::standing::Standing;
use super::which_store::Memory;
use super::{KeychainStore, mark, off_runtime};

impl KeychainStore {
    /// Was the record to be forgotten, and could not be removed? Then it is now, where that can be done,
    /// and is given to nobody where it cannot.
    async fn is_forgotten(&self, account: &str) -> Result<bool, StoreFailure> {
        let (forgotten, name) = (self.forgotten.clone(), account.to_owned());
        if off_runtime(move || forgotten.read(&name)).await?.is_none() {
            return Ok(false);
        }
        if self.remove(account).await.is_ok() {
            let (forgotten, name) = (self.forgotten.clone(), account.to_owned());
            off_runtime(move || forgotten.remove(&name)).await?;
        }
        Ok(true)
    }
}

impl RefreshTokenStore for KeychainStore {
    fn load<'a>(&'a self, key: &'a SessionKey) -> Pending<'a, Result<Loaded, StoreFailure>> {
        Box::pin(async move {
            let account = key.account();
            if self.is_forgotten(&account).await? {
                return Ok(Loaded { session: None, in_flight: None });
            }
            let session = self.read(&account).await?;
            let marks = self.marks.clone();
            let in_flight = off_runtime(move || mark::read(&marks, &account)).await?;
            Ok(Loaded { session, in_flight })
        })
    }

    fn save<'a>(
        &'a self,
        key: &'a SessionKey,
        session: &'a StoredSession,
    ) -> Pending<'a, Result<Saved, StoreFailure>> {
        Box::pin(async move {
            let account = key.account();
            let saved = self.write(&account, session).await?;
            let forgotten = self.forgotten.clone();
            off_runtime(move || forgotten.remove(&account)).await?;
            Ok(saved)
        })
    }

    fn forget<'a>(&'a self, key: &'a SessionKey) -> Pending<'a, Result<(), StoreFailure>> {
        Box::pin(async move {
            let account = key.account();
            let (forgotten, name) = (self.forgotten.clone(), account.clone());
            // Either of the two is enough.
            let noted = off_runtime(move || forgotten.write(&name, b"")).await;
            match self.remove(&account).await {
                Ok(()) => {}
                Err(failure) => return Err(noted.err().unwrap_or(failure)),
            }
            let (forgotten, marks) = (self.forgotten.clone(), self.marks.clone());
            off_runtime(move || {
                forgotten.remove(&account)?;
                mark::write(&marks, &account, None)
            })
            .await
        })
    }

    fn mark<'a>(
        &'a self,
        key: &'a SessionKey,
        mark: Option<&'a InFlight>,
    ) -> Pending<'a, Result<(), StoreFailure>> {
        let (marks, account, mark) = (self.marks.clone(), key.account(), mark.cloned());
        Box::pin(off_runtime(move || mark::write(&marks, &account, mark.as_ref())))
    }

    fn readiness<'a>(&'a self) -> Pending<'a, Result<(), StoreFailure>> {
        Box::pin(async move {
            let _still = self.turn.read().await;
            let Standing { chosen, backing } = self.now();
            if chosen.memory == Memory::Nothing {
                // Looked at, and no key made in it.
                return backing.accounts().await.map(drop);
            }
            backing.readiness().await?;
            self.remember().await
        })
    }
}
