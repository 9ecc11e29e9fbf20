//! One agent a home folder. The lock lies there whatever the shell's variables say, since two agents
//! would rotate each other's refresh tokens away: the key files lie in the same home, and on Linux so do
//! the keychain's own. Tells the loser who won; never waits for the lock.
//!
//! Where several machines share the home, the file server keeps the lock between them (NFSv4 does). A
//! mount that does not (`nolock`, `local_lock`) is why the record has a [`BEAT`]: one of another machine
//! that was written lately counts as a lock, and who finds itself replaced ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dagpass_client::folders::{Folders, NOTE};
use dagpass_client::instance::{self, InstanceRecord, RECORD};
use dagpass_core::time::Timestamp;

use crate::system;

/// The locked file itself. Apart from the record, because a locked file cannot be read on Windows
/// and the record is replaced whole.
const GUARD: &str = "agent.guard";

/// How long may a winner take to write its record before the loser gives up naming it?
const GRACE: Duration = Duration::from_millis(500);

/// How often is the record written anew, for machines that share the home and see no lock of ours?
const BEAT: Duration = Duration::from_secs(60);

/// For how long does another machine's record count as a lock?
const FRESH: Duration = Duration::from_secs(180);

/// Held for as long as the agent runs.
#[derive(Debug)]
pub struct Instance {
    /// The locks end with these handles, also at `kill -9`.
    _guards: Vec<File>,
    records: Arc<Records>,
}

/// Why this agent may not run.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("another agent runs already (pid {}, listening on {})", .0.pid, .0.socket)]
    Taken(InstanceRecord),
    #[error(
        "another agent runs already on the machine `{}` (pid {}), and one serves a home folder: stop it \
         there with `dagpass agent stop`", .0.host, .0.pid
    )]
    Elsewhere(InstanceRecord),
    /// It holds the lock and has not said who it is.
    #[error("another agent is starting")]
    TakenUnnamed,
    #[error("the instance lock in {folder} cannot be taken: {cause}")]
    Failed { folder: PathBuf, cause: io::Error },
}

impl Instance {
    /// Takes the lock, or says who has it. The record comes with [`Instance::publish`]. An agent of the
    /// last release locks its state folder alone, so that one and this shell's are locked too.
    pub fn acquire(folders: &Folders) -> Result<Self, Refused> {
        let (mut guards, mut records) = (Vec::new(), Vec::new());
        let mut locked = Vec::new();
        for folder in folders.all() {
            let needed = folder == folders.lock || folder == folders.state;
            match Self::lock(folder, &locked) {
                Ok(Some((place, guard))) => {
                    locked.push(place);
                    guards.push(guard);
                    records.push(folder.join(RECORD));
                }
                Ok(None) => {}
                // Nor could the last release's agent run there.
                Err(Refused::Failed { folder, cause }) if !needed => {
                    tracing::debug!(folder = %folder.display(), %cause, "old place not locked");
                }
                Err(refused) => return Err(refused),
            }
        }
        let failed = |cause| Refused::Failed { folder: folders.lock.clone(), cause };
        if let (Some(record), Some(guard)) = (records.first(), guards.first())
            && let Some(holder) = read(record)
            && holder.is_elsewhere()
            && is_fresh(record, guard).map_err(failed)?
        {
            return Err(Refused::Elsewhere(holder));
        }
        // The last run's records name a dead agent.
        records.iter().try_for_each(|record| remove(record)).map_err(failed)?;
        note(folders).map_err(failed)?;
        let records = Arc::new(Records { places: records, said: Mutex::default() });
        Ok(Self { _guards: guards, records })
    }

    /// `None` for a folder that is locked already, by another name.
    fn lock(folder: &Path, locked: &[PathBuf]) -> Result<Option<(PathBuf, File)>, Refused> {
        let failed = |cause| {
            let cause = dagpass_client::owner::named(folder, cause);
            Refused::Failed { folder: folder.to_owned(), cause }
        };
        system::private_dir(folder).map_err(failed)?;
        let place = folder.canonicalize().map_err(failed)?;
        if locked.contains(&place) {
            return Ok(None);
        }
        let path = folder.join(GUARD);
        let guard = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let guard = guard.map_err(|cause| failed(dagpass_client::owner::named(&path, cause)))?;
        match guard.try_lock() {
            Ok(()) => Ok(Some((place, guard))),
            Err(TryLockError::WouldBlock) => Err(name_holder(&folder.join(RECORD))),
            Err(TryLockError::Error(cause)) => Err(failed(cause)),
        }
    }

    /// Says where we listen. Call it once the socket stands, so that whoever reads it can connect.
    pub fn publish(&self, socket: &Path, config: &Path, now: Timestamp) -> io::Result<()> {
        self.records.say(InstanceRecord {
            pid: std::process::id(),
            socket: socket.to_string_lossy().into_owned(),
            started_at: now.as_secs(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: instance::host(),
            config: config.to_string_lossy().into_owned(),
        })
    }

    /// Looks after the record, and returns once another agent's stands in its place.
    pub async fn replaced(&self) -> InstanceRecord {
        loop {
            tokio::time::sleep(BEAT).await;
            let records = Arc::clone(&self.records);
            // A file server may take its time.
            match tokio::task::spawn_blocking(move || records.beat()).await {
                Ok(Some(other)) => return other,
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "instance record not looked at"),
            }
        }
    }
}

/// What we wrote, and where: the lock's own folder first.
#[derive(Debug)]
struct Records {
    places: Vec<PathBuf>,
    said: Mutex<Option<InstanceRecord>>,
}

impl Records {
    fn say(&self, record: InstanceRecord) -> io::Result<()> {
        let text = serde_json::to_vec(&record)?;
        *self.said() = Some(record);
        self.places.iter().try_for_each(|place| system::write_passing(place, &text))
    }

    /// Writes it anew; not over another's, which is returned.
    fn beat(&self) -> Option<InstanceRecord> {
        let ours = self.said().clone()?;
        if let Some(other) = self.places.first().and_then(|place| read(place))
            && other != ours
        {
            return Some(other);
        }
        if let Err(error) = self.say(ours) {
            tracing::warn!(%error, "instance record not written");
        }
        None
    }

    fn said(&self) -> std::sync::MutexGuard<'_, Option<InstanceRecord>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        let ours = self.said().clone();
        for place in self.places.iter().filter(|place| ours.is_some() && read(place) == ours) {
            if let Err(error) = remove(place) {
                tracing::debug!(%error, "instance record not removed");
            }
        }
    }
}

fn read(record: &Path) -> Option<InstanceRecord> {
    serde_json::from_slice(&std::fs::read(record).ok()?).ok()
}

fn remove(record: &Path) -> io::Result<()> {
    match std::fs::remove_file(record) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The agents that come after us, from whatever shell, find the files where we do.
fn note(folders: &Folders) -> io::Result<()> {
    for unused in folders.unused() {
        let (unused, used) = (unused.display(), folders.state.display());
        tracing::warn!(%unused, %used, "another shell's agent left files");
    }
    if folders.state == folders.lock {
        return Ok(());
    }
    let text = folders.state.to_string_lossy();
    system::settle_private(&folders.lock.join(NOTE), text.as_bytes())
}

/// Was it written lately? By the file server's clock, which stamps the guard too.
fn is_fresh(record: &Path, guard: &File) -> io::Result<bool> {
    guard.set_len(1)?;
    guard.set_len(0)?;
    let written = std::fs::metadata(record)?.modified()?;
    let age = guard.metadata()?.modified()?.duration_since(written).unwrap_or_default();
    Ok(age < FRESH)
}

/// The agent on record, where it is alive as far as can be seen from here.
fn holder(record: &Path) -> Option<InstanceRecord> {
    read(record).filter(|holder| holder.is_elsewhere() || system::process_alive(holder.pid, None))
}

fn name_holder(record: &Path) -> Refused {
    const STEP: Duration = Duration::from_millis(10);
    let mut waited = Duration::ZERO;
    loop {
        match holder(record) {
            Some(holder) if holder.is_elsewhere() => return Refused::Elsewhere(holder),
            Some(holder) => return Refused::Taken(holder),
            None if waited >= GRACE => return Refused::TakenUnnamed,
            None => {}
        }
        std::thread::sleep(STEP);
        waited += STEP;
    }
}

#[cfg(test)]
#[path = "instance_tests.rs"]
mod tests;
