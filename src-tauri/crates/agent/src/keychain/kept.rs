//! The store in the keychain. A record over the keychain's limit, and every record that it will not
//! take any more, lies in a file sealed under a key of the keychain; where both hold a record, the
//! newer one counts. Nothing is lost between the two: the newer is written before the older goes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dagpass_core::ports::{Saved, StoreFailure};
use dagpass_core::session::StoredSession;
use zeroize::Zeroizing;

use super::asking::Asking;
use super::envelope::{self, SealingKey};
use super::files::AccountFiles;
use super::newest::{Newest, age};
use super::thread::KeychainThread;
use super::{Health, HealthState, off_runtime, record, system_store};

/// The keychain account of the sealing key; no profile may have this name.
const KEY_ACCOUNT: &str = "#sealing-key";

pub(super) struct InKeychain {
    thread: KeychainThread,
    files: AccountFiles,
    /// Bytes that an item may have.
    limit: usize,
    /// Read early, so that they are there when the keychain locks later. The first one seals; where
    /// other programs made several items of it, each opens what was sealed under it.
    keys: Mutex<Vec<SealingKey>>,
    /// Accounts whose newest record is in the file though it belongs into the keychain.
    displaced: Mutex<BTreeSet<String>>,
    /// How the last call ended; `None` before the first.
    last: Mutex<Option<Result<(), StoreFailure>>>,
    /// One call at a time for each account.
    turns: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl InKeychain {
    pub(super) fn new(thread: KeychainThread, limit: usize, state: &Path) -> Self {
        Self {
            thread,
            files: AccountFiles::new(state, "sealed", ".sealed"),
            limit,
            keys: Mutex::default(),
            displaced: Mutex::default(),
            last: Mutex::default(),
            turns: Mutex::default(),
        }
    }

    pub(super) async fn load(&self, account: &str) -> Result<Option<StoredSession>, StoreFailure> {
        let turn = self.turn(account);
        let _turn = turn.lock().await;
        let outcome = self.load_newest(account).await;
        self.note(&outcome);
        outcome
    }

    /// Would such a record be an item of the keychain's own?
    pub(super) fn has_room_for(&self, plain: &[u8]) -> bool {
        base64::encoded_len(plain.len(), true).is_some_and(|length| length <= self.limit)
    }

    pub(super) async fn save(
        &self,
        account: &str,
        plain: Zeroizing<Vec<u8>>,
    ) -> Result<Saved, StoreFailure> {
        let turn = self.turn(account);
        let _turn = turn.lock().await;
        let text = Zeroizing::new(STANDARD.encode(&*plain));
        if text.len() > self.limit {
            return self.save_sealed(account, plain).await;
        }
        let contested = self.thread.hanging() > 0;
        let written = self.write(account, text).await;
        self.note(&written);
        match written {
            Ok(()) => {
                self.settle(account, plain, contested).await?;
                Ok(Saved::Kept)
            }
            Err(refused) => {
                let Some(key) = self.known_key() else { return Err(refused) };
                self.seal(account, key, plain).await?;
                lock(&self.displaced).insert(account.to_owned());
                Ok(Saved::Fallback)
            }
        }
    }

    /// Both places are emptied, also where one of them fails.
    pub(super) async fn forget(&self, account: &str) -> Result<(), StoreFailure> {
        let turn = self.turn(account);
        let _turn = turn.lock().await;
        let kept = self.delete(account).await;
        self.note(&kept);
        self.unseal(account).await?;
        kept
    }

    /// Every account that has a record, in the keychain or in the file beside it.
    pub(super) async fn accounts(&self) -> Result<BTreeSet<String>, StoreFailure> {
        let kept = self.thread.call(|keychain| keychain.accounts()).await?;
        let files = self.files.clone();
        let sealed = off_runtime(move || files.accounts()).await?;
        Ok(kept.into_iter().chain(sealed).filter(|account| account != KEY_ACCOUNT).collect())
    }

    /// Every item of ours, the sealing key last: until then what it opens can be read.
    pub(super) async fn purge(&self) -> Result<Vec<String>, StoreFailure> {
        let mut accounts = self.thread.call(|keychain| keychain.accounts()).await?;
        accounts.sort_by_key(|account| account == KEY_ACCOUNT);
        for account in &accounts {
            let turn = self.turn(account);
            let _turn = turn.lock().await;
            self.delete(account).await?;
        }
        lock(&self.keys).clear();
        Ok(accounts)
    }

    /// Also makes sure of the sealing key: the one moment when a person is there to unlock.
    pub(super) async fn readiness(&self) -> Result<(), StoreFailure> {
        let outcome = match self.thread.call(|keychain| keychain.look()).await {
            Ok(()) => self.sealing_key().await.map(|_| ()),
            refused => refused,
        };
        self.note(&outcome);
        outcome
    }

    /// What a person is asked now, where one is.
    pub(super) fn asking(&self) -> Option<Asking> {
        self.thread.asking()
    }

    pub(super) fn health(&self) -> Health {
        let displaced = lock(&self.displaced).len();
        let last = lock(&self.last).clone();
        let (state, detail) = match (displaced, last) {
            (0, None) => (HealthState::Unasked, None),
            (0, Some(Ok(()))) => (HealthState::Ok, self.thread.caveat().map(str::to_owned)),
            (0, Some(Err(failure))) => (HealthState::after(&failure), Some(failure.to_string())),
            (_, last) => {
                let failure = last.and_then(Result::err);
                let why = failure.map(|failure| format!(": {failure}")).unwrap_or_default();
                let what = format!("{displaced} record(s) in the encrypted file{why}");
                (HealthState::Degraded, Some(what))
            }
        };
        Health { kind: system_store::KIND, state, detail }
    }

    async fn load_newest(&self, account: &str) -> Result<Option<StoredSession>, StoreFailure> {
        let sealed = {
            let (files, account) = (self.files.clone(), account.to_owned());
            off_runtime(move || files.read(&account)).await?
        };
        let contested = self.thread.hanging() > 0;
        let kept = self.read(account).await;
        let Some(sealed) = sealed else {
            let Some(newest) = Newest::of(&kept?)? else { return Ok(None) };
            self.make_one(account, &newest).await;
            self.prepare_key().await;
            return Ok(Some(newest.session));
        };
        if let (Err(refused), None) = (&kept, self.known_key()) {
            return Err(refused.clone());
        }
        if self.find_key().await?.is_none() {
            return Err(StoreFailure::Corrupt(
                "the keychain no longer holds the key of the encrypted file".to_owned(),
            ));
        }
        let plain = envelope::open_with(&lock(&self.keys), account, &sealed)?;
        let from_file = record::decode(&plain)?;
        let from_keychain = match kept {
            Ok(items) => Newest::of(&items).ok().flatten(),
            // The file is written only where it is the newest, so it can be used without.
            Err(_) => return Ok(Some(from_file)),
        };
        match from_keychain {
            Some(kept) if age(&kept.session) >= age(&from_file) => {
                self.make_one(account, &kept).await;
                self.settle(account, plain, contested).await?;
                Ok(Some(kept.session))
            }
            _ => {
                self.move_back(account, plain).await;
                Ok(Some(from_file))
            }
        }
    }

    /// Of several items for one account, the newest is kept; it can be read as well with all of them.
    async fn make_one(&self, account: &str, newest: &Newest) {
        if newest.among == 1 {
            return;
        }
        match self.write(account, newest.text.clone()).await {
            Ok(()) => tracing::warn!(account, among = newest.among, "keychain items made one"),
            Err(failure) => tracing::warn!(account, %failure, "several keychain items remain"),
        }
    }

    /// Where the file should not be the place, the keychain takes the record over.
    async fn move_back(&self, account: &str, plain: Zeroizing<Vec<u8>>) {
        let text = Zeroizing::new(STANDARD.encode(&*plain));
        if text.len() > self.limit {
            return;
        }
        let contested = self.thread.hanging() > 0;
        let moved = match self.write(account, text).await {
            Ok(()) => self.settle(account, plain, contested).await,
            refused => refused,
        };
        if let Err(failure) = moved {
            tracing::warn!(account, %failure, "record stays in the encrypted file");
            lock(&self.displaced).insert(account.to_owned());
        }
    }

    /// After the keychain took the newest record. `contested`: an older call still hung when that
    /// began and may yet write what it was given, so the file holds the newest record as well.
    async fn settle(
        &self,
        account: &str,
        plain: Zeroizing<Vec<u8>>,
        contested: bool,
    ) -> Result<(), StoreFailure> {
        self.prepare_key().await;
        match self.known_key() {
            Some(key) if contested => self.seal(account, key, plain).await,
            _ => self.unseal(account).await,
        }?;
        lock(&self.displaced).remove(account);
        Ok(())
    }

    /// A record over the limit: the file is its place.
    async fn save_sealed(
        &self,
        account: &str,
        plain: Zeroizing<Vec<u8>>,
    ) -> Result<Saved, StoreFailure> {
        let key = self.sealing_key().await;
        self.note(&key);
        self.seal(account, key?, plain).await?;
        lock(&self.displaced).remove(account);
        // The older record is outdated by its age; with it gone nobody can find it at all.
        if let Err(failure) = self.delete(account).await {
            tracing::warn!(account, %failure, "outdated keychain item not removed");
        }
        Ok(Saved::Kept)
    }

    /// Makes sure of the key while the keychain is open; without it a later lock has no fallback.
    async fn prepare_key(&self) {
        if let Err(failure) = self.sealing_key().await {
            tracing::warn!(%failure, "no sealing key: a locked keychain would have no fallback");
        }
    }

    /// The key, made where the keychain has none.
    async fn sealing_key(&self) -> Result<SealingKey, StoreFailure> {
        if let Some(key) = self.find_key().await? {
            return Ok(key);
        }
        let turn = self.turn(KEY_ACCOUNT);
        let _turn = turn.lock().await;
        if let Some(key) = self.find_key().await? {
            return Ok(key);
        }
        let made = SealingKey::generate()?;
        self.write(KEY_ACCOUNT, made.to_text()).await?;
        // Read back: the key counts only once it is known to be there after a restart.
        self.find_key().await?.ok_or_else(|| {
            StoreFailure::Unavailable("the keychain did not keep what it took".to_owned())
        })
    }

    async fn find_key(&self) -> Result<Option<SealingKey>, StoreFailure> {
        if let Some(key) = self.known_key() {
            return Ok(Some(key));
        }
        let found = self.read(KEY_ACCOUNT).await?;
        let mut keys = Vec::new();
        for text in &found {
            match SealingKey::from_text(text) {
                Ok(key) => keys.push(key),
                // One is made in its place: what it sealed cannot be opened by anything.
                Err(failure) => tracing::warn!(%failure, "sealing key not used"),
            }
        }
        if keys.len() > 1 {
            // None is removed: another state folder may have files that only that one opens.
            let files = self.files.clone();
            let sealed = off_runtime(move || files.all()).await?;
            let needed: Vec<_> = sealed.iter().filter_map(|file| envelope::key_id(file)).collect();
            keys.sort_by_key(|key| (!needed.iter().any(|id| id == key.id()), key.id().to_owned()));
        }
        let first = keys.first().cloned();
        *lock(&self.keys) = keys;
        Ok(first)
    }

    fn known_key(&self) -> Option<SealingKey> {
        lock(&self.keys).first().cloned()
    }

    async fn read(&self, account: &str) -> Result<Vec<Zeroizing<Vec<u8>>>, StoreFailure> {
        let account = account.to_owned();
        self.thread.call(move |keychain| keychain.read(&account)).await
    }

    async fn write(&self, account: &str, text: Zeroizing<String>) -> Result<(), StoreFailure> {
        let account = account.to_owned();
        self.thread.call(move |keychain| keychain.write(&account, text.as_bytes())).await
    }

    async fn delete(&self, account: &str) -> Result<(), StoreFailure> {
        let account = account.to_owned();
        self.thread.call(move |keychain| keychain.delete(&account)).await
    }

    async fn seal(
        &self,
        account: &str,
        key: SealingKey,
        plain: Zeroizing<Vec<u8>>,
    ) -> Result<(), StoreFailure> {
        let (files, account) = (self.files.clone(), account.to_owned());
        off_runtime(move || files.write(&account, &envelope::seal(&key, &account, &plain)?)).await
    }

    async fn unseal(&self, account: &str) -> Result<(), StoreFailure> {
        let (files, name) = (self.files.clone(), account.to_owned());
        off_runtime(move || files.remove(&name)).await?;
        lock(&self.displaced).remove(account);
        Ok(())
    }

    fn turn(&self, account: &str) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(lock(&self.turns).entry(account.to_owned()).or_default())
    }

    fn note<T>(&self, outcome: &Result<T, StoreFailure>) {
        *lock(&self.last) = Some(outcome.as_ref().map(|_| ()).map_err(Clone::clone));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
