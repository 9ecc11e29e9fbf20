//! What a person is asked, what was answered, and what stands. All times are epoch seconds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `GET /v1/approvals`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalList {
    /// Oldest first.
    pub pending: Vec<Question>,
    pub standing: Vec<StandingApproval>,
}

/// A question that waits for its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub id: String,
    #[serde(flatten)]
    pub wanted: Wanted,
    pub asked_at: i64,
    pub expires_at: i64,
    /// How often it was asked for.
    pub times: u64,
    /// Nobody answered this process tree lately: no notice is shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quiet: bool,
    /// Of `once`, `run`, `today`, `always`, `no`: what can be answered.
    #[serde(default)]
    pub answers: Vec<String>,
    /// Of these: before which the system has the person prove who they are, where it can.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proves: Vec<String>,
    /// An answer was given and does not count, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncounted: Option<String>,
    /// It may be answered from where this was asked for: it is another process tree that asks.
    #[serde(default)]
    pub yours: bool,
}

/// An answer that holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingApproval {
    pub id: String,
    /// `once`, `run`, `today`, `always`, `no`.
    pub answer: String,
    #[serde(flatten)]
    pub wanted: Wanted,
    pub given_at: i64,
    pub until: i64,
}

/// What is asked for and by whom. All of it is what the system says, but `says`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// `token`, or the action's word.
    pub action: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// The audience that is asked for (RFC 8707).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Absent: the whole grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<String>,
    /// The upstream of the config that a request is to go to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// Method and path of the request that asked first: an answer is good for any other to that upstream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The rules that ask, by their `@id`.
    #[serde(default)]
    pub rules: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// SHA-256 of the program's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The programs above it, nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// The run whose capability it presents, or `relay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// `socket`, `pipe`, `tcp`, `agent`, or the name of a door for containers or a far machine.
    #[serde(default)]
    pub door: String,
    /// What it says of itself (DAG, task, run): nobody has checked it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub says: BTreeMap<String, String>,
}

/// `POST /v1/approvals/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalAnswer {
    /// `once`, `run`, `today`, `always`, `no`.
    pub answer: String,
}

/// Its answer: until when it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApprovalReply {
    pub id: String,
    pub answer: String,
    pub until: i64,
    /// By whom the system had the person prove who they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub re_authenticated: Option<String>,
    /// Why the system could not, where the answer counts as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_re_authenticated: Option<String>,
}
