//! Windows: the Credential Manager of the signed-in user. It is open whenever the user's session is.

use std::collections::HashMap;

use dagpass_core::ports::StoreFailure;
use windows_native_keyring_store::Store;

use super::provider::{Habits, Keyring, Provider, SERVICE, failure};

pub(super) const KIND: &str = "credential-manager";

/// `CRED_MAX_CREDENTIAL_BLOB_SIZE`, in bytes.
pub(super) const LIMIT: usize = 2_560;

pub(super) fn connect() -> Result<Box<dyn Provider>, StoreFailure> {
    let store = Store::new().map_err(|error| failure(&error))?;
    // The default, Enterprise, would carry the token to every machine of a roaming profile.
    let modifiers = HashMap::from([("persistence", "Local")]);
    let habits = Habits { modifiers, search: HashMap::from([("pattern", SERVICE)]) };
    Ok(Box::new(Keyring::new(store, Box::new(|_| Ok(())), habits)))
}
