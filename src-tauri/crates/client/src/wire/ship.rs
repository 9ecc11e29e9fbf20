//! How far the ledger is shipped to a collector.

use serde::{Deserialize, Serialize};

/// The body of `POST /v1/audit/ship`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipAsk {
    /// From the first line whose `seq` is that or more, once more. `None`: what is due, now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
}

/// What `GET` and `POST /v1/audit/ship` answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipStatus {
    /// Where the lines go. `None`: the config names no collector.
    pub collector: Option<String>,
    /// How many lines of the file it has taken, the first ones.
    pub shipped: u64,
    /// How many lines on disk it has not.
    pub behind: u64,
    /// How many lines the newest checkpoint is over that it has taken.
    pub checkpoint: u64,
    /// How many records it took and threw away (OTLP's partial success), of all.
    pub rejected: u64,
    /// When it took something last in this run of the agent, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<String>,
    /// What keeps the rest from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Since when, and when it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try: Option<String>,
}
