//! Follows the ledger and signs checkpoints over it, off the way of every token: each 256 lines or five
//! minutes of activity, at sleep and at the end, at once where another file is there, and over lines alone
//! that are on disk. A log whose key, file or lines are not what they were is never signed on: another is
//! begun, and names the head of the old one. A keychain or a disk that fails costs a checkpoint, which is
//! said and made up for, and never a token.

mod missing;
mod vouch;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use dagpass_client::ledger::log::{Checkpoint, Signature};
use dagpass_core::locked::Locked;
use dagpass_core::ports::{Clock, StoreFailure};
use dagpass_core::time::Timestamp;
use tokio::task::spawn_blocking;

use super::checkpoint::Signer;
use super::cosigned::Sealed;
use super::sealed_log::SealedLog;
use super::tiles::Step;
use super::unsealed::Unsealed;
use crate::keychain::KeychainStore;

/// After how many lines is a checkpoint due?
const LINES: u64 = 256;
/// And how long after a line at the latest?
const AGE: Duration = Duration::from_secs(5 * 60);
/// How long may one that is being made keep the machine from sleeping, and us from ending?
const PATIENCE: Duration = Duration::from_secs(1);
/// How long is it left alone after it failed?
const REST: Duration = Duration::from_secs(30);

/// The ledger as this needs it.
pub(crate) trait Durable: Send + Sync {
    fn path(&self) -> &Path;
    /// Up to which byte it is known to be on disk.
    fn synced(&self) -> u64;
}

pub(crate) struct Sealer {
    ledger: Arc<dyn Durable>,
    clock: Arc<dyn Clock>,
    /// The logs' folder.
    folder: PathBuf,
    step: Step,
    /// Held while a checkpoint is made, which takes seconds where an old ledger is taken in.
    inner: Mutex<Inner>,
    /// Why there is none where one is due.
    trouble: Mutex<Option<String>>,
    /// Which lines are not here that should be.
    missing: Mutex<Option<String>>,
}

#[derive(Default)]
struct Inner {
    signer: Option<Signer>,
    /// As it lies on disk; read anew after whatever went wrong.
    log: Option<SealedLog>,
    /// The newest checkpoint that this agent knows of, whatever becomes of the folder.
    signed: Option<Checkpoint>,
    unsealed: Unsealed,
    /// The ledger is not what the log is of: that is not left to stand.
    moved: bool,
    /// Was a checkpoint due at the last look?
    due: bool,
    rests_until: Option<Timestamp>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    /// Touches nothing yet.
    pub(crate) fn new(ledger: Arc<dyn Durable>, clock: Arc<dyn Clock>) -> Self {
        let folder = ledger.path().with_file_name(dagpass_client::ledger::log::FOLDER);
        let step: Step = Box::new(|_| Ok(()));
        let (inner, trouble, missing) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { ledger, clock, folder, step, inner, trouble, missing }
    }

    #[cfg(test)]
    pub(crate) fn stopped_by(self, step: Step) -> Self {
        Self { step, ..self }
    }

    /// Why there is no checkpoint where one is due. Waits for nothing.
    pub(crate) fn trouble(&self) -> Option<String> {
        lock(&self.trouble).clone()
    }

    /// What witnesses are to cosign.
    pub(crate) fn newest(&self) -> io::Result<Option<Sealed>> {
        Sealed::newest(&self.folder)
    }

    /// Keeps what a witness signed; not while a checkpoint is made.
    pub(crate) fn keep_cosigned(&self, sealed: &Sealed, signature: &Signature) -> io::Result<()> {
        let _still = self.lock();
        sealed.keep(signature, &self.step)
    }

    /// Does something to the ledger's files while none is made of them. `None`: one is.
    pub(crate) fn while_still<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        let _still = match self.inner.try_lock() {
            Err(TryLockError::WouldBlock) => return None,
            Err(TryLockError::Poisoned(still)) => still.into_inner(),
            Ok(still) => still,
        };
        Some(work())
    }

    /// As [`Self::while_still`], and waits for that: for whoever would else come back in an hour.
    pub(super) fn once_still<T>(&self, work: impl FnOnce() -> T) -> T {
        let _still = self.lock();
        work()
    }

    /// Signs where that is due. Called every second or two.
    pub(crate) async fn tend(self: &Arc<Self>, store: &KeychainStore) {
        let this = self.clone();
        let look = move || {
            this.look_for_missing();
            this.look(false).map(|due| (due, this.lock().signer.is_none()))
        };
        let Ok(Some((due, keyless))) = spawn_blocking(look).await else { return };
        // The key is fetched before it is needed: at the end there is no time for that.
        if !due && !keyless {
            return;
        }
        let seed = if keyless { Some(store.log_seed(self.clock.now()).await) } else { None };
        let this = self.clone();
        let sealed = spawn_blocking(move || {
            if seed.is_none_or(|seed| this.has_key(seed)) && due {
                this.seal();
            }
        });
        if let Err(error) = sealed.await {
            tracing::error!(%error, "sealing ended");
        }
    }

    /// The machine sleeps or we end: what is known of the key by now has to do, and what is being made is
    /// not waited for any longer than that.
    pub(crate) fn close(&self) {
        let until = Instant::now() + PATIENCE;
        while matches!(self.inner.try_lock(), Err(TryLockError::WouldBlock)) {
            if Instant::now() > until {
                return;
            }
            std::thread::sleep(PATIENCE / 50);
        }
        if self.is_due(true) && self.lock().signer.is_some() {
            self.seal();
        }
    }

    /// Takes the key, or what became of it.
    pub(crate) fn has_key(&self, seed: Result<Option<Locked>, StoreFailure>) -> bool {
        let mut inner = self.lock();
        match seed.map(|seed| seed.as_ref().and_then(Signer::new)) {
            Ok(signer) => inner.signer = signer,
            Err(failure) if inner.due => {
                self.suffer(&mut inner, format!("the key that signs: {failure}"));
            }
            // Nothing is missing yet.
            Err(_) => self.rest(&mut inner),
        }
        inner.signer.is_some()
    }

    /// `closing`: whatever waits is due.
    pub(super) fn is_due(&self, closing: bool) -> bool {
        self.look(closing) == Some(true)
    }

    /// Is a checkpoint due over what waits? `None`: nothing waits, or it is left alone for now.
    fn look(&self, closing: bool) -> Option<bool> {
        let (synced, now) = (self.ledger.synced(), self.clock.now());
        let path = self.ledger.path();
        let mut inner = self.lock();
        inner.due = false;
        let rests = inner.rests_until.is_some_and(|until| now < until && now.until(until) <= REST);
        if rests && !closing {
            return None;
        }
        match &inner.log {
            Some(log) if !inner.unsealed.is_at(synced) && !log.is_of(path).unwrap_or(true) => {
                inner.moved = true;
                inner.unsealed.begin(0);
            }
            None if inner.unsealed.is_new() => {
                // Where an earlier agent ended; believed for this alone.
                let reached = SealedLog::reaches(&self.folder, path);
                inner.moved = reached == Some(None);
                inner.unsealed.begin(reached.flatten().unwrap_or(0));
            }
            Some(_) | None => {}
        }
        let waits = inner.unsealed.count(path, synced, now);
        match waits {
            Ok((0, _)) => None,
            Ok((lines, age)) => {
                inner.due = closing || inner.moved || lines >= LINES || age >= AGE;
                Some(inner.due)
            }
            Err(error) => {
                self.suffer(&mut inner, error.to_string());
                None
            }
        }
    }

    /// A checkpoint over all that is on disk.
    pub(super) fn seal(&self) {
        let synced = self.ledger.synced();
        let mut inner = self.lock();
        match self.try_seal(&mut inner, synced) {
            Ok(reached) => {
                inner.unsealed.begin(reached);
                (inner.rests_until, inner.moved) = (None, false);
                *lock(&self.trouble) = None;
            }
            Err(error) => {
                inner.log = None;
                self.suffer(&mut inner, error.to_string());
            }
        }
    }

    fn try_seal(&self, inner: &mut Inner, synced: u64) -> io::Result<u64> {
        let Inner { signer: Some(signer), log, signed, .. } = inner else { return Ok(0) };
        let path = self.ledger.path();
        let fits = log.as_ref().is_some_and(|log| log.is_of(path).unwrap_or(false));
        if !fits {
            // Dropped first: should this fail, nothing is believed of it.
            *log = None;
            *log = Some(SealedLog::take_up(
                &self.folder,
                path,
                signed.as_ref(),
                (signer, &self.step),
            )?);
        }
        let Some(log) = log else { return Ok(0) };
        let reached = log.seal(path, synced, (signer, &self.step));
        *signed = log.head().cloned().or(signed.take());
        reached
    }

    fn suffer(&self, inner: &mut Inner, what: String) {
        self.rest(inner);
        let mut trouble = lock(&self.trouble);
        if trouble.as_ref() != Some(&what) {
            tracing::warn!(why = what, "no checkpoint over the ledger");
        }
        *trouble = Some(what);
    }

    fn rest(&self, inner: &mut Inner) {
        inner.rests_until = Some(self.clock.now().plus(REST));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
