//! The store as the core asks for it: a session's record, and the mark of a request on its way.

use dagpass_core::ports::{Loaded, Pending, RefreshTokenStore, Saved, StoreFailure};
use dagpass_core::request::SessionKey;
use dagpass_core::session::{InFlight, StoredSession};

use super::standing::Standing;
use super::which_store::Memory;
use super::{KeychainStore, mark, off_runtime};

impl RefreshTokenStore for KeychainStore {
    fn load<'a>(&'a self, key: &'a SessionKey) -> Pending<'a, Result<Loaded, StoreFailure>> {
        Box::pin(async move {
            let account = key.account();
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
        Box::pin(async move { self.write(&key.account(), session).await })
    }

    fn forget<'a>(&'a self, key: &'a SessionKey) -> Pending<'a, Result<(), StoreFailure>> {
        Box::pin(async move {
            let account = key.account();
            self.remove(&account).await?;
            let marks = self.marks.clone();
            off_runtime(move || mark::write(&marks, &account, None)).await
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
