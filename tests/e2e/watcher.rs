//! A StatusNotifierWatcher as a desktop's panel has it, and what a panel does with an item: reads
//! its properties and its menu, and clicks.

use std::sync::{Arc, Mutex};

use zbus::blocking::{Connection, connection};
use zbus::zvariant::{OwnedValue, Value};

use crate::wait::until;

#[derive(Debug)]
pub(crate) struct Watcher {
    bus: Connection,
    items: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug)]
struct Served {
    items: Arc<Mutex<Vec<String>>>,
}

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Served {
    fn register_status_notifier_item(&self, service: String) {
        self.items.lock().unwrap().push(service);
    }

    fn register_status_notifier_host(&self, _service: String) {}

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        self.items.lock().unwrap().clone()
    }
}

impl Watcher {
    pub(crate) fn start(address: &str) -> Self {
        let items = Arc::default();
        let served = Served { items: Arc::clone(&items) };
        let bus = connection::Builder::address(address)
            .and_then(|bus| bus.serve_at("/StatusNotifierWatcher", served))
            .and_then(|bus| bus.name("org.kde.StatusNotifierWatcher"))
            .and_then(connection::Builder::build)
            .unwrap();
        Self { bus, items }
    }

    /// The one that registered.
    pub(crate) fn item(&self) -> Item {
        let name = until("an icon", || self.items.lock().unwrap().first().cloned());
        Item { bus: self.bus.clone(), name }
    }
}

#[derive(Debug)]
pub(crate) struct Item {
    bus: Connection,
    name: String,
}

/// Width, height, and the pixels as ARGB.
type Pixmap = (i32, i32, Vec<u8>);

/// `com.canonical.dbusmenu`: id, properties, children.
type Layout = (i32, std::collections::HashMap<String, OwnedValue>, Vec<OwnedValue>);

impl Item {
    /// The one that registered with a panel that is not ours.
    pub(crate) fn at_a_panel(address: &str) -> Self {
        let bus = connection::Builder::address(address).and_then(connection::Builder::build);
        let bus = bus.unwrap();
        let watcher = "org.kde.StatusNotifierWatcher";
        let asked = (watcher, "RegisteredStatusNotifierItems");
        let properties = Some("org.freedesktop.DBus.Properties");
        let name = until("an icon in the panel", || {
            let to = Some(watcher);
            let reply =
                bus.call_method(to, "/StatusNotifierWatcher", properties, "Get", &asked).ok()?;
            let value: OwnedValue = reply.body().deserialize().ok()?;
            let names: Vec<String> = value.try_into().ok()?;
            names.first().map(|name| name.split('/').next().unwrap_or_default().to_owned())
        });
        Self { bus, name }
    }

    pub(crate) fn tooltip(&self) -> String {
        let (_, _, title, text): (String, Vec<Pixmap>, String, String) =
            self.property("ToolTip").try_into().unwrap();
        format!("{title}{text}")
    }

    /// What is drawn: ARGB, big-endian.
    pub(crate) fn pixels(&self) -> Vec<u8> {
        let mut icons: Vec<Pixmap> = self.property("IconPixmap").try_into().unwrap();
        icons.pop().expect("an icon").2
    }

    pub(crate) fn labels(&self) -> Vec<String> {
        self.rows().into_iter().map(|(_, label)| label).collect()
    }

    /// As a panel does when a person clicks.
    pub(crate) fn click(&self, label: &str) {
        let rows = self.rows();
        let (id, _) = rows.iter().find(|(_, known)| known == label).unwrap_or_else(|| {
            panic!("no `{label}` among {rows:?}");
        });
        // An item that ends the program inside its callback answers nothing.
        let _no_answer_from_quit = self.menu("Event", &(*id, "clicked", Value::from(0i32), 0u32));
    }

    fn rows(&self) -> Vec<(i32, String)> {
        let names = ["label", "enabled"];
        let reply = self.menu("GetLayout", &(0i32, -1i32, &names[..])).unwrap();
        let (_, root): (u32, Layout) = reply.body().deserialize().unwrap();
        let mut rows = Vec::new();
        gather(root, &mut rows);
        rows
    }

    fn menu<B>(&self, method: &str, body: &B) -> zbus::Result<zbus::Message>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        let menu = Some("com.canonical.dbusmenu");
        self.bus.call_method(Some(self.name.as_str()), "/MenuBar", menu, method, body)
    }

    fn property(&self, name: &str) -> OwnedValue {
        let asked = ("org.kde.StatusNotifierItem", name);
        let properties = Some("org.freedesktop.DBus.Properties");
        let to = Some(self.name.as_str());
        let reply = self.bus.call_method(to, "/StatusNotifierItem", properties, "Get", &asked);
        reply.unwrap().body().deserialize().unwrap()
    }
}

fn gather((id, properties, children): Layout, rows: &mut Vec<(i32, String)>) {
    if let Some(label) = properties.get("label") {
        rows.push((id, String::try_from(label.clone()).unwrap()));
    }
    for child in children {
        gather(Layout::try_from(child).unwrap(), rows);
    }
}
