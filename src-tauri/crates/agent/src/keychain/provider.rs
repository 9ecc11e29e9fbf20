//! What the keychain is asked, and what its refusals mean. Blocking, and called on the keychain thread
//! only; never asks for anything that would prompt while the keychain says it is locked.

use std::collections::HashMap;
use std::sync::Arc;

use dagpass_core::ports::StoreFailure;
use keyring_core::{CredentialStore, Entry, Error};
use zeroize::Zeroizing;

/// The service name of every item of ours.
pub(super) const SERVICE: &str = "dagpass";

/// One connection to a keychain. Thrown away after a failure: a Secret Service store whose provider
/// was restarted answers `NoSession` for ever, a new one works at once.
pub(super) trait Provider {
    /// Could it be used now? Asks only.
    fn look(&mut self) -> Result<(), StoreFailure>;
    fn read(&mut self, account: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure>;
    fn write(&mut self, account: &str, value: &[u8]) -> Result<(), StoreFailure>;
    fn delete(&mut self, account: &str) -> Result<(), StoreFailure>;
    /// The account of every item of ours.
    fn accounts(&mut self) -> Result<Vec<String>, StoreFailure>;
}

/// Asks the system whether the keychain is locked, for one account or (`None`) as a whole.
pub(super) type Look = Box<dyn FnMut(Option<&str>) -> Result<(), StoreFailure>>;

/// A keyring-core store behind the question whether it is locked.
pub(super) struct Keyring {
    store: Arc<CredentialStore>,
    look: Look,
    habits: Habits,
}

/// What a system's store wants to be told beside service and account.
#[derive(Debug, Default)]
pub(super) struct Habits {
    /// With each item.
    pub(super) modifiers: HashMap<&'static str, &'static str>,
    /// The program whose items these are, where they are not ours; they hold text then, as such
    /// programs write it.
    pub(super) owner: Option<&'static str>,
    /// What finds our items; others may be among them.
    pub(super) search: HashMap<&'static str, &'static str>,
}

impl Keyring {
    pub(super) fn new(store: Arc<CredentialStore>, look: Look, habits: Habits) -> Self {
        Self { store, look, habits }
    }

    fn entry(&mut self, account: &str) -> Result<Entry, StoreFailure> {
        (self.look)(Some(account))?;
        self.store
            .build(self.habits.owner.unwrap_or(SERVICE), account, Some(&self.habits.modifiers))
            .map_err(|error| failure(&error))
    }
}

impl Provider for Keyring {
    fn look(&mut self) -> Result<(), StoreFailure> {
        (self.look)(None)
    }

    fn read(&mut self, account: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        match self.entry(account)?.get_secret() {
            Ok(value) => Ok(Some(Zeroizing::new(value))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(failure(&error)),
        }
    }

    fn write(&mut self, account: &str, value: &[u8]) -> Result<(), StoreFailure> {
        if self.habits.owner.is_some() {
            let text = str::from_utf8(value)
                .map_err(|_| StoreFailure::Corrupt("a token is not text".to_owned()))?;
            let written = self.entry(account)?.set_password(text);
            return written.map_err(|error| failure(&error));
        }
        // `set_password` would double the size on Windows, where 2,560 bytes are all there is.
        self.entry(account)?.set_secret(value).map_err(|error| failure(&error))
    }

    fn delete(&mut self, account: &str) -> Result<(), StoreFailure> {
        match self.entry(account)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(failure(&error)),
        }
    }

    fn accounts(&mut self) -> Result<Vec<String>, StoreFailure> {
        (self.look)(None)?;
        let found = self.store.search(&self.habits.search).map_err(|error| failure(&error))?;
        let named = found.iter().filter_map(Entry::get_specifiers);
        Ok(named.filter(|(service, _)| service == SERVICE).map(|(_, account)| account).collect())
    }
}

/// Some of these errors carry the stored bytes: only those that cannot are printed.
pub(super) fn failure(error: &Error) -> StoreFailure {
    match error {
        Error::NoStorageAccess(cause) => StoreFailure::Locked(cause.to_string()),
        Error::PlatformFailure(cause) => StoreFailure::Unavailable(cause.to_string()),
        Error::BadEncoding(_) | Error::BadDataFormat(..) => {
            StoreFailure::Corrupt("the item is not in the keychain's own format".to_owned())
        }
        Error::Ambiguous(items) => StoreFailure::Corrupt(format!(
            "{} items of the keychain have the same service and account",
            items.len()
        )),
        Error::TooLong(what, limit) => {
            StoreFailure::Unavailable(format!("the keychain takes at most {limit} bytes as {what}"))
        }
        other => StoreFailure::Unavailable(other.to_string()),
    }
}
