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
    /// The document's address, unless it follows from the issuer: `endpoints.discovery` of a profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery: Option<String>,
    /// The issuer does not promise to name itself in its answers (RFC 9207), and a profile at another one
    /// has a callback: a new profile needs one of its own (RFC 9700 §4.4).
    #[serde(default)]
    pub own_callback: bool,
    /// Ports of the callback that a profile has where it names none.
    #[serde(default)]
    pub redirect_ports: Vec<u16>,
    /// Server clock less ours, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_skew: Option<i64>,
}
