//! Linux: the Secret Service (gnome-keyring, KWallet, KeePassXC) over the session bus.

use std::collections::HashMap;

use dagpass_core::ports::StoreFailure;
use secret_service::blocking::SecretService;
use secret_service::{EncryptionType, Error};
use zbus_secret_service_keyring_store::Store;

use super::provider::{Habits, Keyring, Look, Provider, SERVICE, failure};

pub(super) const KIND: &str = "secret-service";

/// No limit was met up to 16 MiB.
pub(super) const LIMIT: usize = usize::MAX;

/// Connects, and learns first whether that would lead to a prompt.
pub(super) fn connect() -> Result<Box<dyn Provider>, StoreFailure> {
    open(None)
}

/// To another program's items. Python's keyring finds them by service and user name alone.
pub(super) fn connect_for(owner: &'static str) -> Result<Box<dyn Provider>, StoreFailure> {
    open(Some(owner))
}

fn open(owner: Option<&'static str>) -> Result<Box<dyn Provider>, StoreFailure> {
    let items = owner.unwrap_or(SERVICE);
    let service = SecretService::connect(EncryptionType::Plain).map_err(|error| absent(&error))?;
    let mut look: Look = Box::new(move |account| look(&service, items, account));
    look(None)?;
    let store = Store::new().map_err(|error| failure(&error))?;
    let habits = Habits { search: HashMap::from([("service", items)]), owner, ..Habits::default() };
    Ok(Box::new(Keyring::new(store, look, habits)))
}

/// Any get or set of a locked item prompts, and with a desktop blocks until somebody answers; these
/// two questions never do.
fn look(
    service: &SecretService<'_>,
    items: &str,
    account: Option<&str>,
) -> Result<(), StoreFailure> {
    let collection = service.get_default_collection().map_err(|error| cause(&error))?;
    if collection.is_locked().map_err(|error| cause(&error))? {
        return Err(StoreFailure::Locked("the default collection is locked".to_owned()));
    }
    let Some(account) = account else { return Ok(()) };
    let ours = HashMap::from([("service", items), ("username", account)]);
    let found = service.search_items(ours).map_err(|error| cause(&error))?;
    if found.locked.is_empty() {
        return Ok(());
    }
    Err(StoreFailure::Locked("the item lies in a locked collection".to_owned()))
}

/// Why there was no connection: the bus itself is missing, or nothing on it keeps secrets. The crate's
/// errors carry no kind that would tell, but every answer of a bus has a D-Bus name.
fn absent(error: &Error) -> StoreFailure {
    let text = error.to_string();
    if matches!(error, Error::Unavailable) || text.contains("ServiceUnknown") {
        return StoreFailure::Unavailable(
            "no Secret Service on the session bus (gnome-keyring, KWallet and KeePassXC are such)"
                .to_owned(),
        );
    }
    if text.contains("org.freedesktop.") {
        return cause(error);
    }
    StoreFailure::Unavailable(format!("no session bus ({text})"))
}

fn cause(error: &Error) -> StoreFailure {
    match error {
        Error::Locked | Error::Prompt | Error::PromptDisconnected => {
            StoreFailure::Locked(error.to_string())
        }
        Error::NoResult => StoreFailure::Unavailable(
            "the Secret Service has no default collection; make one with your desktop's key manager"
                .to_owned(),
        ),
        other => StoreFailure::Unavailable(other.to_string()),
    }
}
