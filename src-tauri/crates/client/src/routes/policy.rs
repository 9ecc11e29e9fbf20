//! The questions about the policy, as functions of the agent.

use super::{LIMIT, SLOW_LIMIT};
use crate::endpoint::Agent;
use crate::error::ClientError;
use crate::wire::{
    BreakGlassAsk, BreakGlassReply, PolicyCheckAsk, PolicyCheckReply, PolicyFinding, PolicyReply,
    PolicySimulateAsk, PolicySimulateReply, PolicyWhy, PolicyWhyAsk,
};

impl Agent {
    /// What is in force, in Cedar.
    pub fn policy(&self) -> Result<PolicyReply, ClientError> {
        self.get("/v1/policy", LIMIT)
    }

    /// What is wrong with a policy.
    pub fn check_policy(&self, ask: &PolicyCheckAsk) -> Result<PolicyCheckReply, ClientError> {
        self.post("/v1/policy/check", ask, LIMIT)
    }

    /// How a request is judged, and by which rule.
    pub fn policy_why(&self, ask: &PolicyWhyAsk) -> Result<PolicyWhy, ClientError> {
        self.post("/v1/policy/why", ask, SLOW_LIMIT)
    }

    /// How each connection is judged.
    pub fn simulate_policy(
        &self,
        ask: &PolicySimulateAsk,
    ) -> Result<PolicySimulateReply, ClientError> {
        self.post("/v1/policy/simulate", ask, SLOW_LIMIT)
    }

    /// What the policy says that its author can hardly mean.
    pub fn lint_policy(&self) -> Result<Vec<PolicyFinding>, ClientError> {
        self.get("/v1/policy/lint", SLOW_LIMIT)
    }
    /// Switches the person's own policy off for an hour, or on again where no reason is given.
    pub fn break_glass(&self, reason: Option<&str>) -> Result<BreakGlassReply, ClientError> {
        let ask = BreakGlassAsk { reason: reason.map(str::to_owned) };
        self.post("/v1/policy/break-glass", &ask, LIMIT)
    }
}
