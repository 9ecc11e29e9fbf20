//! Items of other programs in the system's keychain, written where a person asked for it: what
//! `airflowctl` reads. Never reads one, and never touches an item of ours.

use std::sync::Arc;

use dagpass_core::ports::StoreFailure;
use dagpass_core::token::AccessToken;

use super::system_store;
use super::thread::{Connect, DEADLINE, KeychainThread};

/// The service under which `airflowctl` looks (Python's keyring, on every system).
const AIRFLOWCTL: &str = "airflowctl";

pub(crate) struct ForeignItems {
    thread: KeychainThread,
}

impl ForeignItems {
    /// Touches nothing: the first call does.
    pub(crate) fn of_airflowctl() -> Self {
        let connect: Connect = Arc::new(|asking| system_store::connect_for(AIRFLOWCTL, asking));
        Self { thread: KeychainThread::new(connect, DEADLINE) }
    }

    /// In the place of what is there: `airflowctl`'s own item keeps its other attributes, and of
    /// several the one with the most of them is kept.
    pub(crate) async fn write(
        &self,
        account: String,
        token: AccessToken,
    ) -> Result<(), StoreFailure> {
        let write = move |keychain: &mut dyn super::provider::Provider| {
            keychain.write(&account, token.expose().as_bytes())
        };
        self.thread.call(write).await
    }

    pub(crate) async fn remove(&self, account: String) -> Result<(), StoreFailure> {
        self.thread.call(move |keychain| keychain.delete(&account)).await
    }
}
