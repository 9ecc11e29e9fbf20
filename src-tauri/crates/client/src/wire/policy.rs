//! What policy is in force, as it stands in Cedar.

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
