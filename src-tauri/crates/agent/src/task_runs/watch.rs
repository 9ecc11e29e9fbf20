//! What runs now, and what was served to whom. In memory, bounded; the oldest gives way.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use dagpass_core::audit::Record;
use dagpass_core::request::Caller;
use dagpass_core::runs::ties::{self, Task};
use dagpass_core::runs::{Happening, RunEvent, Served, TaskKey, Tie};
use dagpass_core::time::Timestamp;

use crate::local_api::ENDPOINT;
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

/// A DAG run that ended.
#[derive(Debug)]
pub(super) struct Closed {
    /// When we first heard of it; `None` where we heard of its end alone.
    pub(super) since: Option<Timestamp>,
    pub(super) now: Timestamp,
    pub(super) sessions: Vec<String>,
}

impl Watch {
    pub(super) fn serve(&mut self, record: &Record<'_>, now: Timestamp) {
        let caller = record.caller;
        let (Some(session), Some(fingerprint)) = (record.session, record.fingerprint) else {
            return;
        };
        if caller.context.get("purpose").is_some_and(|purpose| purpose == "dag-parse") {
            return;
        }
        let task = named(caller);
        let again = |one: &&mut Served| {
            one.fingerprint == fingerprint
                && one.task == task
                && one.connection.as_deref() == record.connection
                && one.processes.first() == caller.pid.as_ref()
        };
        let capability = self.sole_task_of(caller.capability.as_deref());
        if let Some(one) = self.served.iter_mut().rev().find(again) {
            one.capability = capability;
            one.last = now;
            one.times = one.times.saturating_add(1);
            return;
        }
        if self.served.len() >= MOST_SERVED {
            self.served.pop_front();
        }
        // A request that names its task needs no look at the processes above it.
        let generations = if task.is_some() { 1 } else { GENERATIONS };
        self.served.push_back(Served {
            session: session.clone(),
            connection: record.connection.map(str::to_owned),
            audience: record.audience.map(<[String]>::to_vec),
            fingerprint: fingerprint.to_owned(),
            task,
            processes: lineage(caller.pid, generations),
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
    let word = |name: &str| caller.context.get(name).cloned();
    Some(TaskKey {
        dag_id: word("dag_id")?,
        run_id: word("run_id")?,
        task_id: word("task_id")?,
        map_index: word("map_index").and_then(|index| index.parse().ok()),
    })
}

/// The process and those above it.
fn lineage(pid: Option<u32>, generations: usize) -> Vec<u32> {
    std::iter::successors(pid, |pid| system::parent(*pid).filter(|parent| *parent > 1))
        .take(generations)
        .collect()
}
