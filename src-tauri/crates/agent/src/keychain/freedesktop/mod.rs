//! The Secret Service (gnome-keyring, KWallet, KeePassXC) on the session bus, as keyring-core's store.
//! The store that is commonly taken can be told neither its bus nor its session, nor that a person may
//! take a minute.
//!
//! 1. [`bus`], [`address`]: on which bus
//! 2. [`secrets`]: what the service is asked, and what its refusals mean
//! 3. [`prompt`]: when it asks back
//! 4. [`store`]: all that behind keyring-core's two traits

mod address;
mod bus;
mod prompt;
mod secrets;
mod store;

use std::sync::Arc;

use dagpass_core::ports::StoreFailure;

use super::asking::Asking;

#[cfg(test)]
pub(super) use prompt::shown;
pub(super) use secrets::{Secrets, Trouble};
pub(super) use store::{Keeps, Store};

/// The first bus that has a Secret Service, and what `look` says of it; that it is locked is an answer.
pub(super) fn open(
    asking: &Asking,
    look: impl Fn(&Secrets) -> Result<(), StoreFailure>,
) -> Result<Arc<Secrets>, StoreFailure> {
    let mut search = bus::Search::begin();
    let mut absent = false;
    while let Some((socket, connection)) = search.next() {
        match Secrets::on(connection, asking.clone()) {
            Err(Trouble::Absent) => absent = true,
            Err(trouble) => return Err(trouble.into()),
            Ok(secrets) => {
                bus::served(socket);
                look(&secrets)?;
                return Ok(Arc::new(secrets));
            }
        }
    }
    Err(match search.failure() {
        _ if absent => Trouble::Absent.into(),
        Some(failures) => StoreFailure::OutOfReach(format!("no session bus answers ({failures})")),
        None => StoreFailure::Unavailable("no session bus".to_owned()),
    })
}

/// Takes the bus that a process of our user knows, where it lives in our home: another home is another
/// desktop. Whoever could set its environment could start an agent as well. Says whether it is news.
pub(super) fn heard_of_a_bus(pid: u32) -> bool {
    let Ok(environment) = std::fs::read(format!("/proc/{pid}/environ")) else { return false };
    let value = |name: &str| {
        let lines = environment.split(|byte| *byte == 0);
        lines.filter_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b"=")).next()
    };
    let home = std::env::var_os("HOME").unwrap_or_default();
    value("HOME") == Some(home.as_encoded_bytes())
        && value("DBUS_SESSION_BUS_ADDRESS")
            .and_then(|address| str::from_utf8(address).ok())
            .is_some_and(bus::told)
}
