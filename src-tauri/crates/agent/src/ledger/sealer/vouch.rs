//! The log's key stands for an evidence pack. What it signs is made here of a digest and a line of the ledger,
//! never a text that somebody brings.

use std::sync::Arc;

use dagpass_client::ledger::evidence::Seal;
use dagpass_client::ledger::log::{Hash, Note};
use dagpass_core::audit::Receipt;
use tokio::task::spawn_blocking;

use super::Sealer;
use crate::keychain::KeychainStore;

const NO_KEY: &str = "there is no key yet that signs: one is made once somebody has signed in";

impl Sealer {
    /// Is there a key to sign by? Else why not.
    pub(crate) async fn keyed(self: &Arc<Self>, store: &KeychainStore) -> Result<(), String> {
        if self.has_signer().await? {
            return Ok(());
        }
        let seed = store.log_seed(self.clock.now()).await.map_err(|failure| failure.to_string())?;
        let this = self.clone();
        let keyed = spawn_blocking(move || this.has_key(Ok(seed))).await;
        match keyed {
            Ok(true) => Ok(()),
            Ok(false) => Err(NO_KEY.to_owned()),
            Err(ended) => Err(ended.to_string()),
        }
    }

    /// Is there none to be had yet, with nothing wrong about that?
    pub(crate) async fn is_keyless(self: &Arc<Self>, store: &KeychainStore) -> bool {
        self.keyed(store).await.is_err_and(|why| why == NO_KEY)
    }

    async fn has_signer(self: &Arc<Self>) -> Result<bool, String> {
        let this = self.clone();
        let looked = spawn_blocking(move || this.lock().signer.is_some()).await;
        looked.map_err(|ended| ended.to_string())
    }

    /// A checkpoint over all that is on disk, whether one is due or not.
    pub(crate) async fn seal_now(self: &Arc<Self>) -> Result<(), String> {
        let this = self.clone();
        let sealed = spawn_blocking(move || this.sealed().map(drop)).await;
        sealed.map_err(|ended| ended.to_string())?
    }

    /// A checkpoint over all that is on disk, and up to which byte of the ledger it is.
    pub(in super::super) fn sealed_up_to(&self) -> Result<u64, String> {
        self.sealed()?;
        let reached = self.lock().log.as_ref().map(|log| log.length());
        reached.ok_or_else(|| "no checkpoint was signed".to_owned())
    }

    /// First a checkpoint over the line that tells of the pack, then the note.
    pub(crate) async fn vouch(
        self: &Arc<Self>,
        manifest: [u8; 32],
        told: Receipt,
    ) -> Result<Note, String> {
        let this = self.clone();
        let signed = spawn_blocking(move || this.vouched(manifest, told)).await;
        signed.map_err(|ended| ended.to_string())?
    }

    fn vouched(&self, manifest: [u8; 32], told: Receipt) -> Result<Note, String> {
        let log = self.sealed()?;
        let seal = Seal { log, manifest, seq: told.seq, leaf: Hash(told.leaf) };
        let note = self.lock().signer.as_ref().map(|signer| signer.vouch(&seal));
        note.ok_or(NO_KEY)?.ok_or_else(|| "the key signs nothing".to_owned())
    }

    /// Signs that so many of the first lines may be gone, before any of them goes. A checkpoint has to be over them.
    pub(in super::super) fn release(&self, lines: u64) -> Result<(), String> {
        let inner = self.lock();
        let (Some(signer), Some(log)) = (&inner.signer, &inner.log) else {
            return Err(NO_KEY.to_owned());
        };
        let released = log.release(self.ledger.path(), lines, (signer, &self.step));
        released.map_err(|error| error.to_string())
    }

    /// The log's name.
    fn sealed(&self) -> Result<String, String> {
        self.seal();
        let origin = self.lock().log.as_ref().and_then(|log| Some(log.head()?.origin.clone()));
        origin
            .ok_or_else(|| self.trouble().unwrap_or_else(|| "no checkpoint was signed".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use dagpass_client::ledger::log::{Checkpoint, Malformed, VerifierKey};

    use super::super::super::sealer_tests::{World, own};
    use super::*;

    #[test]
    fn a_pack_is_signed_by_the_log_s_key_under_another_name_and_all_lines_are_under_a_checkpoint() {
        let mut world = World::new();
        world.write(3);
        let note = world.sealer.vouched([9; 32], Receipt { seq: 3, leaf: [1; 32] }).unwrap();
        let key = std::fs::read_to_string(world.log(1).join("vkey")).unwrap();
        let key = VerifierKey::parse(&key).unwrap();
        let seal = Seal::of(&note, &key).unwrap();
        assert_eq!((seal.manifest, seal.seq, seal.leaf), ([9; 32], 3, Hash([1; 32])));
        assert_eq!(seal.log, key.name());
        assert!(Checkpoint::parse(note.text()).is_err());
        let other = key.named("dagpass.dev/ledger/other").unwrap();
        assert_eq!(Seal::of(&note, &other), Err(Malformed("it is of another log")));
        let judged = world.judge(&own());
        assert_eq!((judged.covered, judged.uncovered), (3, 0));
        // Where nothing is new, the checkpoint that is there does.
        assert!(world.sealer.vouched([8; 32], Receipt { seq: 3, leaf: [1; 32] }).is_ok());
        // Another key: another log begins, and that one signs.
        world.restart_with(8);
        let note = world.sealer.vouched([9; 32], Receipt { seq: 3, leaf: [1; 32] }).unwrap();
        assert!(Seal::of(&note, &key).is_err());
        assert!(world.log(2).exists());
    }

    #[test]
    fn without_a_key_or_a_log_nothing_is_signed_and_why_is_said() {
        let world = World::new();
        assert!(!world.sealer.has_key(Ok(None)));
        let told = Receipt { seq: 1, leaf: [1; 32] };
        assert!(world.sealer.vouched([9; 32], told).is_err());
        let world = World::new();
        assert!(world.sealer.vouched([9; 32], told).is_err(), "nothing is on disk");
        std::fs::remove_file(world.path()).unwrap();
        let why = world.sealer.vouched([9; 32], told).unwrap_err();
        assert!(!why.is_empty() && why != NO_KEY, "{why}");
    }
}
