//! By whom a pack is judged: a log's key that was noted down off the machine, and whose cosignatures count.

use dagpass_client::ledger::log::{Note, Signed, VerifierKey};

use super::super::witnesses::Witnesses;

/// Nobody: the keys are those in the pack.
#[derive(Debug, Default)]
pub(super) struct Believed {
    pub(super) key: Option<VerifierKey>,
    pub(super) witnesses: Vec<VerifierKey>,
    /// How many of them have to have cosigned a checkpoint.
    pub(super) quorum: usize,
}

impl Believed {
    pub(super) fn new(key: Option<VerifierKey>, witnesses: Witnesses) -> Self {
        Self { key, witnesses: witnesses.keys, quorum: witnesses.quorum }
    }

    pub(super) fn names_witnesses(&self) -> bool {
        !self.witnesses.is_empty()
    }

    /// That a line of it says so proves nothing.
    pub(super) fn cosigned(&self, note: &Note) -> bool {
        let signed = |witness: &&VerifierKey| note.signed_by(witness) == Signed::Yes;
        self.names_witnesses() && self.witnesses.iter().filter(signed).count() >= self.quorum
    }
}
