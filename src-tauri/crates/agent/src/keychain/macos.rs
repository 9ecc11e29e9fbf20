//! macOS: the login keychain. The system itself shows a dialog where it is locked, and has no question
//! that would tell beforehand; the deadline of the keychain thread bounds the wait.

use std::collections::HashMap;

use apple_native_keyring_store::keychain::Store;
use dagpass_core::ports::StoreFailure;

use super::asking::Asking;
use super::provider::{Habits, Keyring, Provider, SERVICE, failure};

pub(super) const KIND: &str = "keychain";

/// None in the system.
pub(super) const LIMIT: usize = usize::MAX;

pub(super) fn connect(_: &Asking) -> Result<Box<dyn Provider>, StoreFailure> {
    open(None)
}

/// To another program's items: a generic password by service and account, as Python's keyring has it.
pub(super) fn connect_for(
    owner: &'static str,
    _: &Asking,
) -> Result<Box<dyn Provider>, StoreFailure> {
    open(Some(owner))
}

fn open(owner: Option<&'static str>) -> Result<Box<dyn Provider>, StoreFailure> {
    let store = Store::new().map_err(|error| failure(&error))?;
    let habits = Habits {
        search: HashMap::from([("service", owner.unwrap_or(SERVICE))]),
        owner,
        ..Habits::default()
    };
    Ok(Box::new(Keyring::new(store, Box::new(|_| Ok(())), habits)))
}

/// There is no session bus here that a caller could know of.
pub(super) fn heard_of_a_bus(_pid: u32) -> bool {
    false
}
