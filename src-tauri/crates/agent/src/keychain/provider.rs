//! What the keychain is asked, and what its refusals mean. Blocking, and called on the keychain thread
//! only; never asks for anything that would prompt while the keychain says it is locked. Where several
//! items bear one account (another program wrote one too), all are read, and a write leaves one.

use std::collections::{BTreeSet, HashMap};
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
    /// What lies under the account: nothing, one thing, or as many as other programs made of it.
    fn read(&mut self, account: &str) -> Result<Vec<Zeroizing<Vec<u8>>>, StoreFailure>;
    /// The account has this one item afterwards. The new value stands before another one goes.
    fn write(&mut self, account: &str, value: &[u8]) -> Result<(), StoreFailure>;
    fn delete(&mut self, account: &str) -> Result<(), StoreFailure>;
    /// The account of every item of ours.
    fn accounts(&mut self) -> Result<Vec<String>, StoreFailure>;
    /// What a person should know of this connection, though it serves.
    fn caveat(&self) -> Option<&'static str> {
        None
    }
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
    /// See [`Provider::caveat`].
    pub(super) caveat: Option<&'static str>,
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

    fn read(&mut self, account: &str) -> Result<Vec<Zeroizing<Vec<u8>>>, StoreFailure> {
        let values = match self.entry(account)?.get_secret() {
            Err(Error::Ambiguous(items)) => items.iter().map(Entry::get_secret).collect(),
            one => vec![one],
        };
        let present = values.into_iter().filter(|value| !matches!(value, Err(Error::NoEntry)));
        let read = present.map(|value| value.map(Zeroizing::new));
        let mut read = read.collect::<Result<Vec<_>, _>>().map_err(|error| failure(&error))?;
        // An item that was made, and whose maker ended before it was filled.
        read.retain(|value| !value.is_empty());
        Ok(read)
    }

    fn write(&mut self, account: &str, value: &[u8]) -> Result<(), StoreFailure> {
        if self.habits.owner.is_some() && str::from_utf8(value).is_err() {
            return Err(StoreFailure::Corrupt("a token is not text".to_owned()));
        }
        let entry = self.entry(account)?;
        let written = match self.put(&entry, value) {
            Err(Error::Ambiguous(items)) => self.put_into_one(&items, value),
            outcome => outcome,
        };
        written.map_err(|error| failure(&error))
    }

    fn delete(&mut self, account: &str) -> Result<(), StoreFailure> {
        let deleted = match self.entry(account)?.delete_credential() {
            Err(Error::Ambiguous(items)) => items.iter().try_for_each(removed),
            Err(Error::NoEntry) => Ok(()),
            outcome => outcome,
        };
        deleted.map_err(|error| failure(&error))?;
        // One that could not be reached is still there.
        (self.look)(Some(account))
    }

    fn accounts(&mut self) -> Result<Vec<String>, StoreFailure> {
        (self.look)(None)?;
        let found = self.store.search(&self.habits.search).map_err(|error| failure(&error))?;
        let named = found.iter().filter_map(Entry::get_specifiers);
        let ours = named.filter(|(service, _)| service == SERVICE).map(|(_, account)| account);
        Ok(ours.collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn caveat(&self) -> Option<&'static str> {
        self.habits.caveat
    }
}

impl Keyring {
    fn put(&self, entry: &Entry, value: &[u8]) -> Result<(), Error> {
        match (self.habits.owner, str::from_utf8(value)) {
            (Some(_), Ok(text)) => entry.set_password(text),
            // `set_password` would double the size on Windows, where 2,560 bytes are all there is.
            (None, _) | (Some(_), Err(_)) => entry.set_secret(value),
        }
    }

    fn put_into_one(&self, items: &[Entry], value: &[u8]) -> Result<(), Error> {
        let Some((kept, others)) = items.split_first() else { return Err(Error::NoEntry) };
        self.put(kept, value)?;
        tracing::info!(items = items.len(), "several keychain items for one account: one is kept");
        others.iter().try_for_each(removed)
    }
}

fn removed(item: &Entry) -> Result<(), Error> {
    match item.delete_credential() {
        Err(Error::NoEntry) => Ok(()),
        outcome => outcome,
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
        Error::TooLong(what, limit) => {
            StoreFailure::Unavailable(format!("the keychain takes at most {limit} bytes as {what}"))
        }
        other => StoreFailure::Unavailable(other.to_string()),
    }
}
