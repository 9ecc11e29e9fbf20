//! The store that is open now: its choice, and the keychain or the files behind it. Decides nothing; each
//! call goes to whichever of the two it is.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dagpass_core::ports::{Saved, StoreFailure};
use dagpass_core::session::StoredSession;

use super::kept::InKeychain;
use super::sealed::InFiles;
use super::thread::{Connect, DEADLINE, KeychainThread};
use super::which_store::Chosen;
use super::{Health, StoreChoice, off_runtime, record, system_store};

/// The store that is open, and what is to be said of it.
#[derive(Clone)]
pub(super) struct Standing {
    pub(super) chosen: Chosen,
    pub(super) backing: Backing,
}

#[derive(Clone)]
pub(super) enum Backing {
    Keychain(Arc<InKeychain>),
    Files(Arc<InFiles>),
}

/// How the system's keychain is reached, and how much an item of it holds.
#[derive(Clone)]
pub(super) struct System {
    pub(super) connect: Connect,
    pub(super) deadline: Duration,
    pub(super) limit: usize,
}

impl System {
    pub(super) fn here() -> Self {
        let connect: Connect = Arc::new(system_store::connect);
        Self { connect, deadline: DEADLINE, limit: system_store::LIMIT }
    }

    /// Touches neither keychain nor files: the first call does.
    pub(super) fn backing(&self, choice: &StoreChoice, state: &Path) -> Backing {
        let files = match choice {
            StoreChoice::Keychain => {
                let thread = KeychainThread::new(Arc::clone(&self.connect), self.deadline);
                return Backing::Keychain(Arc::new(InKeychain::new(thread, self.limit, state)));
            }
            StoreChoice::PassphraseFile { lock } => InFiles::behind_passphrase(lock.clone(), state),
            StoreChoice::KeyFile { key_file } => InFiles::behind_key_file(key_file.clone(), state),
        };
        Backing::Files(Arc::new(files))
    }
}

impl Backing {
    pub(super) async fn load(&self, account: &str) -> Result<Option<StoredSession>, StoreFailure> {
        match self {
            Self::Keychain(kept) => kept.load(account).await,
            Self::Files(files) => {
                let (files, account) = (Arc::clone(files), account.to_owned());
                off_runtime(move || files.load(&account)).await
            }
        }
    }

    pub(super) async fn save(
        &self,
        account: &str,
        session: &StoredSession,
    ) -> Result<Saved, StoreFailure> {
        let plain = record::encode(session)?;
        match self {
            // A hint is no reason to leave the keychain for a file.
            Self::Keychain(kept) if !kept.has_room_for(&plain) => {
                let bare = StoredSession { id_token_hint: None, ..session.clone() };
                kept.save(account, record::encode(&bare)?).await
            }
            Self::Keychain(kept) => kept.save(account, plain).await,
            Self::Files(files) => {
                let (files, account) = (Arc::clone(files), account.to_owned());
                off_runtime(move || files.save(&account, &plain)).await?;
                Ok(Saved::Kept)
            }
        }
    }

    pub(super) async fn forget(&self, account: &str) -> Result<(), StoreFailure> {
        match self {
            Self::Keychain(kept) => kept.forget(account).await,
            Self::Files(files) => {
                let (files, account) = (Arc::clone(files), account.to_owned());
                off_runtime(move || files.forget(&account)).await
            }
        }
    }

    pub(super) async fn accounts(&self) -> Result<Vec<String>, StoreFailure> {
        match self {
            Self::Keychain(kept) => Ok(kept.accounts().await?.into_iter().collect()),
            Self::Files(files) => {
                let files = Arc::clone(files);
                off_runtime(move || files.accounts()).await
            }
        }
    }

    pub(super) async fn readiness(&self) -> Result<(), StoreFailure> {
        match self {
            Self::Keychain(kept) => kept.readiness().await,
            Self::Files(files) => {
                let files = Arc::clone(files);
                off_runtime(move || files.readiness()).await
            }
        }
    }

    pub(super) fn health(&self) -> Health {
        match self {
            Self::Keychain(kept) => kept.health(),
            Self::Files(files) => files.health(),
        }
    }
}
