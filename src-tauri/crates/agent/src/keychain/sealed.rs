//! The store without a keychain, by explicit choice: sealed files under a key from a passphrase or a
//! key file. The passphrase comes with a request, never from the environment or the command line.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use dagpass_core::ports::StoreFailure;
use dagpass_core::session::StoredSession;
use dagpass_core::token::Secret;

use super::choice::{PassphraseLock, StoreChoice, key_of_file};
use super::envelope::{self, SealingKey};
use super::files::AccountFiles;
use super::{Health, HealthState, record};

pub(super) struct InFiles {
    files: AccountFiles,
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
        Self { files, key_from, key: Mutex::default() }
    }

    pub(super) fn unlock(&self, passphrase: &Secret<String>) -> Result<(), StoreFailure> {
        if let KeyFrom::Passphrase { lock, state } = &self.key_from {
            let mut lock = lock.lock().unwrap_or_else(PoisonError::into_inner);
            if lock.is_none() {
                let first = PassphraseLock::new(passphrase)?;
                StoreChoice::PassphraseFile { lock: Some(first.clone()) }.remember(state)?;
                *lock = Some(first);
            }
            let Some(lock) = &*lock else { return Ok(()) };
            let key = lock.open(passphrase)?;
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
        self.files.remove(account)
    }

    /// Writes for real: a full disk or a read-only folder shows before the browser opens.
    pub(super) fn readiness(&self) -> Result<(), StoreFailure> {
        self.key()?;
        self.files.write("#probe", b"")?;
        self.files.remove("#probe")
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
            KeyFrom::File(place) => Ok(kept.insert(key_of_file(place)?).clone()),
        }
    }
}
