//! The key that signs, in memory, and what it signs: checkpoints, and that a pack of evidence was made.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use dagpass_client::ledger::evidence::Seal;
use dagpass_client::ledger::log::{Checkpoint, Malformed, Note, VerifierKey};
use dagpass_core::locked::Locked;

/// The seed alone stays: what signs is made of it each time, in memory that its library wipes.
pub(super) struct Signer {
    seed: Locked,
    public: [u8; 32],
}

impl Signer {
    pub(super) fn new(seed: &Locked) -> Option<Self> {
        let pair = pair(seed)?;
        let public = pair.public_key().as_ref().try_into().ok()?;
        Some(Self { seed: seed.clone(), public })
    }

    /// Its name is the origin of the log that it signs.
    pub(super) fn key(&self, origin: &str) -> Result<VerifierKey, Malformed> {
        VerifierKey::new(origin, self.public)
    }

    /// `None` where there is no such signature, which never happens.
    pub(super) fn sign(&self, checkpoint: &Checkpoint) -> Option<Note> {
        self.signed(&checkpoint.to_string(), &self.key(&checkpoint.origin).ok()?)
    }

    /// Under a name of its own: what stands for a pack of evidence is never a checkpoint.
    pub(super) fn vouch(&self, seal: &Seal) -> Option<Note> {
        self.signed(&seal.to_string(), &Seal::key(&self.key(&seal.log).ok()?).ok()?)
    }

    fn signed(&self, text: &str, key: &VerifierKey) -> Option<Note> {
        let signature = pair(&self.seed)?.sign(text.as_bytes());
        Some(Note::new(text, key, signature.as_ref().try_into().ok()?))
    }
}

fn pair(seed: &Locked) -> Option<Ed25519KeyPair> {
    Ed25519KeyPair::from_seed_unchecked(seed.expose()).ok()
}

#[cfg(test)]
mod tests {
    use dagpass_client::ledger::log::{Hash, Signed};

    use super::*;

    #[test]
    fn what_it_signs_is_verified_by_another_implementation() {
        let signer = Signer::new(&Locked::of(&[7; 32])).unwrap();
        let (size, root) = (9, Hash([1; 32]));
        let origin = "dagpass.dev/ledger/x".to_owned();
        let note = signer.sign(&Checkpoint { origin: origin.clone(), size, root, before: None });
        assert_eq!(note.unwrap().signed_by(&signer.key(&origin).unwrap()), Signed::Yes);
    }
}
