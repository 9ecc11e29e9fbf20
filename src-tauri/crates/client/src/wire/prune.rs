//! Which of the ledger's lines are pruned.

use serde::{Deserialize, Serialize};

/// The body of `POST /v1/audit/prune`, and the query of the `GET` that only says what would go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneAsk {
    /// What was written before then, epoch milliseconds. `None`: what is older than the config keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<i64>,
}

/// What both answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneReply {
    /// RFC 3339: lines of before then were looked for.
    pub before: String,
    /// The segments that went, or would, the oldest first.
    pub segments: Vec<PrunedSegment>,
    /// Why others that are as old stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
}

/// A closed segment of the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrunedSegment {
    /// Its first and its last line, counted from 1.
    pub first: u64,
    pub last: u64,
    pub bytes: u64,
    /// When its oldest and its newest line were written, RFC 3339.
    pub from: String,
    pub until: String,
}
