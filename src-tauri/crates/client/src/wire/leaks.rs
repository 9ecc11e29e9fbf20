//! Tokens of ours that lie in files: by fingerprint and place, never themselves.

use serde::{Deserialize, Serialize};

/// `POST /v1/leaks`: at most a hundred at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeakAsk {
    pub leaks: Vec<Leak>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leak {
    /// SHA-256 of the token, first 16 digits, as the ledger has it.
    pub fingerprint: String,
    /// File and line.
    pub place: String,
}

/// Its answer, in the order that was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeakReply {
    pub leaks: Vec<LeakEnded>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeakEnded {
    pub fingerprint: String,
    /// The leases that ended with it, by name. None: no process tree held it any more.
    #[serde(default)]
    pub leases: Vec<String>,
}
