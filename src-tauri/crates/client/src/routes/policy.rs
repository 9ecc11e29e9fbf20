//! `/v1/policy…`, as a caller sees it.

use super::LIMIT;
use crate::endpoint::Agent;
use crate::error::ClientError;
use crate::wire::{BreakGlassAsk, BreakGlassReply, PolicyReply};

impl Agent {
    /// What is in force, in Cedar.
    pub fn policy(&self) -> Result<PolicyReply, ClientError> {
        self.get("/v1/policy", LIMIT)
    }

    /// Switches the person's own policy off for an hour, or on again where no reason is given.
    pub fn break_glass(&self, reason: Option<&str>) -> Result<BreakGlassReply, ClientError> {
        let ask = BreakGlassAsk { reason: reason.map(str::to_owned) };
        self.post("/v1/policy/break-glass", &ask, LIMIT)
    }
}
