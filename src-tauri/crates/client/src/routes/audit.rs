//! `/v1/audit…` and `/v1/leaks`, as a caller sees it.

use super::{LIMIT, SLOW_LIMIT};
use crate::endpoint::Agent;
use crate::error::ClientError;
use crate::wire::{
    EvidenceAsk, EvidenceReply, LeakAsk, LeakReply, PruneAsk, PruneReply, ShipAsk, ShipStatus,
};

impl Agent {
    /// The key of the ledger's log signs for a pack of evidence, or a checkpoint before one is made.
    pub fn sign_evidence(&self, ask: &EvidenceAsk) -> Result<EvidenceReply, ClientError> {
        self.post("/v1/audit/evidence", ask, SLOW_LIMIT)
    }

    /// Tokens of ours were found in files: they are handed out no more, and it is on the record.
    pub fn tell_of_leaks(&self, ask: &LeakAsk) -> Result<LeakReply, ClientError> {
        self.post("/v1/leaks", ask, LIMIT)
    }

    /// Which of the ledger's lines would go.
    pub fn pruning(&self, ask: &PruneAsk) -> Result<PruneReply, ClientError> {
        let query = ask.before.map(|before| format!("?before={before}")).unwrap_or_default();
        self.get(&format!("/v1/audit/prune{query}"), SLOW_LIMIT)
    }

    /// They go.
    pub fn prune(&self, ask: &PruneAsk) -> Result<PruneReply, ClientError> {
        self.post("/v1/audit/prune", ask, SLOW_LIMIT)
    }

    /// How far the ledger is shipped to the config's collector.
    pub fn shipping(&self) -> Result<ShipStatus, ClientError> {
        self.get("/v1/audit/ship", SLOW_LIMIT)
    }

    /// Ships what is due now, or once more.
    pub fn ship(&self, ask: &ShipAsk) -> Result<ShipStatus, ClientError> {
        self.post("/v1/audit/ship", ask, SLOW_LIMIT)
    }
}
