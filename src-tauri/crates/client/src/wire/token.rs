//! What a client asks for a token, and what it gets.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// `POST /v1/token`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenAsk {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// An Airflow conn_id of the config.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// An Airflow deployment, for its JWT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub airflow: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// Whole seconds the token must still live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_ttl: Option<u64>,
    /// SHA-256, lower-case hex, of a token that a server refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejected: Option<String>,
    /// `rejected` was itself given in place of a refused token: it is not replaced ahead of its time.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub renewed: bool,
    /// DAG, task, run: recorded, never decided on. `"purpose": "dag-parse"` does not count as use.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, String>,
}

/// The answer: RFC 6749 §5.1 plus `expires_at`. Never a refresh token.
#[derive(Clone, Serialize, Deserialize)]
pub struct TokenReply {
    pub access_token: Zeroizing<String>,
    pub token_type: String,
    /// Seconds until expiry, counted from the reply's arrival (RFC 6749 §5.1).
    pub expires_in: i64,
    /// Epoch seconds.
    pub expires_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The issuer cannot give what `min_ttl` asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub short_lived: bool,
    /// The line of the ledger that tells of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Recorded>,
}

/// A line of the ledger, by its number and its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    pub seq: u64,
    /// SHA-256 over a zero byte and the line without its newline (RFC 6962 §2.1), in hex.
    pub leaf: String,
}

impl fmt::Debug for TokenReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenReply")
            .field("token_type", &self.token_type)
            .field("expires_at", &self.expires_at)
            .field("scope", &self.scope)
            .field("short_lived", &self.short_lived)
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}
