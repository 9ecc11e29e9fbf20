//! Airflow's runs: which tokens went to which task, how long a DAG takes, how long a session lasts.
//!
//! 1. `watch`: what runs now and what was served to whom; in memory
//! 2. `flood`: how many events a broken client may put on the record
//! 3. `past` and `kept`: what outlives the agent, in two files of its own

mod flood;
mod kept;
mod past;
mod watch;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dagpass_core::audit::Record;
use dagpass_core::broker::SessionView;
use dagpass_core::ports::Clock;
use dagpass_core::principal::Principal;
use dagpass_core::profile::Profile;
use dagpass_core::request::SessionKey;
use dagpass_core::runs::{Happening, Past as DagPast, RunEvent, RunKind, Tie};
use dagpass_core::session::SessionState;

use flood::Floods;
use past::{DagRun, EndedSession, Past};
use watch::{Asked, Watch};

/// The room's one owner; each half has its own short lock.
pub(crate) struct TaskRuns {
    clock: Arc<dyn Clock>,
    watch: Mutex<Watch>,
    floods: Mutex<Floods>,
    past: Mutex<Past>,
}

/// What the agent makes of one event.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The tokens that were served to it so far.
    pub(crate) ties: Vec<Tie>,
    /// It is the first that was heard of its DAG run.
    pub(crate) opens: bool,
    /// How many events before it were not recorded, and not yet told of.
    pub(crate) dropped: u64,
}

impl TaskRuns {
    /// Reads what the last agent left. A file that cannot be read is put aside, and said.
    pub(crate) fn open(state: &Path, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            watch: Mutex::default(),
            floods: Mutex::default(),
            past: Mutex::new(Past::open(state)),
        }
    }

    /// A token is about to leave, and is on the record.
    pub(crate) fn served(&self, record: &Record<'_>) {
        let Some(asked) = Asked::of(record) else { return };
        let now = self.clock.now();
        let counted = lock(&self.watch).counted(&asked, now);
        if !counted {
            // Outside the lock: nobody else's token waits for a look at this one's processes.
            let processes = asked.processes();
            lock(&self.watch).add(asked, processes, now);
        }
    }

    /// `None` where events come faster than a working Airflow sends them.
    pub(crate) fn take(&self, event: &RunEvent, principal: &Principal) -> Option<Taken> {
        let (now, caller) = (self.clock.now(), &principal.caller);
        let dropped = lock(&self.floods).admit(principal.name(), now)?;
        let mut watch = lock(&self.watch);
        let opens = watch.open_run(event, now);
        let ties = match (event.kind, event.happening) {
            (RunKind::Task, Happening::Running) => watch.begin(event, caller, now),
            (RunKind::Task, _) => watch.end(event, caller),
            (RunKind::Dag, Happening::Running) => Vec::new(),
            (RunKind::Dag, state) => {
                if let Some(closed) = watch.close_run(event, now) {
                    let run = DagRun::of(event, state, closed);
                    drop(watch);
                    lock(&self.past).note_run(&event.task.dag_id, run);
                }
                Vec::new()
            }
        };
        Some(Taken { ties, opens, dropped })
    }

    /// Events that were dropped and that nothing on the record tells of yet.
    pub(crate) fn untold(&self) -> u64 {
        lock(&self.floods).untold(self.clock.now())
    }

    /// How long a DAG took before and which sessions it used; `None` without a successful run.
    pub(crate) fn past(&self, dag_id: &str) -> Option<(DagPast, Vec<String>)> {
        lock(&self.past).of_dag(dag_id)
    }

    /// How long this client's sessions lasted until Ping ended them.
    pub(crate) fn learned(&self, key: &SessionKey, profile: &Profile) -> Option<Duration> {
        lock(&self.past).learned(&key.account(), profile)
    }

    /// Takes note of sessions that Ping ended since the last look.
    pub(crate) fn note_ends(&self, views: &[SessionView]) {
        for view in views {
            if let SessionState::Ended { at, lasted: Some(lasted), .. } = &view.state {
                let ended = EndedSession {
                    issuer: view.profile.issuer.as_str().to_owned(),
                    client_id: view.profile.client_id.clone(),
                    ended_at: at.as_secs(),
                    lasted: lasted.as_secs(),
                };
                lock(&self.past).note_end(&view.key.account(), ended);
            }
        }
    }

    /// Writes what is new.
    pub(crate) fn keep(&self) {
        let Some(texts) = lock(&self.past).unwritten() else { return };
        texts.write();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
