//! Where refresh tokens live: the system's keychain, or the encrypted file that a person opted in to.
//! Never plaintext, never a silent change of place, never a call without a deadline.
//!
//! 1. [`choice`]: which store was chosen
//! 2. [`kept`], [`newest`]: in the keychain, with the encrypted file for what the keychain will not take
//! 3. [`sealed`]: in the encrypted file alone
//! 4. [`thread`], [`asking`], [`provider`]: how the keychain is asked
//! 5. [`record`], [`envelope`], [`files`], [`mark`], [`owed`]: what is written

mod asking;
mod choice;
mod envelope;
mod files;
mod foreign;
#[cfg(target_os = "linux")]
mod freedesktop;
mod kept;
mod mark;
mod newest;
mod owed;
mod provider;
mod record;
mod sealed;
mod thread;

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system_store;
#[cfg(target_os = "macos")]
#[path = "macos.rs"]
mod system_store;
#[cfg(windows)]
#[path = "windows.rs"]
mod system_store;

#[cfg(test)]
#[cfg(windows)]
mod credential_manager;
#[cfg(test)]
mod fixture;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod gnome_keyring;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod odd_services;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod stage;

use std::path::Path;
use std::sync::Arc;

use dagpass_core::ports::{Loaded, Pending, RefreshTokenStore, Saved, StoreFailure};
use dagpass_core::request::SessionKey;
use dagpass_core::session::{InFlight, StoredSession};
use dagpass_core::token::Secret;

pub(crate) use foreign::ForeignItems;

pub use choice::{PassphraseLock, StoreChoice};

use files::AccountFiles;
use kept::InKeychain;
use sealed::InFiles;
use thread::{Connect, DEADLINE, KeychainThread};

/// The store of refresh tokens.
pub struct KeychainStore {
    backing: Backing,
    marks: AccountFiles,
    notes: owed::Notes,
}

enum Backing {
    Keychain(Box<InKeychain>),
    Files(Arc<InFiles>),
}

/// What `status` says of the store: as the last call left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// `secret-service`, `keychain`, `credential-manager`, `passphrase-file`, `key-file`.
    pub kind: &'static str,
    pub state: HealthState,
    pub detail: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthState {
    /// Nothing has been stored or looked for since the agent started.
    Unasked,
    Ok,
    Locked,
    Unavailable,
    /// It serves, but a record lies in its second place or cannot be read.
    Degraded,
}

impl HealthState {
    /// The wire's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unasked => "unasked",
            Self::Ok => "ok",
            Self::Locked => "locked",
            Self::Unavailable => "unavailable",
            Self::Degraded => "degraded",
        }
    }

    fn after(failure: &StoreFailure) -> Self {
        match failure {
            StoreFailure::Locked(_) | StoreFailure::PassphraseNeeded(_) => Self::Locked,
            StoreFailure::Unavailable(_)
            | StoreFailure::OutOfReach(_)
            | StoreFailure::TimedOut(_) => Self::Unavailable,
            StoreFailure::Corrupt(_) => Self::Degraded,
        }
    }
}

impl KeychainStore {
    /// Touches neither keychain nor files: the first call does.
    pub fn open(choice: StoreChoice, state: &Path) -> Self {
        let files = match choice {
            StoreChoice::Keychain => {
                let connect: Connect = Arc::new(system_store::connect);
                let thread = KeychainThread::new(connect, DEADLINE);
                return Self::over(thread, system_store::LIMIT, state);
            }
            StoreChoice::PassphraseFile { lock } => InFiles::behind_passphrase(lock, state),
            StoreChoice::KeyFile { key_file } => InFiles::behind_key_file(key_file, state),
        };
        Self::on(Backing::Files(Arc::new(files)), state)
    }

    fn over(thread: KeychainThread, limit: usize, state: &Path) -> Self {
        Self::on(Backing::Keychain(Box::new(InKeychain::new(thread, limit, state))), state)
    }

    fn on(backing: Backing, state: &Path) -> Self {
        let marks = AccountFiles::new(state, "in-flight", ".json");
        Self { backing, marks, notes: owed::Notes::new(state) }
    }

    /// Opens the passphrase store until the agent ends. The other stores need no passphrase.
    pub async fn unlock(&self, passphrase: Secret<String>) -> Result<(), StoreFailure> {
        match &self.backing {
            Backing::Keychain(_) => Ok(()),
            Backing::Files(files) => {
                let files = Arc::clone(files);
                off_runtime(move || files.unlock(&passphrase)).await
            }
        }
    }

    async fn read(&self, account: &str) -> Result<Option<StoredSession>, StoreFailure> {
        match &self.backing {
            Backing::Keychain(kept) => kept.load(account).await,
            Backing::Files(files) => {
                let (files, account) = (Arc::clone(files), account.to_owned());
                off_runtime(move || files.load(&account)).await
            }
        }
    }

    async fn write(&self, account: &str, session: &StoredSession) -> Result<Saved, StoreFailure> {
        let plain = record::encode(session)?;
        match &self.backing {
            Backing::Keychain(kept) => kept.save(account, plain).await,
            Backing::Files(files) => {
                let (files, account) = (Arc::clone(files), account.to_owned());
                off_runtime(move || files.save(&account, &plain)).await?;
                Ok(Saved::Kept)
            }
        }
    }

    async fn remove(&self, account: &str) -> Result<(), StoreFailure> {
        match &self.backing {
            Backing::Keychain(kept) => kept.forget(account).await,
            Backing::Files(files) => {
                let (files, account) = (Arc::clone(files), account.to_owned());
                off_runtime(move || files.forget(&account)).await
            }
        }
    }

    /// Removes all that is kept, also of profiles that the config no longer has; gives the accounts.
    /// The files are what whoever asked for it removes.
    pub async fn purge(&self) -> Result<Vec<String>, StoreFailure> {
        match &self.backing {
            Backing::Keychain(kept) => kept.purge().await,
            Backing::Files(_) => Ok(Vec::new()),
        }
    }

    /// A process of ours asks for something: where no keychain has been found, the session bus of its
    /// shell is tried as well. Says whether there is a new place to look in.
    pub fn heard_of_a_bus(&self, pid: u32) -> bool {
        let sought = matches!(self.backing, Backing::Keychain(_))
            && matches!(self.health().state, HealthState::Unasked | HealthState::Unavailable);
        sought && system_store::heard_of_a_bus(pid)
    }

    /// Does the keychain wait for a person's answer?
    pub fn is_asking(&self) -> bool {
        match &self.backing {
            Backing::Keychain(kept) => kept.asking().is_some(),
            Backing::Files(_) => false,
        }
    }

    /// Returns when it no longer does: with the refusal where the person said no, or nothing.
    pub async fn answered(&self) -> Result<(), StoreFailure> {
        let asking = match &self.backing {
            Backing::Keychain(kept) => kept.asking(),
            Backing::Files(_) => None,
        };
        match asking {
            Some(asking) => asking.closed().await,
            None => Ok(()),
        }
    }

    /// As the last call left it; [`RefreshTokenStore::readiness`] asks anew.
    pub fn health(&self) -> Health {
        match &self.backing {
            Backing::Keychain(kept) => kept.health(),
            Backing::Files(files) => files.health(),
        }
    }
}

impl std::fmt::Debug for KeychainStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeychainStore").field("kind", &self.health().kind).finish_non_exhaustive()
    }
}

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
            match &self.backing {
                Backing::Keychain(kept) => kept.readiness().await,
                Backing::Files(files) => {
                    let files = Arc::clone(files);
                    off_runtime(move || files.readiness()).await
                }
            }
        })
    }
}

/// Files are flushed to the disk, which may take long; the runtime's threads do not wait for it.
async fn off_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreFailure> + Send + 'static,
) -> Result<T, StoreFailure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(StoreFailure::Unavailable(format!("the store's task ended: {error}"))),
    }
}

#[cfg(test)]
mod released;
#[cfg(test)]
mod tests;
