//! Where refresh tokens live: the system's keychain, or the encrypted file that a person opted in to.
//! Never plaintext, never a silent change of place, never a call without a deadline.
//!
//! 1. [`which_store`]: which one is opened; [`choice`]: how that is remembered; [`moving`]: how it changes
//! 2. [`standing`]: the one that is open; [`health`]: what is said of it; [`port`]: what the core asks of it
//! 3. [`kept`], [`newest`]: in the keychain, with the encrypted file for what the keychain will not take
//! 4. [`sealed`]: in the encrypted file alone
//! 5. [`thread`], [`asking`], [`provider`]: how the keychain is asked
//! 6. [`log_key`]: the key of the ledger's log, and [`client`]: what proves a client, among them by [`own_record`]
//! 7. [`record`], [`envelope`], [`files`], [`mark`], [`owed`],
//!    [`pending`]: what is written

mod asking;
mod choice;
mod client;
mod envelope;
mod files;
mod foreign;
#[cfg(target_os = "linux")]
mod freedesktop;
mod health;
mod kept;
mod log_key;
mod mark;
mod moving;
mod newest;
mod owed;
mod own_record;
mod pending;
mod port;
mod provider;
mod record;
mod sealed;
mod standing;
mod thread;
mod which_store;

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
mod moving_tests;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod odd_services;
#[cfg(test)]
mod released_stores;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod stage;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dagpass_core::ports::{Saved, StoreFailure};
use dagpass_core::request::SessionKey;
use dagpass_core::session::StoredSession;
use dagpass_core::token::Secret;

use crate::config;

pub(crate) use foreign::ForeignItems;

pub use choice::{PassphraseLock, StoreChoice};
pub use health::{Health, HealthState};
pub use moving::{MoveFailure, Moved, Wanted};

use choice::Remembered;
use files::AccountFiles;
use standing::{Backing, Standing, System};
use which_store::{Chosen, Memory, choose};

/// The store of refresh tokens.
pub struct KeychainStore {
    state: PathBuf,
    system: System,
    standing: Mutex<Standing>,
    /// Every call holds it shared; a move of all the records holds it alone.
    turn: tokio::sync::RwLock<()>,
    marks: AccountFiles,
    notes: owed::Notes,
    pending: AccountFiles,
    /// Accounts whose records could not be removed when they were to be.
    forgotten: AccountFiles,
    /// All of it was taken off the machine: nothing is made any more by itself.
    purged: AtomicBool,
}

impl KeychainStore {
    /// The store that `store.json` remembers, or the one `asked` for by a config in force. Touches
    /// neither keychain nor records: the first call does.
    pub fn stand(state: &Path, asked: Option<&config::StoreChoice>) -> Result<Self, StoreFailure> {
        Self::stand_on(System::here(), state, asked)
    }

    fn stand_on(
        system: System,
        state: &Path,
        asked: Option<&config::StoreChoice>,
    ) -> Result<Self, StoreFailure> {
        let remembered = Remembered::read(state)?.map(|remembered| remembered.choice);
        Ok(Self::on(system, choose(remembered, asked), state))
    }

    /// That store, whatever is remembered.
    #[cfg(test)]
    fn open(store: StoreChoice, state: &Path) -> Self {
        let chosen = Chosen { store, memory: Memory::Written, asked: None };
        Self::on(System::here(), chosen, state)
    }

    fn on(system: System, chosen: Chosen, state: &Path) -> Self {
        let backing = system.backing(&chosen.store, state);
        Self {
            state: state.to_owned(),
            system,
            standing: Mutex::new(Standing { chosen, backing }),
            turn: tokio::sync::RwLock::default(),
            marks: AccountFiles::new(state, "in-flight", ".json"),
            notes: owed::Notes::new(state),
            pending: AccountFiles::new(state, "pending", ".json"),
            forgotten: AccountFiles::new(state, "forgotten", ""),
            purged: AtomicBool::new(false),
        }
    }

    /// Another config is in force. Where nothing was kept yet its store is opened; else what was
    /// chosen stays open, and whether the two agree is known.
    pub fn reconsider(&self, asked: Option<&config::StoreChoice>) {
        let remembered = match Remembered::read(&self.state) {
            Ok(remembered) => remembered.map(|remembered| remembered.choice),
            Err(failure) => {
                tracing::error!(%failure, "the choice of store cannot be read");
                return;
            }
        };
        let chosen = choose(remembered, asked);
        let mut standing = self.standing();
        if !chosen.store.is_same(&standing.chosen.store) {
            standing.backing = self.system.backing(&chosen.store, &self.state);
        }
        standing.chosen = chosen;
    }

    /// What a config in force asks for, where the records lie elsewhere: where they lie, and that.
    pub fn disagreement(&self) -> Option<(&'static str, config::StoreChoice)> {
        let Standing { chosen, backing } = self.now();
        chosen.asked.map(|asked| (backing.health().kind, asked))
    }

    /// Opens the passphrase store until the agent ends. The other stores need no passphrase.
    pub async fn unlock(&self, passphrase: Secret<String>) -> Result<(), StoreFailure> {
        let _still = self.turn.read().await;
        match self.now().backing {
            Backing::Keychain(_) => Ok(()),
            Backing::Files(files) => off_runtime(move || files.unlock(&passphrase)).await,
        }
    }

    async fn read(&self, account: &str) -> Result<Option<StoredSession>, StoreFailure> {
        let _still = self.turn.read().await;
        self.now().backing.load(account).await
    }

    async fn write(&self, account: &str, session: &StoredSession) -> Result<Saved, StoreFailure> {
        let _still = self.turn.read().await;
        // Before the record: one that nobody remembers the place of would never be found again.
        self.remember().await?;
        self.now().backing.save(account, session).await
    }

    async fn remove(&self, account: &str) -> Result<(), StoreFailure> {
        let _still = self.turn.read().await;
        self.now().backing.forget(account).await
    }

    /// The first record makes the choice: from then on one command alone changes it.
    async fn remember(&self) -> Result<(), StoreFailure> {
        let chosen = self.now().chosen;
        match chosen.memory {
            Memory::Written | Memory::Nothing => return Ok(()),
            Memory::WithFirstRecord => {}
        }
        let (state, store) = (self.state.clone(), chosen.store);
        off_runtime(move || store.remember(&state)).await?;
        self.standing().chosen.memory = Memory::Written;
        Ok(())
    }

    /// Every session that has a record, also those that no config names.
    pub async fn sessions(&self) -> Result<Vec<SessionKey>, StoreFailure> {
        let _still = self.turn.read().await;
        let accounts = self.now().backing.accounts().await?;
        Ok(accounts.iter().filter_map(|account| session_of(account)).collect())
    }

    /// Removes all that is kept, also of profiles that the config no longer has; gives the accounts.
    /// The files are what whoever asked for it removes.
    pub async fn purge(&self) -> Result<Vec<String>, StoreFailure> {
        let _alone = self.turn.write().await;
        self.purged.store(true, Ordering::SeqCst);
        let mut gone = match self.now().backing {
            Backing::Keychain(kept) => kept.purge().await?,
            Backing::Files(_) => Vec::new(),
        };
        match self.empty_left().await {
            Ok(accounts) => gone.extend(accounts),
            // No keychain on this machine (any more): nothing of ours can be in it.
            Err(StoreFailure::Unavailable(why)) => tracing::warn!(why, "an old place is not empty"),
            Err(failure) => return Err(failure),
        }
        Ok(gone)
    }

    /// A process of ours asks for something: where no keychain has been found, the session bus of its
    /// shell is tried as well. Says whether there is a new place to look in.
    pub fn heard_of_a_bus(&self, pid: u32) -> bool {
        // Of the keychain itself: that the config asks for another store says nothing of it.
        let backing = self.now().backing;
        let sought = matches!(backing, Backing::Keychain(_))
            && matches!(backing.health().state, HealthState::Unasked | HealthState::Unavailable);
        sought && system_store::heard_of_a_bus(pid)
    }

    /// Nobody has had it asked anything yet.
    pub fn is_unasked(&self) -> bool {
        self.now().backing.health().state == HealthState::Unasked
    }

    /// Does the keychain wait for a person's answer?
    pub fn is_asking(&self) -> bool {
        match self.now().backing {
            Backing::Keychain(kept) => kept.asking().is_some(),
            Backing::Files(_) => false,
        }
    }

    /// Returns when it no longer does: with the refusal where the person said no, or nothing.
    pub async fn answered(&self) -> Result<(), StoreFailure> {
        let asking = match self.now().backing {
            Backing::Keychain(kept) => kept.asking(),
            Backing::Files(_) => None,
        };
        match asking {
            Some(asking) => asking.closed().await,
            None => Ok(()),
        }
    }

    /// As the last call left it; `readiness` asks anew.
    pub fn health(&self) -> Health {
        let Standing { chosen, backing } = self.now();
        let health = backing.health();
        let Some(asked) = chosen.asked else { return health };
        let detail = format!("the config asks for another: run `{}`", asked.command());
        Health { state: HealthState::Changed, detail: Some(detail), ..health }
    }

    fn now(&self) -> Standing {
        self.standing().clone()
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `None` for what is no session of a profile: those of our own begin with `#`.
fn session_of(account: &str) -> Option<SessionKey> {
    if account.starts_with('#') {
        return None;
    }
    Some(SessionKey::of_account(account))
}

impl std::fmt::Debug for KeychainStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeychainStore").field("kind", &self.health().kind).finish_non_exhaustive()
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
