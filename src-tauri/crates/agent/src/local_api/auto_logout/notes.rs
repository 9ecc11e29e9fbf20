//! `logout.json`: which sessions were ended without anybody asking, and why, so that the next life of the agent
//! finishes what this one began and still says it. No secret in it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dagpass_core::logout::{Out, Reason};
use dagpass_core::request::SessionKey;
use dagpass_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::system;

pub(crate) const FILE: &str = "logout.json";

#[derive(Debug)]
pub(super) struct Notes {
    path: PathBuf,
    /// As an earlier life left them.
    found: BTreeMap<String, Out>,
    kept: Mutex<BTreeMap<String, Out>>,
    /// Why the file is older than what is kept.
    owed: Mutex<Option<String>>,
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
        Self { path, kept: Mutex::new(found.clone()), found, owed: Mutex::default() }
    }

    pub(super) fn of(&self, key: &SessionKey) -> Option<Out> {
        self.kept().get(&key.account()).copied()
    }

    pub(super) fn is_of_an_earlier_life(&self, key: &SessionKey, out: Out) -> bool {
        self.found.get(&key.account()) == Some(&out)
    }

    /// Before anything is ended.
    pub(super) fn note(&self, key: &SessionKey, out: Out) {
        let mut kept = self.kept();
        if kept.insert(key.account(), out) != Some(out) {
            self.write(&kept);
        }
    }

    /// Somebody signed in or out since.
    pub(super) fn forget(&self, key: &SessionKey) {
        let mut kept = self.kept();
        if kept.remove(&key.account()).is_some() {
            self.write(&kept);
        }
    }

    /// What a full disk did not take is written once it does.
    pub(super) fn tend(&self) {
        if self.owed().is_some() {
            self.write(&self.kept());
        }
    }

    /// Why what is kept is not on the disk, and where it was to be.
    pub(super) fn trouble(&self) -> Option<String> {
        let why = self.owed().clone()?;
        Some(format!("{}: {why}", self.path.display()))
    }

    /// The sign-out goes on where this cannot be written: until it can, it is not told across a restart.
    fn write(&self, kept: &BTreeMap<String, Out>) {
        let written = |out: &Out| Written { reason: out.reason.as_str().to_owned(), at: out.at };
        let all: BTreeMap<&String, Written> =
            kept.iter().map(|(name, out)| (name, written(out))).collect();
        let kept = serde_json::to_vec(&all)
            .map_err(std::io::Error::from)
            .and_then(|bytes| system::write_private(&self.path, &bytes));
        let why = kept.err().map(|error| error.to_string());
        let before = std::mem::replace(&mut *self.owed(), why.clone());
        if let Some(error) = why.filter(|_| before.is_none()) {
            tracing::warn!(error, "why somebody was signed out is not kept for the next start");
        }
    }

    fn owed(&self) -> MutexGuard<'_, Option<String>> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Out>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_written_is_written_once_it_can() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::create_dir_all(path.join("in the way")).unwrap();
        let (prod, out) =
            (SessionKey::of("prod"), Out { reason: Reason::Lock, at: Timestamp::from_secs(7) });
        let notes = Notes::open(path.clone());
        notes.note(&prod, out);
        notes.tend();
        assert_eq!(notes.of(&prod), Some(out), "in this life");
        let told = notes.trouble().unwrap();
        assert!(told.starts_with(&format!("{}: ", path.display())), "{told}");
        std::fs::remove_dir_all(&path).unwrap();
        notes.tend();
        assert_eq!(notes.trouble(), None);
        assert_eq!(Notes::open(path).of(&prod), Some(out));
    }

    #[test]
    fn the_next_life_reads_what_this_one_noted_and_nothing_that_was_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let (prod, dev) = (SessionKey::of("prod"), SessionKey::of("dev"));
        let out = Out { reason: Reason::Lock, at: Timestamp::from_secs(7) };
        let notes = Notes::open(path.clone());
        assert_eq!(notes.of(&prod), None);
        notes.note(&prod, out);
        notes.note(&dev, out);
        notes.forget(&dev);
        let next = Notes::open(path.clone());
        assert_eq!((next.of(&prod), next.of(&dev)), (Some(out), None));
        assert!(next.is_of_an_earlier_life(&prod, out) && !notes.is_of_an_earlier_life(&prod, out));
        std::fs::write(&path, "{\"prod\": {\"reason\": \"moon\", \"at\": 1}}").unwrap();
        assert_eq!(Notes::open(path.clone()).of(&prod), None, "of a later version");
        std::fs::write(&path, "half a").unwrap();
        assert_eq!(Notes::open(path).of(&prod), None);
    }
}
