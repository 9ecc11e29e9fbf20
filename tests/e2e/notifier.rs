//! `org.freedesktop.Notifications` as a desktop has it: keeps what it is asked to show, clicks a button
//! or closes a notice as a person would.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use zbus::blocking::{Connection, connection};
use zbus::zvariant::OwnedValue;

use crate::wait::until;

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) id: u32,
    pub(crate) replaces: u32,
    pub(crate) title: String,
    pub(crate) text: String,
    /// Key and label in turn.
    pub(crate) actions: Vec<String>,
    pub(crate) open: bool,
}

#[derive(Debug)]
pub(crate) struct Notifier {
    bus: Connection,
    shown: Arc<Mutex<Vec<Shown>>>,
}

#[derive(Debug)]
struct Served(Arc<Mutex<Vec<Shown>>>);

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Served {
    #[expect(clippy::too_many_arguments, reason = "the specification's own signature")]
    fn notify(
        &self,
        _app: String,
        replaces: u32,
        _icon: String,
        title: String,
        text: String,
        actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _expires: i32,
    ) -> u32 {
        let mut shown = self.0.lock().unwrap();
        let id = if replaces == 0 { u32::try_from(shown.len()).unwrap() + 1 } else { replaces };
        shown.push(Shown { id, replaces, title, text, actions, open: true });
        id
    }

    fn close_notification(&self, id: u32) {
        for one in self.0.lock().unwrap().iter_mut().filter(|one| one.id == id) {
            one.open = false;
        }
    }

    fn get_capabilities(&self) -> Vec<String> {
        ["body", "body-markup", "actions"].map(str::to_owned).to_vec()
    }

    fn get_server_information(&self) -> (String, String, String, String) {
        ["a test", "dagpass", "1", "1.2"].map(str::to_owned).into()
    }
}

impl Notifier {
    pub(crate) fn start(address: &str) -> Self {
        let shown = Arc::default();
        let bus = connection::Builder::address(address)
            .and_then(|bus| bus.serve_at(PATH, Served(Arc::clone(&shown))))
            .and_then(|bus| bus.name(NAME))
            .and_then(connection::Builder::build)
            .unwrap();
        Self { bus, shown }
    }

    /// The first one with this in its title.
    pub(crate) fn wait_for(&self, title: &str) -> Shown {
        until(&format!("a notice `{title}`"), || {
            self.all().into_iter().find(|one| one.title.contains(title))
        })
    }

    pub(crate) fn all(&self) -> Vec<Shown> {
        self.shown.lock().unwrap().clone()
    }

    /// Clicks the button with this label.
    pub(crate) fn click(&self, notice: &Shown, label: &str) {
        let named: Vec<&String> = notice.actions.iter().collect();
        let pair = named.chunks(2).rfind(|pair| pair[1] == label);
        let key = pair.unwrap_or_else(|| panic!("no `{label}` in {notice:?}"))[0];
        self.signal("ActionInvoked", &(notice.id, key.as_str()));
        self.close(notice);
    }

    /// As a person does who has read it.
    pub(crate) fn close(&self, notice: &Shown) {
        for one in self.shown.lock().unwrap().iter_mut().filter(|one| one.id == notice.id) {
            one.open = false;
        }
        self.signal("NotificationClosed", &(notice.id, 2u32));
    }

    fn signal<B: serde::Serialize + zbus::zvariant::DynamicType>(&self, name: &str, body: &B) {
        self.bus.emit_signal(None::<&str>, PATH, NAME, name, body).unwrap();
    }
}
