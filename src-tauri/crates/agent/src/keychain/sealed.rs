//! The store without a keychain, by explicit choice: sealed files under a key from a passphrase or a
//! key file. The passphrase comes with a request, never from the environment or the command line.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use dagpass_core::ports::StoreFailure;
use dagpass_core::session::StoredSession;
use dagpass_core::token::Secret;

use super::choice::{PassphraseLock, Remembered, StoreChoice, key_of_file};
use super::envelope::{self, SealingKey};
use super::files::AccountFiles;
use super::{Health, HealthState, record};

/// Written and removed again; no profile may have this name.
const PROBE: &str = "#probe";

pub(super) struct InFiles {
    files: AccountFiles,
    /// Where a move writes first: until `store.json` says otherwise, the old records stand.
    next: AccountFiles,
    key_from: KeyFrom,
    key: Mutex<Option<SealingKey>>,
}

enum KeyFrom {
    /// `None` until the first passphrase, which becomes the one from then on.
    Passphrase {
        lock: Mutex<Option<PassphraseLock>>,
        state: PathBuf,
    },
    File(PathBuf),
}

impl InFiles {
    pub(super) fn behind_passphrase(lock: Option<PassphraseLock>, state: &Path) -> Self {
        let lock = Mutex::new(lock);
        Self::new(KeyFrom::Passphrase { lock, state: state.to_owned() }, state)
    }

    pub(super) fn behind_key_file(place: PathBuf, state: &Path) -> Self {
        Self::new(KeyFrom::File(place), state)
    }

    fn new(key_from: KeyFrom, state: &Path) -> Self {
        let files = AccountFiles::new(state, "store", ".sealed");
        Self { files, next: next(state), key_from, key: Mutex::default() }
    }

    /// For a move: the key is known, and what it will open is not there yet.
    pub(super) fn opened(choice: &StoreChoice, key: SealingKey, state: &Path) -> Option<Self> {
        let files = match choice {
            StoreChoice::Keychain => return None,
            StoreChoice::PassphraseFile { lock } => Self::behind_passphrase(lock.clone(), state),
            StoreChoice::KeyFile { key_file } => Self::behind_key_file(key_file.clone(), state),
        };
        *files.key.lock().unwrap_or_else(PoisonError::into_inner) = Some(key);
        Some(files)
    }

    pub(super) fn unlock(&self, passphrase: &Secret<String>) -> Result<(), StoreFailure> {
        if let KeyFrom::Passphrase { lock, state } = &self.key_from {
            let mut lock = lock.lock().unwrap_or_else(PoisonError::into_inner);
            if lock.is_none() {
                // Salt and proof that are there are never written over.
                *lock = written(state)?;
            }
            if lock.is_none() {
                let first = PassphraseLock::new(passphrase)?;
                StoreChoice::PassphraseFile { lock: Some(first.clone()) }.remember(state)?;
                *lock = Some(first);
            }
            let Some(lock) = &*lock else { return Ok(()) };
            let key = lock.open(passphrase)?;
            self.settle(&key)?;
            *self.key.lock().unwrap_or_else(PoisonError::into_inner) = Some(key);
        }
        Ok(())
    }

    pub(super) fn load(&self, account: &str) -> Result<Option<StoredSession>, StoreFailure> {
        let key = self.key()?;
        let Some(sealed) = self.files.read(account)? else { return Ok(None) };
        record::decode(&envelope::open(&key, account, &sealed)?).map(Some)
    }

    pub(super) fn save(&self, account: &str, plain: &[u8]) -> Result<(), StoreFailure> {
        self.files.write(account, &envelope::seal(&self.key()?, account, plain)?)
    }

    pub(super) fn forget(&self, account: &str) -> Result<(), StoreFailure> {
        self.files.remove(account)?;
        self.next.remove(account)
    }

    /// Every account that has a record; needs no key.
    pub(super) fn accounts(&self) -> Result<Vec<String>, StoreFailure> {
        let mut accounts = self.files.accounts()?;
        accounts.retain(|account| account != PROBE);
        Ok(accounts)
    }

    /// Beside the records in use, for a move; read back before it counts.
    pub(super) fn stage(&self, account: &str, plain: &[u8]) -> Result<(), StoreFailure> {
        let key = self.key()?;
        self.next.write(account, &envelope::seal(&key, account, plain)?)?;
        let written = self.next.read(account)?.unwrap_or_default();
        if envelope::open(&key, account, &written)?.as_slice() != plain {
            return Err(StoreFailure::Unavailable("the file did not keep what it took".to_owned()));
        }
        Ok(())
    }

    /// What a move has written takes its place; what one left behind under another key goes.
    pub(super) fn settle_staged(&self) -> Result<(), StoreFailure> {
        self.settle(&self.key()?)
    }

    fn settle(&self, key: &SealingKey) -> Result<(), StoreFailure> {
        for account in self.next.accounts()? {
            let ours = self.next.read(&account)?;
            if ours.is_some_and(|bytes| envelope::is_under(key, &bytes)) {
                self.next.move_to(&self.files, &account)?;
            } else {
                self.next.remove(&account)?;
            }
        }
        Ok(())
    }

    /// Writes for real: a full disk or a read-only folder shows before the browser opens.
    pub(super) fn readiness(&self) -> Result<(), StoreFailure> {
        self.key()?;
        self.files.write(PROBE, b"")?;
        self.files.remove(PROBE)
    }

    pub(super) fn health(&self) -> Health {
        let kind = match self.key_from {
            KeyFrom::Passphrase { .. } => "passphrase-file",
            KeyFrom::File(_) => "key-file",
        };
        match self.key() {
            Ok(_) => Health { kind, state: HealthState::Ok, detail: None },
            Err(failure) => Health {
                kind,
                state: HealthState::after(&failure),
                detail: Some(failure.to_string()),
            },
        }
    }

    fn key(&self) -> Result<SealingKey, StoreFailure> {
        let mut kept = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = &*kept {
            return Ok(key.clone());
        }
        match &self.key_from {
            KeyFrom::Passphrase { .. } => Err(StoreFailure::PassphraseNeeded(
                "the passphrase has not been given since the agent started",
            )),
            KeyFrom::File(place) => {
                let key = key_of_file(place)?;
                self.settle(&key)?;
                Ok(kept.insert(key).clone())
            }
        }
    }
}

/// The folder that a move writes into before it counts.
fn next(state: &Path) -> AccountFiles {
    AccountFiles::new(state, "store.next", ".sealed")
}

/// What a move that never ended has left.
pub(super) fn clear_staged(state: &Path) -> Result<(), StoreFailure> {
    let next = next(state);
    next.accounts()?.iter().try_for_each(|account| next.remove(account))
}

/// The lock that `store.json` has, where it has one.
fn written(state: &Path) -> Result<Option<PassphraseLock>, StoreFailure> {
    Ok(match Remembered::read(state)?.map(|remembered| remembered.choice) {
        Some(StoreChoice::PassphraseFile { lock }) => lock,
        Some(StoreChoice::Keychain | StoreChoice::KeyFile { .. }) | None => None,
    })
}
