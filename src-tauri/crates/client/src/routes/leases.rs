//! What was handed out, and taking it back.

use super::LIMIT;
use crate::endpoint::Agent;
use crate::error::ClientError;
use crate::wire::{LeaseList, LeaseRevokeAsk, LeaseRevokeReply};

impl Agent {
    /// What was handed out to which process tree, as far as the caller may see it.
    pub fn leases(&self) -> Result<LeaseList, ClientError> {
        self.get("/v1/leases", LIMIT)
    }

    pub fn revoke_leases(&self, ask: &LeaseRevokeAsk) -> Result<LeaseRevokeReply, ClientError> {
        self.post("/v1/leases/revoke", ask, LIMIT)
    }
}
