//! A capability of its own for one child process tree.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::ProxyEntry;

/// `POST /v1/runs`: a capability for one child process tree. Over the socket or pipe only.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunAsk {
    /// Whose end ends the capability: the child's pid, else the caller's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// What it is narrowed to; empty is every profile.
    pub profiles: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// For the record: the program's name, never its arguments.
    pub command: String,
    /// By the config's name of it; else that of whoever asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<String>,
    /// Upstreams that it has a way to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct RunReply {
    /// A public name for the capability; what the ledger shows.
    pub id: String,
    /// 256 random bits, base64url.
    pub capability: Zeroizing<String>,
    /// As they were asked for, each with a phantom of this run's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upstreams: Vec<ProxyEntry>,
}

impl fmt::Debug for RunReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunReply").field("id", &self.id).finish_non_exhaustive()
    }
}
