//! How long DAG runs took and how long sessions lasted: what outlives the agent. Bounded; holds no
//! secret and no person.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::time::Duration;

use dagpass_core::profile::Profile;
use dagpass_core::runs::{Happening, Past as DagPast, RunEvent};
use dagpass_core::session::{self, REMEMBERED_ENDS};
use serde::{Deserialize, Serialize};

use super::kept::Kept;
use super::watch::Closed;

/// How many runs of a DAG are remembered?
const RUNS_A_DAG: usize = 50;
/// How many DAGs? The one that ran longest ago gives way.
const MOST_DAGS: usize = 500;
/// How long may a run have taken to be believed? Longer is a clock or a logical date, not a run.
const LONGEST: i64 = 30 * 86_400;

pub(super) struct Past {
    dags: Kept<BTreeMap<String, VecDeque<DagRun>>>,
    sessions: Kept<BTreeMap<String, VecDeque<EndedSession>>>,
}

/// One run of a DAG; times in epoch seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DagRun {
    run_id: String,
    state: String,
    started_at: i64,
    ended_at: i64,
    /// The sessions whose tokens its tasks were served.
    #[serde(default)]
    sessions: Vec<String>,
}

/// One session that Ping ended while it was watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EndedSession {
    pub(super) issuer: String,
    pub(super) client_id: String,
    pub(super) ended_at: i64,
    /// Seconds from the proof of identity.
    pub(super) lasted: u64,
}

/// What is to be written, taken out so that nobody waits for the disk.
pub(super) struct Unwritten(Vec<super::kept::Text>);

impl Unwritten {
    pub(super) fn write(self) {
        self.0.into_iter().for_each(super::kept::Text::write);
    }
}

impl DagRun {
    /// By our own clock where we saw it begin, else by the caller's.
    pub(super) fn of(event: &RunEvent, state: Happening, closed: Closed) -> Self {
        let (started, ended) = match (closed.since, event.started_at) {
            (None, Some(started)) => (started, event.at),
            (since, _) => (since.unwrap_or(closed.now), closed.now),
        };
        Self {
            run_id: event.task.run_id.clone(),
            state: state.as_str().to_owned(),
            started_at: started.as_secs(),
            ended_at: ended.as_secs(),
            sessions: closed.sessions,
        }
    }

    fn seconds(&self) -> i64 {
        self.ended_at.saturating_sub(self.started_at)
    }
}

impl Past {
    pub(super) fn open(state: &Path) -> Self {
        Self {
            dags: Kept::open(state.join("dag-runs.json")),
            sessions: Kept::open(state.join("ended-sessions.json")),
        }
    }

    pub(super) fn note_run(&mut self, dag_id: &str, run: DagRun) {
        if !(0..=LONGEST).contains(&run.seconds()) {
            tracing::debug!(
                dag_id,
                seconds = run.seconds(),
                "a run of that length is not believed"
            );
            return;
        }
        let dags = self.dags.change();
        let runs = dags.entry(dag_id.to_owned()).or_default();
        runs.retain(|known| known.run_id != run.run_id);
        runs.push_back(run);
        while runs.len() > RUNS_A_DAG {
            runs.pop_front();
        }
        if dags.len() > MOST_DAGS {
            let last = |runs: &VecDeque<DagRun>| runs.back().map(|run| run.ended_at);
            let oldest = dags.iter().min_by_key(|(_, runs)| last(runs)).map(|(id, _)| id.clone());
            oldest.and_then(|id| dags.remove(&id));
        }
    }

    pub(super) fn of_dag(&self, dag_id: &str) -> Option<(DagPast, Vec<String>)> {
        let runs = self.dags.get().get(dag_id)?;
        let good = || runs.iter().filter(|run| run.state == Happening::Success.as_str());
        let past = DagPast::of(
            good().filter_map(|run| u64::try_from(run.seconds()).ok().map(Duration::from_secs)),
        )?;
        let mut sessions: Vec<String> =
            good().flat_map(|run| run.sessions.iter().cloned()).collect();
        sessions.sort_unstable();
        sessions.dedup();
        Some((past, sessions))
    }

    pub(super) fn note_end(&mut self, account: &str, ended: EndedSession) {
        let known = self.sessions.get().get(account);
        if known.is_some_and(|list| list.contains(&ended)) {
            return;
        }
        let list = self.sessions.change().entry(account.to_owned()).or_default();
        list.push_back(ended);
        while list.len() > REMEMBERED_ENDS {
            list.pop_front();
        }
    }

    /// Of the same client at the same issuer: another one's sessions tell nothing of this.
    pub(super) fn learned(&self, account: &str, profile: &Profile) -> Option<Duration> {
        let list = self.sessions.get().get(account)?;
        let same = |one: &&EndedSession| {
            one.issuer == profile.issuer.as_str() && one.client_id == profile.client_id
        };
        let lasted: Vec<Duration> =
            list.iter().filter(same).map(|one| Duration::from_secs(one.lasted)).collect();
        session::learned(&lasted)
    }

    pub(super) fn unwritten(&mut self) -> Option<Unwritten> {
        let texts: Vec<_> =
            [self.dags.unwritten(), self.sessions.unwritten()].into_iter().flatten().collect();
        (!texts.is_empty()).then_some(Unwritten(texts))
    }
}
