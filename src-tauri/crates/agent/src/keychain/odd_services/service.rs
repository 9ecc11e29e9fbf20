//! A small Secret Service with habits that real ones have: no encrypted session (only the plain one that
//! every service must offer), a prompt before it does a thing, items held back one by one, a lock that
//! it names late.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use zbus::blocking::Connection;
use zbus::object_server::ObjectServer;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};
use zbus::{fdo, interface};

const ROOT: &str = "/org/freedesktop/secrets";
const COLLECTION: &str = "/org/freedesktop/secrets/collection/odd";
const SESSION: &str = "/org/freedesktop/secrets/session/s1";

type Secret = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);
type Attributes = HashMap<String, String>;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Habits {
    /// A person is asked before an item is made or deleted.
    pub(super) asks: bool,
    /// An item is locked until a person lets the caller have it.
    pub(super) holds_back: bool,
    /// Says that nothing is locked, and refuses to give a secret because it is.
    pub(super) locks_late: bool,
}

#[derive(Default)]
struct State {
    habits: Habits,
    items: BTreeMap<u32, (Attributes, Vec<u8>)>,
    next: u32,
    allowed: bool,
    pending: Option<(OwnedObjectPath, Wish)>,
    shown: bool,
    dismissals: u32,
    plain_sessions: u32,
}

/// What a prompt is about.
enum Wish {
    Create(Attributes),
    Delete(u32),
    Unlock(Vec<OwnedObjectPath>),
}

type Shared = Arc<Mutex<State>>;

pub(super) struct OddService {
    bus: Connection,
    state: Shared,
}

#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.freedesktop.Secret.Error")]
enum Refusal {
    #[zbus(error)]
    ZBus(zbus::Error),
    IsLocked(String),
}

impl OddService {
    pub(super) fn start(habits: Habits) -> Self {
        let state = Shared::default();
        state.lock().unwrap().habits = habits;
        let bus = zbus::blocking::connection::Builder::session()
            .and_then(|bus| bus.serve_at(ROOT, Service(state.clone())))
            .and_then(|bus| bus.serve_at(COLLECTION, Collection(state.clone())))
            .and_then(|bus| bus.serve_at(SESSION, Session))
            .and_then(|bus| bus.name("org.freedesktop.secrets"))
            .and_then(|bus| bus.build());
        Self { bus: bus.unwrap(), state }
    }

    pub(super) fn becomes(&self, habits: Habits) {
        self.state().habits = habits;
    }

    /// A person is looking at a prompt.
    pub(super) fn is_asking(&self) -> bool {
        self.state().shown
    }

    pub(super) fn items(&self) -> usize {
        self.state().items.len()
    }

    /// How often a prompt was taken back by whoever asked for it.
    pub(super) fn dismissals(&self) -> u32 {
        self.state().dismissals
    }

    pub(super) fn plain_sessions(&self) -> u32 {
        self.state().plain_sessions
    }

    /// A prompt that nothing is behind.
    pub(super) fn prompt(&self) -> OwnedObjectPath {
        let path = self.state().asks(Wish::Delete(0));
        let prompt = Prompt { state: self.state.clone(), path: path.clone() };
        self.bus.object_server().at(&path, prompt).unwrap();
        path
    }

    /// The person's answer to the prompt that is shown.
    pub(super) fn answer(&self, yes: bool) {
        let (prompt, wish) = {
            let mut state = self.state();
            assert!(state.shown, "no prompt is shown");
            state.shown = false;
            state.pending.take().unwrap()
        };
        let result = if yes { self.grant(wish) } else { Value::from("") };
        self.complete(&prompt, !yes, result);
    }

    fn grant(&self, wish: Wish) -> Value<'static> {
        match wish {
            Wish::Create(attributes) => {
                let (number, path) = self.state().create(attributes);
                let item = Item { state: self.state.clone(), number };
                self.bus.object_server().at(&path, item).unwrap();
                Value::from(ObjectPath::from(path))
            }
            Wish::Delete(number) => {
                self.state().items.remove(&number);
                Value::from("")
            }
            Wish::Unlock(items) => {
                self.state().allowed = true;
                Value::from(items.into_iter().map(ObjectPath::from).collect::<Vec<_>>())
            }
        }
    }

    fn complete(&self, prompt: &OwnedObjectPath, dismissed: bool, result: Value<'_>) {
        let body = (dismissed, result);
        let to: Option<&str> = None;
        let interface = "org.freedesktop.Secret.Prompt";
        self.bus.emit_signal(to, prompt, interface, "Completed", &body).unwrap();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    fn create(&mut self, attributes: Attributes) -> (u32, OwnedObjectPath) {
        self.next += 1;
        self.items.insert(self.next, (attributes, Vec::new()));
        (self.next, item_path(self.next))
    }

    fn asks(&mut self, wish: Wish) -> OwnedObjectPath {
        self.next += 1;
        let prompt = path(&format!("{ROOT}/prompt/p{}", self.next));
        self.pending = Some((prompt.clone(), wish));
        prompt
    }
}

struct Service(Shared);

#[interface(name = "org.freedesktop.Secret.Service")]
impl Service {
    fn open_session(
        &self,
        algorithm: &str,
        _input: Value<'_>,
    ) -> fdo::Result<(OwnedValue, OwnedObjectPath)> {
        if algorithm != "plain" {
            return Err(fdo::Error::NotSupported("no such algorithm".to_owned()));
        }
        self.0.lock().unwrap().plain_sessions += 1;
        Ok((OwnedValue::try_from(Value::from("")).unwrap(), path(SESSION)))
    }

    fn search_items(&self, wanted: Attributes) -> (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) {
        let state = self.0.lock().unwrap();
        let found = state.items.iter().filter(|(_, (attributes, _))| {
            wanted.iter().all(|(name, value)| attributes.get(name) == Some(value))
        });
        let found: Vec<_> = found.map(|(number, _)| item_path(*number)).collect();
        let locked = state.habits.holds_back && !state.allowed;
        if locked { (Vec::new(), found) } else { (found, Vec::new()) }
    }

    async fn unlock(
        &self,
        items: Vec<OwnedObjectPath>,
        #[zbus(object_server)] server: &ObjectServer,
    ) -> (Vec<OwnedObjectPath>, OwnedObjectPath) {
        let prompt = self.0.lock().unwrap().asks(Wish::Unlock(items));
        show(server, &prompt, &self.0).await;
        (Vec::new(), prompt)
    }

    fn read_alias(&self, _name: &str) -> OwnedObjectPath {
        path(COLLECTION)
    }
}

struct Collection(Shared);

#[interface(name = "org.freedesktop.Secret.Collection")]
impl Collection {
    async fn create_item(
        &self,
        properties: HashMap<String, OwnedValue>,
        _secret: Secret,
        _replace: bool,
        #[zbus(object_server)] server: &ObjectServer,
    ) -> (OwnedObjectPath, OwnedObjectPath) {
        let attributes = &properties["org.freedesktop.Secret.Item.Attributes"];
        let attributes = Attributes::try_from(attributes.try_clone().unwrap()).unwrap();
        let asks = self.0.lock().unwrap().habits.asks;
        if asks {
            let prompt = self.0.lock().unwrap().asks(Wish::Create(attributes));
            show(server, &prompt, &self.0).await;
            return (path("/"), prompt);
        }
        let (number, made) = self.0.lock().unwrap().create(attributes);
        let item = Item { state: self.0.clone(), number };
        server.at(&made, item).await.unwrap();
        (made, path("/"))
    }

    #[zbus(property)]
    fn locked(&self) -> bool {
        false
    }
}

struct Item {
    state: Shared,
    number: u32,
}

#[interface(name = "org.freedesktop.Secret.Item")]
impl Item {
    fn get_secret(&self, session: OwnedObjectPath) -> Result<(Secret,), Refusal> {
        let state = self.state.lock().unwrap();
        if state.habits.locks_late || state.habits.holds_back && !state.allowed {
            return Err(Refusal::IsLocked("Cannot get secret of a locked object".to_owned()));
        }
        let (_, secret) = &state.items[&self.number];
        Ok(((session, Vec::new(), secret.clone(), "text/plain".to_owned()),))
    }

    fn set_secret(&self, secret: Secret) {
        let mut state = self.state.lock().unwrap();
        state.items.get_mut(&self.number).unwrap().1 = secret.2;
    }

    async fn delete(&self, #[zbus(object_server)] server: &ObjectServer) -> OwnedObjectPath {
        let prompt = {
            let mut state = self.state.lock().unwrap();
            if !state.habits.asks {
                state.items.remove(&self.number);
                return path("/");
            }
            state.asks(Wish::Delete(self.number))
        };
        show(server, &prompt, &self.state).await;
        prompt
    }

    #[zbus(property)]
    fn attributes(&self) -> Attributes {
        self.state.lock().unwrap().items[&self.number].0.clone()
    }

    #[zbus(property)]
    fn locked(&self) -> bool {
        false
    }
}

struct Prompt {
    state: Shared,
    path: OwnedObjectPath,
}

#[interface(name = "org.freedesktop.Secret.Prompt")]
impl Prompt {
    fn prompt(&self, _window: &str) {
        self.state.lock().unwrap().shown = true;
    }

    async fn dismiss(&self, #[zbus(connection)] bus: &zbus::Connection) {
        {
            let mut state = self.state.lock().unwrap();
            state.shown = false;
            state.pending = None;
            state.dismissals += 1;
        }
        let body = (true, Value::from(""));
        let to: Option<&str> = None;
        let interface = "org.freedesktop.Secret.Prompt";
        bus.emit_signal(to, &self.path, interface, "Completed", &body).await.unwrap();
    }
}

struct Session;

#[interface(name = "org.freedesktop.Secret.Session")]
impl Session {
    fn close(&self) {}
}

async fn show(server: &ObjectServer, prompt: &OwnedObjectPath, state: &Shared) {
    let shown = Prompt { state: state.clone(), path: prompt.clone() };
    server.at(prompt, shown).await.unwrap();
}

fn item_path(number: u32) -> OwnedObjectPath {
    path(&format!("{COLLECTION}/i{number}"))
}

fn path(text: &str) -> OwnedObjectPath {
    OwnedObjectPath::try_from(text).unwrap()
}
