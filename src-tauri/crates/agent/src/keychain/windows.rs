//! Windows: the Credential Manager of the signed-in user. It is open whenever the user's session is.

use std::collections::HashMap;

use dagpass_core::ports::StoreFailure;
use windows_native_keyring_store::Store;

use super::asking::Asking;
use super::provider::{Habits, Keyring, Provider, SERVICE, failure};

pub(super) const KIND: &str = "credential-manager";

/// `CRED_MAX_CREDENTIAL_BLOB_SIZE`, in bytes.
pub(super) const LIMIT: usize = 2_560;

pub(super) fn connect(_: &Asking) -> Result<Box<dyn Provider>, StoreFailure> {
    let store = Store::new().map_err(|error| failure(&error))?;
    // The default, Enterprise, would carry the token to every machine of a roaming profile.
    let modifiers = HashMap::from([("persistence", "Local")]);
    let search = HashMap::from([("pattern", SERVICE)]);
    let habits = Habits { modifiers, search, ..Habits::default() };
    Ok(Box::new(Keyring::new(store, Box::new(|_| Ok(())), habits)))
}

/// To another program's items: `user@service`, the second name under which Python's keyring looks.
pub(super) fn connect_for(
    owner: &'static str,
    _: &Asking,
) -> Result<Box<dyn Provider>, StoreFailure> {
    let names = HashMap::from([("divider", "@")]);
    let store = Store::new_with_configuration(&names).map_err(|error| failure(&error))?;
    let modifiers = HashMap::from([("persistence", "Local")]);
    let search = HashMap::from([("pattern", owner)]);
    let habits = Habits { modifiers, search, owner: Some(owner), ..Habits::default() };
    Ok(Box::new(Keyring::new(store, Box::new(|_| Ok(())), habits)))
}

/// There is no session bus here that a caller could know of.
pub(super) fn heard_of_a_bus(_pid: u32) -> bool {
    false
}
