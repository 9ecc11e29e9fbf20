//! What happened, as the ledger has it, and what happens: the stream that tray and panel follow.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Status;

/// `GET /v1/activity`, its query. All that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ActivityAsk {
    /// Absent: 200. At most 5,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Only from then on, epoch seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// Only those whose `seq` is lower: the next page, by the last record of the one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// The calling program: its pid, its path or its name alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
}

/// Records of the ledger, newest first, each as it stands there but without `prev`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ActivityReply {
    pub records: Vec<Value>,
    /// There are older ones that would fit.
    pub more: bool,
}

/// A line of `GET /v1/events` (`application/x-ndjson`), open until it is closed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum AgentEvent {
    /// At once, and then whenever it changes; at most four a second.
    Status { status: Box<Status> },
    /// A new record of the ledger.
    Record { record: Value },
    /// The reader was too slow: some records are in the ledger alone.
    Missed,
    /// Nothing happened for a while, and the agent is there.
    Beat,
}
