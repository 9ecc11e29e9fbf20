//! macOS: the login keychain. The system itself shows a dialog where it is locked, and has no question
//! that would tell beforehand; the deadline of the keychain thread bounds the wait.

use std::collections::HashMap;

use apple_native_keyring_store::keychain::Store;
use dagpass_core::ports::StoreFailure;

use super::provider::{Habits, Keyring, Provider, SERVICE, failure};

pub(super) const KIND: &str = "keychain";

/// None in the system.
pub(super) const LIMIT: usize = usize::MAX;

pub(super) fn connect() -> Result<Box<dyn Provider>, StoreFailure> {
    let store = Store::new().map_err(|error| failure(&error))?;
    let habits = Habits { search: HashMap::from([("service", SERVICE)]), ..Habits::default() };
    Ok(Box::new(Keyring::new(store, Box::new(|_| Ok(())), habits)))
}
