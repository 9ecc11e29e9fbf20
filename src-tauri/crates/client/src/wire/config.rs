//! The config as the panel and `dagpass config` read and replace it: text and problems, no decision.

use serde::{Deserialize, Serialize};

/// `GET /v1/config`, and the body of `PUT /v1/config` (which takes `text` alone). A text with
/// problems is refused whole (`config_invalid`), and what was there stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigReply {
    pub path: String,
    pub text: String,
    pub problems: Vec<ConfigProblem>,
    /// Of the config in force: what may be meant as it stands, and may not. Nothing is refused for it.
    pub warnings: Vec<ConfigProblem>,
}

/// What is wrong with a config, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigProblem {
    pub file: String,
    /// From 1; 0 where the problem has no place.
    pub line: usize,
    pub column: usize,
    /// `profile.prod.issuer`.
    pub key: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
