//! A pack of evidence is signed by the key of the ledger's log.

use serde::{Deserialize, Serialize};

/// The body of `POST /v1/audit/evidence`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceAsk {
    /// SHA-256 of the pack's manifest, in lower-case hex. `None`: before one is made, a checkpoint over what
    /// is on the ledger by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceReply {
    /// Of a manifest: what was signed of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<EvidenceSigned>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceSigned {
    /// The line of the ledger that tells of it.
    pub seq: u64,
    /// A signed note (C2SP signed-note).
    pub note: String,
}
