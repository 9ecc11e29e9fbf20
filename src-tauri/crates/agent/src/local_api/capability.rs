//! Capabilities: 256 random bits that a client presents. Kept hashed; a run's one dies with its
//! process. A request with a capability is judged by it alone.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use dagpass_core::request::Narrowing;

/// Those that are good now, by the SHA-256 of what is presented: a look-up by hash compares no
/// secret byte by byte.
#[derive(Debug, Default)]
pub(super) struct Capabilities(Mutex<HashMap<[u8; 32], Holder>>);

/// Who presents it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    /// A public name for the ledger: `endpoint`, or the run's id.
    pub(super) id: String,
    pub(super) narrowed_to: Option<Narrowing>,
    pub(super) env: Option<String>,
}

impl Capabilities {
    /// Makes one. The value is returned once and kept nowhere.
    pub(super) fn grant(&self, holder: Holder) -> Zeroizing<String> {
        let capability = Zeroizing::new(random());
        self.table().insert(hash(&capability), holder);
        capability
    }

    pub(super) fn holder(&self, presented: &str) -> Option<Holder> {
        self.table().get(&hash(presented)).cloned()
    }

    /// `true` where there was one of that name.
    pub(super) fn revoke(&self, id: &str) -> bool {
        let mut table = self.table();
        let before = table.len();
        table.retain(|_, holder| holder.id != id);
        table.len() < before
    }

    fn table(&self) -> MutexGuard<'_, HashMap<[u8; 32], Holder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 256 fresh random bits, base64url.
pub(crate) fn random() -> String {
    let mut bytes = Zeroizing::new([0u8; 32]);
    // The system's own generator: that of aws-lc first gathers entropy for 35 ms, before the socket
    // stands. It does not fail once it has been seeded; an all-zero secret must not exist.
    if getrandom::fill(bytes.as_mut_slice()).is_err() {
        std::process::abort();
    }
    URL_SAFE_NO_PAD.encode(bytes.as_slice())
}

fn hash(capability: &str) -> [u8; 32] {
    Sha256::digest(capability.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_is_256_bits_and_dies_when_revoked() {
        let capabilities = Capabilities::default();
        let holder = Holder { id: "run-1".into(), narrowed_to: None, env: None };
        let capability = capabilities.grant(holder.clone());
        assert_eq!(URL_SAFE_NO_PAD.decode(capability.as_bytes()).unwrap().len(), 32);
        assert_eq!(capabilities.holder(&capability), Some(holder));
        assert_eq!(capabilities.holder("guess"), None);
        assert!(capabilities.revoke("run-1"));
        assert_eq!(capabilities.holder(&capability), None);
        assert!(!capabilities.revoke("run-1"));
    }

    #[test]
    fn the_table_holds_no_capability_in_clear() {
        let capabilities = Capabilities::default();
        let capability =
            capabilities.grant(Holder { id: "endpoint".into(), narrowed_to: None, env: None });
        assert!(!format!("{capabilities:?}").contains(capability.as_str()));
    }
}
