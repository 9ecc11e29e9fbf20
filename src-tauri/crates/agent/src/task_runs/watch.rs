//! What runs now, and what was served to whom. In memory, bounded; the oldest gives way.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use dagpass_core::audit::Record;
use dagpass_core::policy::facts::Declared;
use dagpass_core::request::{Caller, ENDPOINT, SessionKey};
use dagpass_core::runs::ties::{self, Task};
use dagpass_core::runs::{Happening, RunEvent, Served, TaskKey, Tie};
use dagpass_core::time::Timestamp;

use crate::system;

/// How many kinds of token served are remembered until their task ends?
const MOST_SERVED: usize = 2_048;
/// How many tasks may run at once?
const MOST_TASKS: usize = 1_024;
/// How many DAG runs may be open at once?
const MOST_RUNS: usize = 256;
/// How long may a task have run before we are told?
const BEFORE_TOLD: Duration = Duration::from_secs(600);
/// How far up is a process followed to the task that started it?
const GENERATIONS: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Watch {
    served: VecDeque<Served>,
    running: HashMap<TaskKey, Running>,
    /// By DAG and run.
    open: BTreeMap<(String, String), OpenRun>,
}

#[derive(Debug)]
struct Running {
    since: Timestamp,
    pid: Option<u32>,
    capability: Option<String>,
}

#[derive(Debug)]
struct OpenRun {
    since: Timestamp,
    sessions: BTreeSet<String>,
}

/// A token on its way, and who asked.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    record: &'a Record<'a>,
    session: &'a SessionKey,
    fingerprint: &'a str,
    /// Where the request named one.
    task: Option<TaskKey>,
}

impl<'a> Asked<'a> {
    /// `None` for a look-up while a DAG file is parsed.
    pub(super) fn of(record: &'a Record<'a>) -> Option<Self> {
        let caller = record.caller;
        if Declared(&caller.context).get(Declared::PURPOSE) == Some(Declared::PARSE) {
            return None;
        }
        let (session, fingerprint) = (record.session?, record.fingerprint?);
        Some(Self { record, session, fingerprint, task: named(caller) })
    }

    /// The process that asked, and those above it: read now, because it may be gone in a moment. A
    /// request that names its task needs no more than itself.
    pub(super) fn processes(&self) -> Vec<u32> {
        let generations = if self.task.is_some() { 1 } else { GENERATIONS };
        let parent = |pid: &u32| system::parent(*pid).filter(|parent| *parent > 1);
        std::iter::successors(self.record.caller.pid, parent).take(generations).collect()
    }
}

/// A DAG run that ended.
#[derive(Debug)]
pub(super) struct Closed {
    /// When we first heard of it; `None` where we heard of its end alone.
    pub(super) since: Option<Timestamp>,
    pub(super) now: Timestamp,
    pub(super) sessions: Vec<String>,
}

impl Watch {
    /// `true` where the same process was served the same before: it is one more time.
    pub(super) fn counted(&mut self, asked: &Asked<'_>, now: Timestamp) -> bool {
        let caller = asked.record.caller;
        let capability = self.sole_task_of(caller.capability.as_deref());
        let again = |one: &&mut Served| {
            one.processes.first() == caller.pid.as_ref()
                && one.fingerprint == asked.fingerprint
                && one.connection.as_deref() == asked.record.connection
                && one.task == asked.task
        };
        let Some(one) = self.served.iter_mut().rev().find(again) else { return false };
        one.capability = capability;
        one.last = now;
        one.times = one.times.saturating_add(1);
        true
    }

    pub(super) fn add(&mut self, asked: Asked<'_>, processes: Vec<u32>, now: Timestamp) {
        // Two requests of one process at once: the other was first.
        if self.counted(&asked, now) {
            return;
        }
        if self.served.len() >= MOST_SERVED {
            self.served.pop_front();
        }
        let Asked { record, session, fingerprint, task } = asked;
        let capability = self.sole_task_of(record.caller.capability.as_deref());
        self.served.push_back(Served {
            session: session.clone(),
            connection: record.connection.map(str::to_owned),
            audience: record.audience.map(<[String]>::to_vec),
            fingerprint: fingerprint.to_owned(),
            task,
            processes,
            capability,
            last: now,
            times: 1,
        });
    }

    /// `true` where it is the first that is heard of this DAG run.
    pub(super) fn open_run(&mut self, event: &RunEvent, now: Timestamp) -> bool {
        let key = run_of(&event.task);
        // A task's end may arrive after its run's.
        if event.happening != Happening::Running || self.open.contains_key(&key) {
            return false;
        }
        if self.open.len() >= MOST_RUNS {
            let oldest = self.open.iter().min_by_key(|(_, run)| run.since);
            let oldest = oldest.map(|(key, _)| key.clone());
            oldest.and_then(|key| self.open.remove(&key));
        }
        self.open.insert(key, OpenRun { since: now, sessions: BTreeSet::new() });
        true
    }

    pub(super) fn close_run(&mut self, event: &RunEvent, now: Timestamp) -> Option<Closed> {
        let run = self.open.remove(&run_of(&event.task));
        if run.is_none() && event.started_at.is_none() {
            return None;
        }
        Some(Closed {
            since: run.as_ref().map(|run| run.since),
            now,
            sessions: run.map(|run| run.sessions.into_iter().collect()).unwrap_or_default(),
        })
    }

    pub(super) fn begin(&mut self, event: &RunEvent, caller: &Caller, now: Timestamp) -> Vec<Tie> {
        if self.running.len() >= MOST_TASKS {
            let oldest = self.running.iter().min_by_key(|(_, task)| task.since);
            let oldest = oldest.map(|(key, _)| key.clone());
            oldest.and_then(|key| self.running.remove(&key));
        }
        let running = Running {
            since: began(event, now),
            pid: caller.pid,
            capability: caller.capability.clone(),
        };
        self.running.insert(event.task.clone(), running);
        self.ties(event, caller)
    }

    /// What was served to the task goes with it.
    pub(super) fn end(&mut self, event: &RunEvent, caller: &Caller) -> Vec<Tie> {
        let ties = self.ties(event, caller);
        if let Some(run) = self.open.get_mut(&run_of(&event.task)) {
            run.sessions.extend(ties.iter().map(|tie| tie.session.account()));
        }
        let ended = self.running.remove(&event.task);
        let pid = ended.as_ref().and_then(|task| task.pid);
        let since = ended.as_ref().map(|task| task.since);
        self.served.retain(|one| {
            let by_name = one.task.as_ref() == Some(&event.task);
            let by_process = one.task.is_none()
                && pid.is_some_and(|pid| one.processes.contains(&pid))
                && since.is_some_and(|since| one.last >= since);
            !by_name && !by_process
        });
        ties
    }

    /// A run's capability, where one task alone runs under it: else nobody knows whose a token is.
    fn sole_task_of(&self, capability: Option<&str>) -> Option<String> {
        let id = capability.filter(|id| *id != ENDPOINT)?;
        let of_it = |task: &&Running| task.capability.as_deref() == Some(id);
        (self.running.values().filter(of_it).count() == 1).then(|| id.to_owned())
    }

    fn ties(&self, event: &RunEvent, caller: &Caller) -> Vec<Tie> {
        let running = self.running.get(&event.task);
        let task = Task {
            key: &event.task,
            pid: running.and_then(|task| task.pid).or(caller.pid),
            capability: running.and_then(|task| task.capability.as_deref()),
            since: running.map(|task| task.since),
        };
        ties::of_task(task, &self.served)
    }
}

/// Templates are rendered before Airflow tells that a task runs: it is believed when it began, within
/// reason.
fn began(event: &RunEvent, now: Timestamp) -> Timestamp {
    let told = event.started_at.filter(|told| *told <= now && told.until(now) <= BEFORE_TOLD);
    told.unwrap_or(now)
}

fn run_of(task: &TaskKey) -> (String, String) {
    (task.dag_id.clone(), task.run_id.clone())
}

/// The task that the provider named when it asked.
fn named(caller: &Caller) -> Option<TaskKey> {
    let declared = Declared(&caller.context);
    let word = |name: &str| declared.get(name).map(str::to_owned);
    Some(TaskKey {
        dag_id: word(Declared::DAG)?,
        run_id: word(Declared::RUN)?,
        task_id: word(Declared::TASK)?,
        map_index: word(Declared::MAP_INDEX).and_then(|index| index.parse().ok()),
    })
}
