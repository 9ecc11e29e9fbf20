//! What a discovery document says, before there is a profile.

use serde::{Deserialize, Serialize};

/// `POST /v1/discover`: what a discovery document says, before there is a profile.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DiscoverAsk {
    /// The full URL of the document, or an issuer to which the well-known path is added.
    pub url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DiscoverReply {
    pub issuer: String,
    pub authorization_code: bool,
    pub device_code: bool,
    pub scopes_supported: Vec<String>,
    /// Server clock less ours, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_skew: Option<i64>,
}
