//! A login1 of the test's own on a private system bus: it tells of sleep and shutdown, sees when the agent
//! lets go of its inhibitor, and has one session, the person's. Decides nothing of what the agent makes of it.

use std::collections::HashMap;
use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use zbus::blocking::{Connection, connection};
use zbus::zvariant::{OwnedFd, OwnedObjectPath, Value};

use crate::wait::until;
use crate::world::{Bus, World};

const PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const SESSION: &str = "org.freedesktop.login1.Session";
const SESSION_PATH: &str = "/org/freedesktop/login1/session/_32";
const USER_PATH: &str = "/org/freedesktop/login1/user/_1000";

/// Our ends of the inhibitors: one is let go of when ours reads its end.
type Held = Arc<Mutex<Vec<(String, UnixStream)>>>;

#[derive(Debug)]
struct Served(Held);

#[zbus::interface(name = "org.freedesktop.login1.Manager")]
impl Served {
    fn inhibit(&self, what: String, who: String, _why: String, mode: String) -> OwnedFd {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        self.0.lock().unwrap().push((format!("{who}:{mode}:{what}"), ours));
        std::os::fd::OwnedFd::from(theirs).into()
    }

    fn get_user(&self, _uid: u32) -> OwnedObjectPath {
        OwnedObjectPath::try_from(USER_PATH).unwrap()
    }
}

#[derive(Debug)]
struct User;

#[zbus::interface(name = "org.freedesktop.login1.User")]
impl User {
    #[zbus(property)]
    fn display(&self) -> (String, OwnedObjectPath) {
        ("2".to_owned(), OwnedObjectPath::try_from(SESSION_PATH).unwrap())
    }
}

/// How the person's session stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) locked: bool,
    pub(crate) active: bool,
    /// Seconds since 1970; nobody uses it since.
    pub(crate) idle_since: Option<u64>,
}

#[derive(Debug)]
struct Session(Arc<Mutex<Standing>>);

impl Session {
    fn now(&self) -> Standing {
        *self.0.lock().unwrap()
    }
}

#[zbus::interface(name = "org.freedesktop.login1.Session")]
impl Session {
    #[zbus(property)]
    fn remote(&self) -> bool {
        false
    }

    #[zbus(property)]
    fn locked_hint(&self) -> bool {
        self.now().locked
    }

    #[zbus(property)]
    fn active(&self) -> bool {
        self.now().active
    }

    #[zbus(property)]
    fn idle_hint(&self) -> bool {
        self.now().idle_since.is_some()
    }

    #[zbus(property)]
    fn idle_since_hint(&self) -> u64 {
        self.now().idle_since.unwrap_or_default() * 1_000_000
    }
}

/// A login1 and the bus it is on.
pub(crate) struct Login1 {
    connection: Connection,
    held: Held,
    session: Arc<Mutex<Standing>>,
    _bus: Bus,
}

impl Login1 {
    pub(crate) fn start(world: &World) -> Self {
        let bus = Bus::system(world.root());
        let held = Held::default();
        let in_use = Standing { locked: false, active: true, idle_since: None };
        let session = Arc::new(Mutex::new(in_use));
        let connection = connection::Builder::address(bus.address.as_str())
            .and_then(|bus| bus.serve_at(PATH, Served(Arc::clone(&held))))
            .and_then(|bus| bus.serve_at(USER_PATH, User))
            .and_then(|bus| bus.serve_at(SESSION_PATH, Session(Arc::clone(&session))))
            .and_then(|bus| bus.name("org.freedesktop.login1"))
            .and_then(connection::Builder::build)
            .unwrap();
        Self { connection, held, session, _bus: bus }
    }

    pub(crate) fn tell(&self, signal: &str, begins: bool) {
        self.connection.emit_signal(None::<&str>, PATH, MANAGER, signal, &(begins,)).unwrap();
    }

    /// Of the person's session: as a locker that hints at nothing is told.
    pub(crate) fn lock_signal(&self) {
        self.connection.emit_signal(None::<&str>, SESSION_PATH, SESSION, "Lock", &()).unwrap();
    }

    /// Another standing, told by the session's own signal.
    pub(crate) fn stands(&self, change: impl FnOnce(&mut Standing)) {
        let now = {
            let mut session = self.session.lock().unwrap();
            change(&mut session);
            *session
        };
        let hints = HashMap::from([
            ("LockedHint", Value::from(now.locked)),
            ("Active", Value::from(now.active)),
        ]);
        let body = (SESSION, hints, Vec::<String>::new());
        let (interface, member) = ("org.freedesktop.DBus.Properties", "PropertiesChanged");
        self.connection.emit_signal(None::<&str>, SESSION_PATH, interface, member, &body).unwrap();
    }

    /// Waits until that many were ever taken.
    pub(crate) fn taken(&self, count: usize) -> String {
        until("the inhibitor", || {
            let held = self.held.lock().unwrap();
            (held.len() == count).then(|| held[count - 1].0.clone())
        })
    }

    pub(crate) fn let_go(&self, number: usize) {
        until("the agent to let go", || self.has_let_go(number).then_some(()));
    }

    pub(crate) fn has_let_go(&self, number: usize) -> bool {
        let held = self.held.lock().unwrap();
        let (_, ours) = &held[number];
        matches!((&mut &*ours).read(&mut [0]), Ok(0))
    }
}
