//! The one command that changes where refresh tokens are kept.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// `POST /v1/store/use`: every record is carried into another store, and the old one is emptied. Until
/// each of them was read back there, the old one counts.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StoreUseAsk {
    /// `keychain`, `passphrase-file`, `key-file`: the words of `[store] kind`.
    pub kind: String,
    /// With `key-file`: its absolute path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<String>,
    /// With `passphrase-file`, where that is not in use yet: what opens it from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<Zeroizing<String>>,
    /// Lets go of the records that cannot be read, and goes on without them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub drop_unreadable: bool,
}

impl std::fmt::Debug for StoreUseAsk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreUseAsk").field("kind", &self.kind).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoreUseReply {
    /// As `status` names it.
    pub store: String,
    /// The accounts whose records are there now.
    pub carried: Vec<String>,
    /// Those whose records could not be read and were let go of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<String>,
    /// The copy of the `store.json` that was replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<String>,
    /// Why the old place is not empty yet; it is tried again at the next start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
}
