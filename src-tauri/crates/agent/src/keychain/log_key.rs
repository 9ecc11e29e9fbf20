//! The key that signs the ledger's checkpoints: made once, and kept where the sessions' records are, in
//! their form and under an account of its own, so that every store holds it and a move carries it. Never
//! asks a person: it is read where the store was opened for something else.

use std::sync::atomic::Ordering;

use dagpass_core::locked::Locked;
use dagpass_core::ports::StoreFailure;
use dagpass_core::profile::Issuer;
use dagpass_core::session::StoredSession;
use dagpass_core::time::Timestamp;
use zeroize::Zeroizing;

use super::which_store::Memory;
use super::{HealthState, KeychainStore, own_record};

/// No profile may have a name that begins so.
pub(super) const ACCOUNT: &str = "#log-key";
/// How long is Ed25519's seed (RFC 8032 §5.1.5)?
const SEED: usize = 32;

impl KeychainStore {
    /// Ed25519's seed, made where there is none. `None`: not now, for nothing is kept yet, or nobody has
    /// asked the store for anything, or all of it was just taken off the machine.
    pub(crate) async fn log_seed(&self, now: Timestamp) -> Result<Option<Locked>, StoreFailure> {
        // Held to the end: a purge or a move comes before all of this or behind it.
        let _still = self.turn.read().await;
        if self.purged.load(Ordering::SeqCst) {
            return Ok(None);
        }
        let standing = self.now();
        let health = standing.backing.health();
        match health.state {
            _ if standing.chosen.memory != Memory::Written => return Ok(None),
            HealthState::Unasked => return Ok(None),
            HealthState::Ok | HealthState::Degraded | HealthState::Changed => {}
            HealthState::Locked | HealthState::Unavailable => {
                let what = health.detail.unwrap_or_else(|| health.state.as_str().to_owned());
                return Err(StoreFailure::Unavailable(what));
            }
        }
        match standing.backing.load(ACCOUNT).await {
            Ok(Some(record)) => match seed_of(&record) {
                Some(seed) => return Ok(Some(seed)),
                None => tracing::warn!("the key of the ledger's log is damaged: another is made"),
            },
            Ok(None) => {}
            Err(StoreFailure::Corrupt(why)) => {
                tracing::warn!(why, "the key of the ledger's log is lost: another is made");
            }
            Err(failure) => return Err(failure),
        }
        let mut seed = Zeroizing::new([0; SEED]);
        aws_lc_rs::rand::fill(&mut *seed)
            .map_err(|_| StoreFailure::Unavailable("no random numbers".to_owned()))?;
        standing.backing.save(ACCOUNT, &record_of(&seed, now)).await?;
        // Read back: it counts only once it is known to be there after a restart.
        let kept = standing.backing.load(ACCOUNT).await?;
        Ok(kept.as_ref().and_then(seed_of))
    }
}

fn record_of(seed: &[u8; SEED], now: Timestamp) -> StoredSession {
    own_record::of(seed, (Issuer::new("dagpass:ledger-log"), "log-key", None), now)
}

fn seed_of(record: &StoredSession) -> Option<Locked> {
    let bytes = own_record::bytes(record)?;
    (bytes.len() == SEED).then(|| Locked::of(&bytes))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Keychain, Mood, session};
    use super::*;

    #[tokio::test]
    async fn a_key_is_made_once_and_only_where_the_store_is_open_anyway() {
        let state = tempfile::tempdir().unwrap();
        let keychain = Keychain::new();
        let store = keychain.store(2048, state.path());
        let now = Timestamp::from_secs(7);
        assert!(store.log_seed(now).await.unwrap().is_none(), "nobody has asked it yet");
        assert_eq!(keychain.connections(), 0);
        store.write("prod", &session("t", 1)).await.unwrap();
        let made = store.log_seed(now).await.unwrap().unwrap();
        let again = keychain.store(2048, state.path());
        again.read("prod").await.unwrap();
        let read = again.log_seed(now).await.unwrap().unwrap();
        assert_eq!(made.expose(), read.expose());
        assert_eq!(again.sessions().await.unwrap().len(), 1, "it is no session");

        keychain.becomes(Mood::Locked);
        again.read("prod").await.unwrap_err();
        assert!(again.log_seed(now).await.is_err());
        keychain.becomes(Mood::Well);
        keychain.put(ACCOUNT, b"damaged");
        again.read("prod").await.unwrap();
        let other = again.log_seed(now).await.unwrap().unwrap();
        assert_ne!(other.expose(), made.expose());
        assert!(again.purge().await.unwrap().contains(&ACCOUNT.to_owned()));
        assert!(again.log_seed(now).await.unwrap().is_none(), "nothing comes back after a purge");
        assert_eq!(keychain.item(ACCOUNT), None);
    }

    #[tokio::test]
    async fn a_key_that_is_asked_for_while_all_is_removed_does_not_come_back() {
        let state = tempfile::tempdir().unwrap();
        let keychain = Keychain::new();
        let store = keychain.store(2048, state.path());
        store.write("prod", &session("t", 1)).await.unwrap();
        let alone = store.turn.write().await;
        let purge = async {
            store.purged.store(true, Ordering::SeqCst);
            drop(alone);
        };
        let (asked, ()) = tokio::join!(store.log_seed(Timestamp::from_secs(7)), purge);
        assert!(asked.unwrap().is_none());
        assert_eq!(keychain.item(ACCOUNT), None);
    }
}
