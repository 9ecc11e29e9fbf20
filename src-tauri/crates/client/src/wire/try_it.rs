//! Whether a token can be had, without having it.

use serde::{Deserialize, Serialize};

use super::ErrorReply;

/// `POST /v1/try`: one of the four; none is the default profile. The agent obtains the token, puts it
/// on the record with the context `purpose: try`, and keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TryAsk {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// An Airflow conn_id of the config.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// An Airflow deployment, for its JWT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub airflow: Option<String>,
}

/// HTTP 200 whether there was a token or not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TryReply {
    pub ok: bool,
    /// `cache`, `refresh`, `exchange`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<String>,
    /// Epoch seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    #[serde(default)]
    pub scopes: Vec<String>,
    pub audience: AudienceShown,
    /// SHA-256 of the token, first 16 digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    pub took_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReply>,
}

/// `aud` as a list, or `"not visible"` where the token is opaque. Never a guess.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AudienceShown {
    Seen(Vec<String>),
    NotVisible(NotVisible),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotVisible {
    #[serde(rename = "not visible")]
    NotVisible,
}
