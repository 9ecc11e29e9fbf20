//! What happened, for tests to count and for the demo to show. Never holds a token, only fingerprints.

use serde::Serialize;

use crate::call::Call;
use crate::family::Endpoint;

/// One request to the issuer.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Milliseconds since the epoch on the issuer's clock.
    pub time: i64,
    pub endpoint: Endpoint,
    pub method: String,
    /// 0 where the connection was dropped before an answer.
    pub status: u16,
    pub grant: Option<String>,
    pub client: Option<String>,
    pub sub: Option<String>,
    pub scope: Option<String>,
    pub error: Option<String>,
    /// Of the refresh token that was presented.
    pub refresh_token_fp: Option<String>,
    /// Of the refresh token that was given.
    pub new_refresh_token_fp: Option<String>,
    /// Of the access token that was given.
    pub access_token_fp: Option<String>,
    /// Names of the parameters that were sent. Never their values.
    pub params: Vec<String>,
    /// The audience that was asked for (RFC 8707).
    pub resource: Option<String>,
    /// The fault that was played, by name.
    pub fault: Option<String>,
}

impl Entry {
    pub(crate) fn new(time: i64, endpoint: Endpoint, call: &Call) -> Self {
        Self {
            time,
            endpoint,
            method: call.method.clone(),
            status: 0,
            grant: None,
            client: None,
            sub: None,
            scope: None,
            error: None,
            refresh_token_fp: None,
            new_refresh_token_fp: None,
            access_token_fp: None,
            params: call.names(),
            resource: call.param("resource"),
            fault: None,
        }
    }

    /// A refresh, whatever came of it.
    pub fn is_refresh(&self) -> bool {
        self.endpoint == Endpoint::Token && self.grant.as_deref() == Some("refresh_token")
    }
}

/// One request to the protected API, in the API's own words.
#[derive(Clone, Debug, Serialize)]
pub struct ApiEntry {
    /// RFC 3339, on the API's clock.
    pub time: String,
    pub method: String,
    pub path: String,
    /// First 16 hex digits of the token's SHA-256; absent where no token was sent.
    pub token: Option<String>,
    /// When that token ends, where the API knows it.
    pub expiry: Option<String>,
    pub sub: Option<String>,
    pub status: u16,
    /// Why it was refused.
    pub error: Option<String>,
}

/// A secret that was handed out, for scans of logs and errors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HandedOut {
    pub kind: &'static str,
    pub value: String,
}
