//! Requests that the agent sends on to an upstream of the config. All times are epoch seconds.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// `POST /v1/proxy`: a phantom for the process tree that asks. Over the socket or pipe only.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxyAsk {
    pub upstream: String,
    /// For how many seconds; an hour where it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

/// The way to one upstream: an address on this machine, and a credential that is good there and nowhere else.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxyEntry {
    pub upstream: String,
    /// `http://127.0.0.1:PORT`, with the path that the upstream's own address has.
    pub url: String,
    /// The phantom: 256 random bits, base64url. It is never sent on.
    pub bearer: Zeroizing<String>,
    /// Absent: with the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

impl fmt::Debug for ProxyEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyEntry").field("upstream", &self.upstream).finish_non_exhaustive()
    }
}

/// `GET /v1/proxy`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxyList {
    pub upstreams: Vec<ProxyShown>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxyShown {
    pub name: String,
    /// Where it is; and where it is reached by.
    pub url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Why it cannot be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Whose token goes with each request.
    pub profile: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Since the agent began, and how many of them we answered ourselves.
    pub requests: u64,
    pub refused: u64,
    /// Oldest first.
    pub last: Vec<ProxyRequest>,
}

/// One of the last requests; the whole record is the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxyRequest {
    pub at: i64,
    pub method: String,
    pub path: String,
    pub status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Until the head of the answer was there.
    pub took_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

/// How an upstream is called in `DAGPASS_PROXY_URL_…` and `DAGPASS_PROXY_BEARER_…`.
pub fn proxy_variable(upstream: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    upstream.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_what_every_shell_takes_and_a_phantom_is_not_printed() {
        assert_eq!(proxy_variable("lake-api.v2"), "LAKE_API_V2");
        let entry = ProxyEntry { bearer: "s3cret".to_owned().into(), ..ProxyEntry::default() };
        assert!(!format!("{entry:?}").contains("s3cret"));
    }
}
