//! `logout.json`: which sessions were ended without anybody asking, and why, so that the next life of the agent
//! finishes what this one began and still says it. No secret in it.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dagpass_core::logout::{Out, Reason};
use dagpass_core::request::SessionKey;
use dagpass_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::system;

pub(crate) const FILE: &str = "logout.json";

/// How long does a sign-out wait for a disk to take its note? The next life may have to do without it.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Notes {
    path: PathBuf,
    known: Mutex<Known>,
    /// The file is older than what is kept.
    is_owed: AtomicBool,
    /// One at a time, so that the newest is what stays.
    writes: Mutex<()>,
    /// Somebody tends the file.
    is_tended: AtomicBool,
}

#[derive(Debug)]
struct Known {
    /// As an earlier life left them.
    found: BTreeMap<String, Out>,
    kept: BTreeMap<String, Out>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    reason: String,
    at: Timestamp,
}

impl Notes {
    /// What cannot be read was never written whole: there is nothing to finish then.
    pub(super) fn open(path: PathBuf) -> Self {
        let read = system::read_private(&path).ok();
        let written: BTreeMap<String, Written> =
            read.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let out = |one: Written| Some(Out { reason: Reason::parse(&one.reason)?, at: one.at });
        let known = written.into_iter().filter_map(|(name, one)| Some((name, out(one)?)));
        let found: BTreeMap<String, Out> = known.collect();
        let known = Known { kept: found.clone(), found };
        Self {
            path,
            known: Mutex::new(known),
            is_owed: AtomicBool::new(false),
            writes: Mutex::default(),
            is_tended: AtomicBool::new(false),
        }
    }

    pub(super) fn of(&self, key: &SessionKey) -> Option<Out> {
        self.known().kept.get(&key.account()).copied()
    }

    pub(super) fn is_of_an_earlier_life(&self, key: &SessionKey, out: Out) -> bool {
        self.known().found.get(&key.account()) == Some(&out)
    }

    /// Known from here on; on the disk once that is [`Self::written`].
    pub(super) fn note(&self, key: &SessionKey, out: Out) {
        let is_news = self.known().kept.insert(key.account(), out) != Some(out);
        self.is_owed.fetch_or(is_news, Ordering::Relaxed);
    }

    /// Somebody signed in or out since.
    pub(super) fn forget(&self, key: &SessionKey) {
        let is_news = self.known().kept.remove(&key.account()).is_some();
        self.is_owed.fetch_or(is_news, Ordering::Relaxed);
    }

    /// Begun at once, and to be waited for before anything goes that the next life would look for. A disk that
    /// hangs keeps nobody signed in.
    pub(super) fn written(self: &Arc<Self>) -> impl Future<Output = ()> + use<> {
        let own = self.clone();
        let written = tokio::task::spawn_blocking(move || own.write());
        async move {
            if timeout(PATIENCE, written).await.is_err() {
                tracing::warn!("the disk does not take why somebody is signed out");
            }
        }
    }

    /// What a full disk did not take is written once it does. By somebody else: who looks for locked screens waits for no disk.
    pub(super) fn tend(self: &Arc<Self>) {
        let is_due = self.is_owed.load(Ordering::Relaxed);
        if is_due && !self.is_tended.swap(true, Ordering::Relaxed) {
            let own = self.clone();
            drop(tokio::task::spawn_blocking(move || {
                own.write();
                own.is_tended.store(false, Ordering::Relaxed);
            }));
        }
    }

    /// The sign-out goes on where this cannot be written: until it can, it is not told across a restart.
    fn write(&self) {
        let _one = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_owed.swap(false, Ordering::Relaxed) {
            return;
        }
        let written = |out: &Out| Written { reason: out.reason.as_str().to_owned(), at: out.at };
        let all: BTreeMap<String, Written> =
            self.known().kept.iter().map(|(name, out)| (name.clone(), written(out))).collect();
        let kept = serde_json::to_vec(&all)
            .map_err(io::Error::from)
            .and_then(|bytes| system::write_private(&self.path, &bytes));
        if let Err(error) = kept {
            self.is_owed.store(true, Ordering::Relaxed);
            tracing::warn!(%error, "why somebody was signed out is not kept for the next start");
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUT: Out = Out { reason: Reason::Lock, at: Timestamp::from_secs(7) };

    fn opened(path: &std::path::Path) -> Arc<Notes> {
        Arc::new(Notes::open(path.to_owned()))
    }

    async fn tended(notes: &Arc<Notes>) {
        notes.tend();
        while notes.is_tended.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_could_not_be_written_is_written_once_it_can() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let prod = SessionKey::of("prod");
        let notes = opened(&path);
        std::fs::create_dir_all(path.join("in the way")).unwrap();
        notes.note(&prod, OUT);
        notes.written().await;
        tended(&notes).await;
        assert_eq!(notes.of(&prod), Some(OUT), "in this life");
        std::fs::remove_dir_all(&path).unwrap();
        tended(&notes).await;
        assert_eq!(opened(&path).of(&prod), Some(OUT));
    }

    #[tokio::test]
    async fn who_notes_waits_for_no_disk_and_who_ends_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let (prod, notes) = (SessionKey::of("prod"), opened(&path));
        notes.note(&prod, OUT);
        assert_eq!(notes.of(&prod), Some(OUT));
        assert!(!path.exists(), "by the one who looks for locked screens");
        notes.written().await;
        assert_eq!(opened(&path).of(&prod), Some(OUT));
    }

    #[tokio::test]
    async fn the_next_life_reads_what_this_one_noted_and_nothing_that_was_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let (prod, dev) = (SessionKey::of("prod"), SessionKey::of("dev"));
        let notes = opened(&path);
        assert_eq!(notes.of(&prod), None);
        notes.note(&prod, OUT);
        notes.note(&dev, OUT);
        notes.forget(&dev);
        notes.written().await;
        let next = opened(&path);
        assert_eq!((next.of(&prod), next.of(&dev)), (Some(OUT), None));
        assert!(next.is_of_an_earlier_life(&prod, OUT) && !notes.is_of_an_earlier_life(&prod, OUT));
        std::fs::write(&path, "{\"prod\": {\"reason\": \"moon\", \"at\": 1}}").unwrap();
        assert_eq!(opened(&path).of(&prod), None, "of a later version");
        std::fs::write(&path, "half a").unwrap();
        assert_eq!(opened(&path).of(&prod), None);
    }
}
