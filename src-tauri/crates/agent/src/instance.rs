//! One agent a user: the lock lies in the state folder whatever the socket's place, because two agents
//! would rotate each other's refresh tokens away. Tells the loser who won; never waits for the lock.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dagpass_client::place::InstanceRecord;
use dagpass_core::time::Timestamp;

use crate::system;

/// What clients read first: who runs, and where it listens (`dagpass_client::place::lock_file`).
const RECORD: &str = "agent.lock";

/// The locked file itself. Apart from the record, because a locked file cannot be read on Windows
/// and the record is replaced whole.
const GUARD: &str = "agent.guard";

/// How long may a winner take to write its record before the loser gives up naming it?
const GRACE: Duration = Duration::from_millis(500);

/// Held for as long as the agent runs.
#[derive(Debug)]
pub struct Instance {
    /// The lock ends with this handle, also at `kill -9`.
    _guard: File,
    record: PathBuf,
}

/// Why this agent may not run.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("another agent runs already (pid {}, listening on {})", .0.pid, .0.socket)]
    Taken(InstanceRecord),
    /// It holds the lock and has not said who it is.
    #[error("another agent is starting")]
    TakenUnnamed,
    #[error("the instance lock in {folder} cannot be taken: {cause}")]
    Failed { folder: PathBuf, cause: io::Error },
}

impl Instance {
    /// Takes the lock in `state`, or says who has it. The record comes with [`Instance::publish`].
    pub fn acquire(state: &Path) -> Result<Self, Refused> {
        let failed = |cause| Refused::Failed { folder: state.to_owned(), cause };
        system::private_dir(state).map_err(failed)?;
        let guard = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(state.join(GUARD))
            .map_err(failed)?;
        let record = state.join(RECORD);
        match guard.try_lock() {
            Ok(()) => {
                // The last run's record names a dead agent.
                match std::fs::remove_file(&record) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
                    _ => Ok(Self { _guard: guard, record }),
                }
            }
            Err(TryLockError::WouldBlock) => Err(name_holder(&record)),
            Err(TryLockError::Error(cause)) => Err(failed(cause)),
        }
    }

    /// Says where we listen. Call it once the socket stands, so that whoever reads it can connect.
    pub fn publish(&self, socket: &Path, now: Timestamp) -> io::Result<()> {
        let record = InstanceRecord {
            pid: std::process::id(),
            socket: socket.to_string_lossy().into_owned(),
            started_at: now.as_secs(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        system::write_passing(&self.record, &serde_json::to_vec(&record)?)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.record) {
            tracing::debug!(%error, "instance record not removed");
        }
    }
}

/// The agent on record, where it is alive.
fn holder(record: &Path) -> Option<InstanceRecord> {
    let holder: InstanceRecord = serde_json::from_slice(&std::fs::read(record).ok()?).ok()?;
    system::process_alive(holder.pid, None).then_some(holder)
}

fn name_holder(record: &Path) -> Refused {
    const STEP: Duration = Duration::from_millis(10);
    let mut waited = Duration::ZERO;
    loop {
        if let Some(holder) = holder(record) {
            return Refused::Taken(holder);
        }
        if waited >= GRACE {
            return Refused::TakenUnnamed;
        }
        std::thread::sleep(STEP);
        waited += STEP;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

    fn state_folder(world: &tempfile::TempDir) -> PathBuf {
        world.path().join("dagpass")
    }

    #[test]
    fn the_second_agent_is_told_pid_and_socket_of_the_first() {
        let world = tempfile::tempdir().unwrap();
        let state = state_folder(&world);
        let first = Instance::acquire(&state).unwrap();
        first.publish(Path::new("/run/user/7/dagpass/agent.sock"), NOW).unwrap();
        let refused = Instance::acquire(&state).unwrap_err();
        let Refused::Taken(holder) = &refused else { panic!("{refused:?}") };
        assert_eq!(holder.pid, std::process::id());
        assert!(refused.to_string().contains("/run/user/7/dagpass/agent.sock"), "{refused}");
        drop(first);
        assert!(Instance::acquire(&state).is_ok());
    }

    #[test]
    fn of_two_that_start_at_once_one_wins() {
        let world = tempfile::tempdir().unwrap();
        let state = state_folder(&world);
        let gate = std::sync::Barrier::new(8);
        let taken: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        gate.wait();
                        let taken = Instance::acquire(&state);
                        if let Ok(won) = &taken {
                            won.publish(Path::new("/s"), NOW).unwrap();
                        }
                        taken
                    })
                })
                .collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert_eq!(taken.iter().filter(|one| one.is_ok()).count(), 1);
        let named = taken.iter().filter(|one| matches!(one, Err(Refused::Taken(_)))).count();
        assert_eq!(named, 7);
    }

    #[test]
    fn a_dead_agents_record_goes_when_the_lock_is_taken() {
        let world = tempfile::tempdir().unwrap();
        let state = state_folder(&world);
        system::private_dir(&state).unwrap();
        let record = state.join(RECORD);
        let dead = InstanceRecord {
            pid: u32::MAX,
            socket: "/s".into(),
            started_at: 1,
            version: String::new(),
        };
        std::fs::write(&record, serde_json::to_vec(&dead).unwrap()).unwrap();
        assert_eq!(holder(&record), None);
        let mine = Instance::acquire(&state).unwrap();
        assert!(!record.exists());
        mine.publish(Path::new("/s"), NOW).unwrap();
        assert!(holder(&record).is_some());
    }
}
