//! What Airflow's listener tells of a run, and what a run's past says of the session ahead of it.

use serde::{Deserialize, Serialize};

/// `POST /v1/run-events`. Holds no secret; every text is at most 250 characters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunEventAsk {
    /// `running`, `success`, `failed`, `skipped`, `up_for_retry`.
    pub event: String,
    /// `task` or `dag`.
    pub kind: String,
    pub dag_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    pub run_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub try_number: Option<u32>,
    /// Of a mapped task; absent or negative where it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub map_index: Option<i64>,
    /// Who asked Airflow for the run; in `dags test` the operating system's user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub triggering_user: Option<String>,
    /// The state as Airflow names it; the event's word where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Of a task that ended: Airflow's folder of logs, where it lies on the agent's machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_folder: Option<String>,
    /// Epoch seconds, by the caller's clock; 0 or absent is now.
    pub at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEventReply {
    /// `false` where events come faster than a working Airflow sends them.
    pub recorded: bool,
    /// At the first event of a DAG run: what is to be said before its tasks start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// `POST /v1/run-outlook`: does the session last as long as this DAG takes?
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OutlookAsk {
    pub dag_id: String,
    /// The profiles the run is narrowed to; empty is every profile.
    pub profiles: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutlookReply {
    pub dag_id: String,
    /// 19 of 20 successful runs took no longer; absent without a record, and then nothing is claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past_seconds: Option<u64>,
    pub past_runs: usize,
    /// One for each session that does not, or may not, last.
    pub warnings: Vec<Warning>,
}

/// A session that ends before the run does, or of which nobody knows when it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The profile, or `profile/connection` with a sign-in of its own.
    pub session: String,
    /// `short`, `unknown`, `signed_out`.
    pub outlook: String,
    /// Epoch seconds, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<i64>,
    /// `profile`, `observed`, `server`, `unknown`, `none`.
    pub source: String,
    /// For a person.
    pub text: String,
    /// The one command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
