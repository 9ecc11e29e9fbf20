//! Notices by `org.freedesktop.Notifications` (Desktop Notifications Specification 1.2), with buttons
//! that work. One of a key at a time; the connection is made for the first one, so that a desktop where
//! nothing is ever told pays nothing.

use std::collections::HashMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zbus::blocking::{Connection, MessageIterator};
use zbus::zvariant::Value;

use crate::attend::Told;
use crate::notice::{Answer, Key, Notice};

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
/// How many answers may wait to be read?
const WAITING: usize = 16;
/// What a click on the notice itself is called.
const DEFAULT: &str = "default";
/// Until somebody answers, and as long as the server likes.
const STAYS: i32 = 0;
const USUAL: i32 = -1;

#[derive(Debug)]
pub(crate) struct Notices {
    tell: Sender<Told>,
    shown: Arc<Mutex<HashMap<u32, Notice>>>,
    bus: Mutex<Option<Bus>>,
}

#[derive(Clone, Debug)]
struct Bus {
    connection: Connection,
    /// The server reads `<b>` as bold: what somebody else wrote must not be read so.
    markup: bool,
}

impl Notices {
    pub(crate) fn new(tell: Sender<Told>) -> Self {
        Self { tell, shown: Arc::default(), bus: Mutex::default() }
    }

    /// Shows it; where the desktop takes no notices, the log has it.
    pub(crate) fn show(&self, notice: &Notice) {
        let shown = self.bus().and_then(|bus| self.notify(&bus, notice));
        if let Err(why) = shown {
            let (title, text) = (&notice.title, &notice.text);
            tracing::warn!(title, text, %why, "not shown on the desktop");
            // The server may have gone: the next one finds another.
            self.bus.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }

    pub(crate) fn withdraw(&self, key: &Key) {
        let Some(id) = taken(&mut self.lock(), key) else { return };
        let closed = self.bus().and_then(|bus| {
            bus.connection.call_method(Some(NAME), PATH, Some(NAME), "CloseNotification", &id)
        });
        if let Err(error) = closed {
            tracing::debug!(%error, "notice not withdrawn");
        }
    }

    fn notify(&self, bus: &Bus, notice: &Notice) -> zbus::Result<()> {
        // Held until its id is known: an answer may come at once.
        let mut shown = self.lock();
        let replaces = match notice.key {
            Key::Word => 0,
            _ => taken(&mut shown, &notice.key).unwrap_or_default(),
        };
        let mut actions = Vec::new();
        for (number, choice) in notice.choices.iter().enumerate() {
            if number == 0 {
                actions.extend([DEFAULT.to_owned(), choice.label.to_owned()]);
            }
            actions.extend([number.to_string(), choice.label.to_owned()]);
        }
        let hints =
            HashMap::from([("urgency", Value::U8(1)), ("desktop-entry", Value::from("dagpass"))]);
        let text = if bus.markup { escaped(&notice.text) } else { notice.text.clone() };
        let expires = match notice.key {
            Key::SignIn { .. }
            | Key::Code { .. }
            | Key::Config { .. }
            | Key::Logout { .. }
            | Key::Approval { .. }
            | Key::Found { .. } => STAYS,
            Key::Ends { .. } | Key::Word => USUAL,
        };
        let body = &("dagpass", replaces, "dagpass", &notice.title, text, actions, hints, expires);
        let reply = bus.connection.call_method(Some(NAME), PATH, Some(NAME), "Notify", body)?;
        shown.insert(reply.body().deserialize()?, notice.clone());
        Ok(())
    }

    fn bus(&self) -> zbus::Result<Bus> {
        let mut held = self.bus.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bus) = held.as_ref() {
            return Ok(bus.clone());
        }
        let connection = Connection::session()?;
        let asked = connection.call_method(Some(NAME), PATH, Some(NAME), "GetCapabilities", &())?;
        let capabilities: Vec<String> = asked.body().deserialize()?;
        let markup = capabilities.iter().any(|one| one == "body-markup");
        self.listen(&connection)?;
        let bus = Bus { connection, markup };
        *held = Some(bus.clone());
        Ok(bus)
    }

    fn listen(&self, connection: &Connection) -> zbus::Result<()> {
        let rule = zbus::MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .interface(NAME)?
            .path(PATH)?
            .build();
        let signals = MessageIterator::for_match_rule(rule, connection, Some(WAITING))?;
        let (shown, tell) = (Arc::clone(&self.shown), self.tell.clone());
        let thread = std::thread::Builder::new().name("tray-answers".to_owned());
        thread.spawn(move || {
            for signal in signals.map_while(Result::ok) {
                let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
                let answer = answer(&signal, &mut shown);
                drop(shown);
                if answer.is_some_and(|answer| tell.send(Told::Answer(answer)).is_err()) {
                    return;
                }
            }
        })?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, Notice>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn taken(shown: &mut HashMap<u32, Notice>, key: &Key) -> Option<u32> {
    let id = shown.iter().find(|(_, notice)| notice.key == *key).map(|(id, _)| *id)?;
    shown.remove(&id);
    Some(id)
}

/// What a signal says of a notice of ours; other programs' are on the bus too.
fn answer(signal: &zbus::Message, shown: &mut HashMap<u32, Notice>) -> Option<Answer> {
    let body = signal.body();
    match signal.header().member()?.as_str() {
        "ActionInvoked" => {
            let (id, named): (u32, String) = body.deserialize().ok()?;
            let notice = shown.get(&id)?;
            let number = if named == DEFAULT { 0 } else { named.parse().ok()? };
            let choice = notice.choices.get(number)?;
            let answer = Answer::Chosen(notice.key.clone(), choice.action.clone());
            shown.remove(&id);
            Some(answer)
        }
        "NotificationClosed" => {
            let (id, _reason): (u32, u32) = body.deserialize().ok()?;
            shown.remove(&id).map(|notice| Answer::Closed(notice.key))
        }
        _ => None,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
