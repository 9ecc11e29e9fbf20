//! Ways to the upstreams of the config, and what went by them.

use super::LIMIT;
use crate::endpoint::Agent;
use crate::error::ClientError;
use crate::wire::{ProxyAsk, ProxyEntry, ProxyList};

impl Agent {
    /// A phantom for the process tree of whoever asks.
    pub fn enter_proxy(&self, ask: &ProxyAsk) -> Result<ProxyEntry, ClientError> {
        self.post("/v1/proxy", ask, LIMIT)
    }

    pub fn proxy(&self) -> Result<ProxyList, ClientError> {
        self.get("/v1/proxy", LIMIT)
    }
}
