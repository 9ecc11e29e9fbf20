//! A login1 of the test's own on a private system bus: it tells of sleep and shutdown, and sees when the
//! agent lets go of its inhibitor. Decides nothing of what the agent makes of it.

use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use zbus::blocking::{Connection, connection};
use zbus::zvariant::OwnedFd;

use crate::wait::until;
use crate::world::{Bus, World};

const PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";

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
}

/// A login1 and the bus it is on.
pub(crate) struct Login1 {
    connection: Connection,
    held: Held,
    _bus: Bus,
}

impl Login1 {
    pub(crate) fn start(world: &World) -> Self {
        let bus = Bus::system(world.root());
        let held = Held::default();
        let connection = connection::Builder::address(bus.address.as_str())
            .and_then(|bus| bus.serve_at(PATH, Served(Arc::clone(&held))))
            .and_then(|bus| bus.name("org.freedesktop.login1"))
            .and_then(connection::Builder::build)
            .unwrap();
        Self { connection, held, _bus: bus }
    }

    pub(crate) fn tell(&self, signal: &str, begins: bool) {
        self.connection.emit_signal(None::<&str>, PATH, MANAGER, signal, &(begins,)).unwrap();
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
