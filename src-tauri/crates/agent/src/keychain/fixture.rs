//! Sessions, and a keychain that can misbehave on command: keyring-core's mock store behind a switch.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use dagpass_core::ports::StoreFailure;
use dagpass_core::profile::{Issuer, Scopes, Subject};
use dagpass_core::session::StoredSession;
use dagpass_core::time::Timestamp;
use dagpass_core::token::{Identity, IdentitySource, RefreshToken};
use keyring_core::api::CredentialStoreApi;
use keyring_core::mock::Store as MockStore;
use zeroize::Zeroizing;

use super::provider::{Habits, Keyring, Provider};
use super::thread::Connect;
use super::which_store::{Chosen, Memory};
use super::{KeychainStore, StoreChoice, System};

pub(super) const DEADLINE: Duration = Duration::from_secs(1);

pub(super) fn session(token: &str, generation: u64) -> StoredSession {
    StoredSession {
        issuer: Issuer::new("https://idp.test:443/as"),
        client_id: "client".to_owned(),
        endpoints: None,
        identity: Some(Identity {
            subject: Subject { iss: "https://idp.test:443/as".to_owned(), sub: "u-1".to_owned() },
            name: Some("Ada".to_owned()),
            email: None,
            groups: vec!["data".to_owned()],
            auth_time: Some(Timestamp::from_secs(10)),
            source: IdentitySource::Userinfo,
            also: Vec::new(),
        }),
        nonce: None,
        granted: Scopes::parse("openid offline_access"),
        refresh_token: Some(RefreshToken::new(token)),
        refresh_expires_at: Some(Timestamp::from_secs(99)),
        signed_in_at: Timestamp::from_secs(11),
        generation,
        id_token_hint: None,
        ended: None,
    }
}

/// How the keychain behaves from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Well,
    Locked,
    Absent,
    Hung,
    /// A write that begins now hangs until `release`, whatever the mood is by then.
    HungAtWrite,
}

/// The one keychain of a test world; every connection to it shares its items.
pub(super) struct Keychain {
    items: Arc<MockStore>,
    mood: Mutex<Mood>,
    released: Mutex<bool>,
    changed: Condvar,
    let_go: Condvar,
    connections: Mutex<u32>,
}

impl Keychain {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            items: MockStore::new().unwrap(),
            mood: Mutex::new(Mood::Well),
            released: Mutex::new(false),
            changed: Condvar::new(),
            let_go: Condvar::new(),
            connections: Mutex::new(0),
        })
    }

    pub(super) fn becomes(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
        self.changed.notify_all();
    }

    pub(super) fn connections(&self) -> u32 {
        *self.connections.lock().unwrap()
    }

    /// The raw item, past every mood.
    pub(super) fn item(&self, account: &str) -> Option<Vec<u8>> {
        self.items.build("dagpass", account, None).unwrap().get_secret().ok()
    }

    pub(super) fn put(&self, account: &str, value: &[u8]) {
        self.items.build("dagpass", account, None).unwrap().set_secret(value).unwrap();
    }

    pub(super) fn connect(self: &Arc<Self>) -> Connect {
        let keychain = Arc::clone(self);
        Arc::new(move |_| {
            *keychain.connections.lock().unwrap() += 1;
            keychain.pass(false)?;
            let store = Arc::clone(&keychain.items);
            let inner = Keyring::new(store, Box::new(|_| Ok(())), Habits::default());
            Ok(Box::new(Moody { keychain: Arc::clone(&keychain), inner }))
        })
    }

    /// A store as a newly started agent has it.
    pub(super) fn store(self: &Arc<Self>, limit: usize, state: &Path) -> KeychainStore {
        let store = StoreChoice::Keychain;
        let chosen = Chosen { store, memory: Memory::Written, asked: None };
        KeychainStore::on(self.system(limit), chosen, state)
    }

    pub(super) fn system(self: &Arc<Self>, limit: usize) -> System {
        System { connect: self.connect(), deadline: DEADLINE, limit }
    }

    /// Lets the writes that hang be carried out.
    pub(super) fn release(&self) {
        *self.released.lock().unwrap() = true;
        self.let_go.notify_all();
    }

    fn pass(&self, write: bool) -> Result<(), StoreFailure> {
        let hung = |mood: &mut Mood| *mood == Mood::Hung;
        let mood = *self.changed.wait_while(self.mood.lock().unwrap(), hung).unwrap();
        match mood {
            Mood::Locked => Err(StoreFailure::Locked("mock".to_owned())),
            Mood::Absent => Err(StoreFailure::Unavailable("mock".to_owned())),
            Mood::HungAtWrite if write => {
                let held = |released: &mut bool| !*released;
                drop(self.let_go.wait_while(self.released.lock().unwrap(), held).unwrap());
                Ok(())
            }
            Mood::Well | Mood::Hung | Mood::HungAtWrite => Ok(()),
        }
    }
}

struct Moody {
    keychain: Arc<Keychain>,
    inner: Keyring,
}

impl Provider for Moody {
    fn look(&mut self) -> Result<(), StoreFailure> {
        self.keychain.pass(false)
    }

    fn read(&mut self, account: &str) -> Result<Vec<Zeroizing<Vec<u8>>>, StoreFailure> {
        self.keychain.pass(false)?;
        self.inner.read(account)
    }

    fn write(&mut self, account: &str, value: &[u8]) -> Result<(), StoreFailure> {
        self.keychain.pass(true)?;
        self.inner.write(account, value)
    }

    fn delete(&mut self, account: &str) -> Result<(), StoreFailure> {
        self.keychain.pass(true)?;
        self.inner.delete(account)
    }

    fn accounts(&mut self) -> Result<Vec<String>, StoreFailure> {
        self.keychain.pass(false)?;
        self.inner.accounts()
    }
}
