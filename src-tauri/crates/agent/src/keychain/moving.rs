//! How the records come into another store: read there, written here, read back, and only then does
//! `store.json` say so. Whenever the machine stops, either the old store or the new one is whole, and
//! what the other still holds is emptied at the next start. Decides nothing about the config.

use std::path::PathBuf;
use std::sync::Arc;

use dagpass_core::ports::{Saved, StoreFailure};
use dagpass_core::session::StoredSession;
use dagpass_core::time::Timestamp;
use dagpass_core::token::Secret;
use tokio::sync::RwLockWriteGuard;

use super::choice::{Place, Remembered, ToEmpty, key_of_file};
use super::newest::age;
use super::sealed::{InFiles, clear_staged};
use super::which_store::{Chosen, agree};
use super::{
    Backing, KeychainStore, Memory, PassphraseLock, Standing, StoreChoice, log_key, off_runtime,
    record,
};
use crate::config;

/// What a person asks for.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub store: config::StoreChoice,
    /// For the first passphrase of a passphrase file.
    pub passphrase: Option<Secret<String>>,
    /// Goes on without the records that cannot be read, and lets go of them.
    pub drop_unreadable: bool,
}

/// Why nothing was moved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoveFailure {
    #[error("the store in use: {0}")]
    Old(StoreFailure),
    #[error("the store to be used: {0}")]
    New(StoreFailure),
    #[error("the record of {}: {why}", .accounts.join(", "))]
    Unreadable { accounts: Vec<String>, why: StoreFailure },
    #[error("a passphrase file needs a passphrase")]
    NoPassphrase,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    pub carried: Vec<String>,
    pub dropped: Vec<String>,
    /// The copy of the `store.json` that was replaced.
    pub backup: Option<PathBuf>,
    /// Why the old place is not empty yet.
    pub left: Option<String>,
}

/// Everything is written and read back, and nothing counts yet. Dropped, it is as if it never was.
pub struct Prepared<'s> {
    store: &'s KeychainStore,
    _alone: RwLockWriteGuard<'s, ()>,
    /// `None`: the records are there already.
    to: Option<Target>,
    moved: Moved,
}

struct Target {
    choice: StoreChoice,
    backing: Backing,
    from: Place,
    remembered: Option<Remembered>,
}

impl std::fmt::Debug for Prepared<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("moved", &self.moved).finish_non_exhaustive()
    }
}

impl KeychainStore {
    /// Brings every record into the wanted store, beside whatever counts there now.
    pub async fn prepare(&self, wanted: Wanted) -> Result<Prepared<'_>, MoveFailure> {
        let alone = self.turn.write().await;
        self.ready_for(&wanted).await?;
        let old = self.now();
        let mut prepared =
            Prepared { store: self, _alone: alone, to: None, moved: Moved::default() };
        if agree(&old.chosen.store, &wanted.store) {
            return Ok(prepared);
        }
        let (choice, backing) = self.target(&wanted).await?;
        let (sessions, dropped) = readable(&old, &wanted).await?;
        let remembered = Remembered::read(&self.state).map_err(MoveFailure::Old)?;
        let from = old.chosen.store.place();
        let target = Target { choice, backing, from, remembered };
        prepared.moved.dropped = dropped;
        let carried = self.carry(&target, &sessions).await;
        prepared.to = Some(target);
        match carried {
            Ok(()) => {
                prepared.moved.carried = sessions.into_iter().map(|(account, _)| account).collect();
                Ok(prepared)
            }
            Err(failure) => {
                prepared.undo().await;
                Err(MoveFailure::New(failure))
            }
        }
    }

    /// What an earlier move left where the records are to go would count as newer than it is.
    async fn ready_for(&self, wanted: &Wanted) -> Result<(), MoveFailure> {
        let Err(failure) = self.empty_left().await else { return Ok(()) };
        let remembered = Remembered::read(&self.state).map_err(MoveFailure::Old)?;
        let owed = remembered.and_then(|remembered| remembered.to_empty);
        let to = StoreChoice::from(&wanted.store).place();
        match owed {
            Some(owed) if owed.place != to => Ok(()),
            Some(_) | None => Err(MoveFailure::New(failure)),
        }
    }

    async fn target(&self, wanted: &Wanted) -> Result<(StoreChoice, Backing), MoveFailure> {
        let new = MoveFailure::New;
        let choice = match (&wanted.store, &wanted.passphrase) {
            (config::StoreChoice::PassphraseFile, None) => return Err(MoveFailure::NoPassphrase),
            (config::StoreChoice::PassphraseFile, Some(passphrase)) => {
                let passphrase = passphrase.clone();
                let made = off_runtime(move || {
                    let lock = PassphraseLock::new(&passphrase)?;
                    lock.open(&passphrase).map(|key| (lock, key))
                });
                let (lock, key) = made.await.map_err(new)?;
                (StoreChoice::PassphraseFile { lock: Some(lock) }, Some(key))
            }
            (config::StoreChoice::KeyFile(path), _) => {
                let key = key_of_file(path).map_err(new)?;
                (StoreChoice::KeyFile { key_file: path.clone() }, Some(key))
            }
            (config::StoreChoice::Keychain, _) => (StoreChoice::Keychain, None),
        };
        let (choice, key) = choice;
        let files = key.and_then(|key| InFiles::opened(&choice, key, &self.state));
        let backing = match files {
            Some(files) => Backing::Files(Arc::new(files)),
            None => self.system.backing(&choice, &self.state),
        };
        backing.readiness().await.map_err(new)?;
        Ok((choice, backing))
    }

    /// Where the new store has a newer record of a session already, that one stays.
    async fn carry(
        &self,
        target: &Target,
        sessions: &[(String, StoredSession)],
    ) -> Result<(), StoreFailure> {
        let mut older = Vec::new();
        for (account, session) in sessions {
            match target.backing.load(account).await {
                Ok(Some(there)) if age(&there) >= age(session) => {}
                Ok(_) | Err(StoreFailure::Corrupt(_)) => older.push((account, session)),
                Err(failure) => return Err(failure),
            }
        }
        match &target.backing {
            Backing::Files(files) => {
                for (account, session) in older {
                    let (files, account) = (Arc::clone(files), account.clone());
                    let plain = record::encode(session)?;
                    off_runtime(move || files.stage(&account, &plain)).await?;
                }
            }
            Backing::Keychain(kept) => {
                let accounts = older.iter().map(|(account, _)| (*account).clone()).collect();
                target.announce(&self.state, accounts)?;
                for (account, session) in older {
                    let saved = kept.save(account, record::encode(session)?).await?;
                    let back = kept.load(account).await?;
                    if saved != Saved::Kept || back.as_ref().map(age) != Some(age(session)) {
                        let what = "the keychain did not keep what it took";
                        return Err(StoreFailure::Unavailable(what.to_owned()));
                    }
                }
            }
        }
        Ok(())
    }

    /// Empties what a move has left, in this life or an earlier one; gives the accounts.
    pub(super) async fn empty_left(&self) -> Result<Vec<String>, StoreFailure> {
        let standing = self.now();
        let Some(remembered) = Remembered::read(&self.state)? else { return Ok(Vec::new()) };
        if standing.chosen.store.place() == Place::Keychain {
            clear_staged(&self.state)?;
        }
        let Some(to_empty) = remembered.to_empty else { return Ok(Vec::new()) };
        let place = match (&standing.backing, to_empty.place) {
            (same @ Backing::Keychain(_), Place::Keychain)
            | (same @ Backing::Files(_), Place::Files) => same.clone(),
            (Backing::Files(_), Place::Keychain) => {
                self.system.backing(&StoreChoice::Keychain, &self.state)
            }
            (Backing::Keychain(_), Place::Files) => {
                let any = StoreChoice::PassphraseFile { lock: None };
                self.system.backing(&any, &self.state)
            }
        };
        let accounts = match &to_empty.accounts {
            Some(accounts) => accounts.clone(),
            None => place.accounts().await?,
        };
        for account in &accounts {
            place.forget(account).await?;
        }
        if let (Backing::Keychain(kept), None) = (&place, &to_empty.accounts) {
            // The sealing key with them.
            kept.purge().await?;
        }
        Remembered { choice: remembered.choice, to_empty: None }.write(&self.state)?;
        Ok(accounts)
    }

    /// At the start: whatever a crash in the middle of a move has left.
    pub async fn finish_move(&self) {
        let _alone = self.turn.write().await;
        if let Err(failure) = self.empty_left().await {
            tracing::warn!(%failure, "the place that the records came from is not empty yet");
        }
    }
}

/// The records of the store in use, and the accounts of those that are let go of.
async fn readable(
    old: &Standing,
    wanted: &Wanted,
) -> Result<(Vec<(String, StoredSession)>, Vec<String>), MoveFailure> {
    // Where nothing was ever kept there is nothing to miss.
    let lenient = wanted.drop_unreadable || old.chosen.memory != Memory::Written;
    let accounts = match old.backing.accounts().await {
        Ok(accounts) => accounts,
        Err(_) if lenient => Vec::new(),
        Err(failure) => return Err(MoveFailure::Old(failure)),
    };
    let (mut sessions, mut bad) = (Vec::new(), Vec::new());
    for account in accounts {
        match old.backing.load(&account).await {
            Ok(Some(session)) => sessions.push((account, session)),
            Ok(None) => {}
            // Made anew where it is needed: nobody signs in again for it.
            Err(StoreFailure::Corrupt(_)) if account.starts_with(log_key::ACCOUNT) => {}
            Err(why @ StoreFailure::Corrupt(_)) => bad.push((account, why)),
            Err(_) if lenient => bad.push((account, StoreFailure::Corrupt(String::new()))),
            Err(failure) => return Err(MoveFailure::Old(failure)),
        }
    }
    let why = bad.first().map(|(_, why)| why.clone());
    let accounts: Vec<String> = bad.into_iter().map(|(account, _)| account).collect();
    match why {
        Some(why) if !lenient => Err(MoveFailure::Unreadable { accounts, why }),
        Some(_) | None => Ok((sessions, accounts)),
    }
}

impl Target {
    /// On disk before the first copy is: should we end here, the next start removes the copies.
    fn announce(&self, state: &std::path::Path, accounts: Vec<String>) -> Result<(), StoreFailure> {
        let Some(now) = &self.remembered else { return Ok(()) };
        let to_empty = ToEmpty { place: self.choice.place(), accounts: Some(accounts) };
        Remembered { choice: now.choice.clone(), to_empty: Some(to_empty) }.write(state)
    }
}

impl Prepared<'_> {
    /// From here on the new store counts; then the old place is emptied.
    pub async fn switch(mut self, at: Timestamp) -> Result<Moved, StoreFailure> {
        let Some(target) = self.to.take() else { return Ok(self.moved) };
        let (store, state) = (self.store, &self.store.state);
        let before = target.remembered.as_ref();
        self.moved.backup = before.map(|before| before.back_up(state, at)).transpose()?;
        let new = target.choice.place();
        let to_empty = match &target.remembered {
            _ if new != target.from => Some(ToEmpty { place: target.from, accounts: None }),
            Some(before) => before.to_empty.clone(),
            None => None,
        };
        let remembered = Remembered { choice: target.choice.clone(), to_empty };
        remembered.write(state)?;
        let chosen = Chosen { store: target.choice, memory: Memory::Written, asked: None };
        *store.standing() = Standing { chosen, backing: target.backing.clone() };
        let settled = settle(store, &target.backing, &self.moved.dropped).await;
        self.moved.left = settled.err().map(|failure| failure.to_string());
        Ok(self.moved)
    }

    /// The copies go; what counted before still does.
    pub async fn undo(mut self) {
        let Some(target) = self.to.take() else { return };
        let undone = match target.choice.place() {
            Place::Files => clear_staged(&self.store.state),
            Place::Keychain => self.store.empty_left().await.map(|_| ()),
        };
        if let Err(failure) = undone {
            tracing::warn!(%failure, "copies of records are left until the next start");
        }
    }
}

async fn settle(
    store: &KeychainStore,
    new: &Backing,
    dropped: &[String],
) -> Result<(), StoreFailure> {
    if let Backing::Files(files) = new {
        let files = Arc::clone(files);
        off_runtime(move || files.settle_staged()).await?;
        for account in dropped {
            // Of another key than ours; one that the new store had before is not what was let go of.
            if matches!(new.load(account).await, Err(StoreFailure::Corrupt(_))) {
                new.forget(account).await?;
            }
        }
    }
    store.empty_left().await.map(|_| ())
}
