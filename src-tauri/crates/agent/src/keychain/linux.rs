//! Linux: the Secret Service (gnome-keyring, KWallet, KeePassXC) over the session bus.

use std::collections::HashMap;

use dagpass_core::ports::StoreFailure;

use super::asking::Asking;
use super::freedesktop::{self, Keeps, Store};
use super::provider::{Habits, Keyring, Look, Provider, SERVICE};

pub(super) use freedesktop::heard_of_a_bus;

pub(super) const KIND: &str = "secret-service";

/// No limit was met up to 16 MiB.
pub(super) const LIMIT: usize = usize::MAX;

/// Connects, and learns first whether that would lead to a prompt.
pub(super) fn connect(asking: &Asking) -> Result<Box<dyn Provider>, StoreFailure> {
    open(None, asking)
}

/// To another program's items. Python's keyring finds them by service and user name alone.
pub(super) fn connect_for(
    owner: &'static str,
    asking: &Asking,
) -> Result<Box<dyn Provider>, StoreFailure> {
    open(Some(owner), asking)
}

fn open(owner: Option<&'static str>, asking: &Asking) -> Result<Box<dyn Provider>, StoreFailure> {
    let items = owner.unwrap_or(SERVICE);
    let secrets = freedesktop::open(asking, |secrets| Ok(secrets.look(None)?))?;
    let habits = Habits {
        search: HashMap::from([("service", items)]),
        owner,
        caveat: secrets.caveat(),
        ..Habits::default()
    };
    let keeps = if owner.is_some() { Keeps::Theirs } else { Keeps::Ours };
    let store = Store::over(secrets.clone(), keeps);
    let look: Look = Box::new(move |account| {
        let names =
            account.map(|account| HashMap::from([("service", items), ("username", account)]));
        Ok(secrets.look(names.as_ref())?)
    });
    Ok(Box::new(Keyring::new(store, look, habits)))
}
