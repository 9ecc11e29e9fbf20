//! What policy is in force, as it stands in Cedar, and what it says of a request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ConfigProblem;

/// `GET /v1/policy`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyReply {
    /// `none`; `in_force`; `outdated`: what stands on disk does not load and the last good one serves;
    /// `shut`: nor is there one that did, and no token leaves.
    pub state: String,
    /// SHA-256 of all that is in force, first 16 digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    pub problems: Vec<ConfigProblem>,
    /// All have to permit.
    pub layers: Vec<PolicyLayer>,
    /// Where the person's own stands, or would.
    pub path: String,
    /// Cedar's schema of what a policy can be about.
    pub schema: String,
}

/// `POST /v1/policy/break-glass`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BreakGlassAsk {
    /// Why the person's own policy is switched off; none switches it on again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Until when it is off, epoch seconds; none where it is on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BreakGlassReply {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyLayer {
    pub name: String,
    /// In Cedar; of short rules, what they mean there.
    pub texts: Vec<PolicyText>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyText {
    pub file: String,
    pub text: String,
}

/// `POST /v1/policy/check`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyCheckAsk {
    /// What the text is called where something is wrong with it.
    pub file: String,
    /// Absent: what stands on disk, the config's rules with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyCheckReply {
    /// What was read; empty where there is nothing.
    pub files: Vec<String>,
    pub problems: Vec<ConfigProblem>,
}

/// `POST /v1/policy/why`: of a line of the ledger, or of a request that somebody thinks of. What is said of
/// it (`action`, `connection`, `dag`, …) stands above what the line has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyWhyAsk {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    pub as_if: BTreeMap<String, String>,
}

/// By what is in force now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyWhy {
    /// `permit`, `ask` or `deny`.
    pub verdict: String,
    /// Of a denial.
    pub reason: String,
    /// The rules that decided.
    pub deciders: Vec<PolicyDecider>,
    /// What is known of the request.
    pub facts: BTreeMap<String, String>,
    /// The least that would have to be otherwise for another verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// Which one that would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turned: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Of a line: what it says that this does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyDecider {
    /// Its `@id`, or its place.
    pub id: String,
    pub layer: String,
    /// `FILE:LINE`.
    pub place: String,
    /// In Cedar.
    pub text: String,
}

/// `POST /v1/policy/simulate`: every connection of the config.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicySimulateAsk {
    /// What is said of every request.
    pub as_if: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicySimulateReply {
    pub rows: Vec<PolicySimulated>,
}

/// One connection in one environment, asked for in one way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicySimulated {
    pub connection: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    pub action: String,
    pub verdict: String,
    pub rules: Vec<String>,
}

/// `GET /v1/policy/lint`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyFinding {
    /// `problem`, `warning` or `note`.
    pub verdict: String,
    /// `program`, `never`, `permit`, `disagree`, `scope`, `production`.
    pub check: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// `FILE:LINE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
