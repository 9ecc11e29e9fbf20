//! `[upstream.NAME]` once it was found true: where requests go, with which token, and which of them may.

use dagpass_core::profile::Network;
use dagpass_core::request::{SessionKey, Target};
use url::Url;

use crate::like::is_like;
use crate::outgoing_proxy::is_loopback;

/// A server that requests are sent on to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    pub name: String,
    /// Its origin is where every request goes, and its path what every one of them begins with.
    pub url: Url,
    /// The connection whose token it is, and its environment.
    pub connection: Option<String>,
    pub env: Option<String>,
    pub session: SessionKey,
    pub target: Target,
    /// Of the profile: CA file and the proxy on the way out.
    pub network: Network,
    /// In lower case.
    pub header: String,
    /// Empty: any but CONNECT and TRACE.
    pub methods: Vec<String>,
    /// Empty: any.
    pub paths: Vec<String>,
    pub keep_authorization: bool,
    /// 0 is any free port.
    pub port: u16,
}

impl Upstream {
    /// `https://host:port` without the port that everybody leaves out.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// As its `Host` has it.
    pub fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// What every path begins with; nothing for all.
    pub fn base(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    /// Does the config itself name this machine?
    pub fn is_here(&self) -> bool {
        is_loopback(&self.url)
    }

    pub fn takes_method(&self, method: &str) -> bool {
        match self.methods.as_slice() {
            [] => !["CONNECT", "TRACE"].contains(&method),
            named => named.iter().any(|one| one == method),
        }
    }

    pub fn takes_path(&self, path: &str) -> bool {
        let below = path.strip_prefix(self.base());
        let is_below = below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let is_named = |pattern: &String| is_like(path, &pattern.split('*').collect::<Vec<_>>());
        is_below && (self.paths.is_empty() || self.paths.iter().any(is_named))
    }
}
