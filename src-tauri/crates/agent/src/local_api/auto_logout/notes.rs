//! `logout.json`: which sessions were ended without anybody asking, and why, so that the next life of the agent
//! finishes what this one began and still says it. No secret in it. Where it is there and cannot be read, nobody
//! knows who was ended: then nobody is served who was signed in before, until it can be read, or until all of
//! them have signed in or out since.

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
    /// Why it was not written the last time.
    trouble: Mutex<Option<String>>,
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
    doubt: Option<Doubt>,
}

/// What an earlier life left cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    pub(super) since: Timestamp,
    pub(super) why: String,
}

impl Doubt {
    /// Of whoever signed in before.
    pub(super) const fn out(&self) -> Out {
        Out { reason: Reason::Unread, at: self.since }
    }
}

#[derive(Serialize, Deserialize)]
struct Written {
    reason: String,
    at: Timestamp,
}

impl Notes {
    pub(super) fn open(path: PathBuf, now: Timestamp) -> Self {
        let (found, doubt) = match read(&path) {
            Ok(found) => (found, None),
            Err(error) => {
                let why = error.to_string();
                tracing::error!(why, "who was signed out before cannot be told");
                (BTreeMap::new(), Some(Doubt { since: now, why }))
            }
        };
        let known = Known { kept: found.clone(), found, doubt };
        Self {
            path,
            known: Mutex::new(known),
            is_owed: AtomicBool::new(false),
            trouble: Mutex::default(),
            writes: Mutex::default(),
            is_tended: AtomicBool::new(false),
        }
    }

    pub(super) fn of(&self, key: &SessionKey) -> Option<Out> {
        self.known().kept.get(&key.account()).copied()
    }

    pub(super) fn doubt(&self) -> Option<Doubt> {
        self.known().doubt.clone()
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

    /// Nobody is left of whom an unread file could tell anything.
    pub(super) fn settle(&self) {
        if self.known().doubt.take().is_some() {
            self.is_owed.store(true, Ordering::Relaxed);
        }
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

    /// What a full disk did not take is written once it does, and what could not be read is read. By somebody
    /// else: who looks for locked screens waits for no disk.
    pub(super) fn tend(self: &Arc<Self>) {
        let is_due = self.is_owed.load(Ordering::Relaxed) || self.known().doubt.is_some();
        if is_due && !self.is_tended.swap(true, Ordering::Relaxed) {
            let own = self.clone();
            drop(tokio::task::spawn_blocking(move || {
                own.read_again();
                own.write();
                own.is_tended.store(false, Ordering::Relaxed);
            }));
        }
    }

    fn read_again(&self) {
        if self.known().doubt.is_none() {
            return;
        }
        let Ok(found) = read(&self.path) else { return };
        let mut known = self.known();
        // What this life noted is the newer.
        for (name, out) in &found {
            known.kept.entry(name.clone()).or_insert(*out);
        }
        (known.found, known.doubt) = (found, None);
    }

    /// The sign-out goes on where this cannot be written: until it can, it is not told across a restart.
    fn write(&self) {
        let _one = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        // What cannot be read is not written over.
        if self.known().doubt.is_some() || !self.is_owed.swap(false, Ordering::Relaxed) {
            return;
        }
        let written = |out: &Out| Written { reason: out.reason.as_str().to_owned(), at: out.at };
        let all: BTreeMap<String, Written> =
            self.known().kept.iter().map(|(name, out)| (name.clone(), written(out))).collect();
        let kept = serde_json::to_vec(&all)
            .map_err(io::Error::from)
            .and_then(|bytes| system::write_private(&self.path, &bytes));
        let why = kept.err().map(|error| error.to_string());
        self.is_owed.fetch_or(why.is_some(), Ordering::Relaxed);
        let before = std::mem::replace(&mut *self.last_trouble(), why.clone());
        if let Some(error) = why.filter(|_| before.is_none()) {
            tracing::warn!(error, "why somebody was signed out is not kept for the next start");
        }
    }

    /// Why what is kept is not on the disk, and where it was to be.
    pub(super) fn trouble(&self) -> Option<String> {
        let why = self.last_trouble().clone()?;
        Some(format!("{}: {why}", self.path.display()))
    }

    fn last_trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file that is not there says that nobody was.
fn read(path: &std::path::Path) -> io::Result<BTreeMap<String, Out>> {
    let bytes = match system::read_private(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let written: BTreeMap<String, Written> = serde_json::from_slice(&bytes)
        .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
    // By a later version's word somebody was ended all the same.
    let out = |one: Written| Out {
        reason: Reason::parse(&one.reason).unwrap_or(Reason::Unread),
        at: one.at,
    };
    Ok(written.into_iter().map(|(name, one)| (name, out(one))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUT: Out = Out { reason: Reason::Lock, at: Timestamp::from_secs(7) };
    const NOW: Timestamp = Timestamp::from_secs(9);

    fn opened(path: &std::path::Path) -> Arc<Notes> {
        Arc::new(Notes::open(path.to_owned(), NOW))
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
        let told = notes.trouble().unwrap();
        assert!(told.starts_with(&format!("{}: ", path.display())), "{told}");
        std::fs::remove_dir_all(&path).unwrap();
        tended(&notes).await;
        assert_eq!(notes.trouble(), None);
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
        assert_eq!((notes.of(&prod), notes.doubt()), (None, None), "there is no file");
        notes.note(&prod, OUT);
        notes.note(&dev, OUT);
        notes.forget(&dev);
        notes.written().await;
        let next = opened(&path);
        assert_eq!((next.of(&prod), next.of(&dev)), (Some(OUT), None));
        assert!(next.is_of_an_earlier_life(&prod, OUT) && !notes.is_of_an_earlier_life(&prod, OUT));
        std::fs::write(&path, "{\"prod\": {\"reason\": \"moon\", \"at\": 1}}").unwrap();
        let later = opened(&path).of(&prod).map(|out| out.reason);
        assert_eq!(later, Some(Reason::Unread), "by a later version's word");
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_read_is_a_doubt_and_kept_until_it_can_or_nobody_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let (prod, dev) = (SessionKey::of("prod"), SessionKey::of("dev"));
        let whole = "{\"prod\":{\"reason\":\"lock\",\"at\":7000}}";
        let half = |bytes: &str| system::write_private(&path, bytes.as_bytes()).unwrap();
        for mended in [true, false] {
            half("half a");
            let notes = opened(&path);
            let doubt = notes.doubt().unwrap();
            assert_eq!(doubt.out(), Out { reason: Reason::Unread, at: NOW });
            assert!(doubt.why.contains(FILE), "{}", doubt.why);
            notes.note(&dev, OUT);
            tended(&notes).await;
            assert_eq!(std::fs::read(&path).unwrap(), b"half a", "not written over");
            if mended {
                half(whole);
            } else {
                notes.settle();
            }
            tended(&notes).await;
            let next = opened(&path);
            assert_eq!(notes.doubt(), None);
            assert_eq!((next.of(&prod).is_some(), next.of(&dev)), (mended, Some(OUT)));
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_file_that_others_may_read_or_that_is_no_file_is_a_doubt_too() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::create_dir(&path).unwrap();
        assert!(opened(&path).doubt().is_some());
        std::fs::remove_dir(&path).unwrap();
        std::fs::write(&path, "{}").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(opened(&path).doubt().is_some());
    }
}
