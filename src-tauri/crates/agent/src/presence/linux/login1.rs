//! The person's session of systemd-logind: `Lock` and what it says of itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dagpass_core::logout::Signal;
use dagpass_core::time::Timestamp;
use zbus::blocking::{Connection, MessageIterator, connection};
use zbus::zvariant::{OwnedObjectPath, OwnedValue};

use super::{Hear, Heard, PATIENCE};

const NAME: &str = "org.freedesktop.login1";
const PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const SESSION: &str = "org.freedesktop.login1.Session";
const SESSIONS: &str = "/org/freedesktop/login1/session";
const USER: &str = "org.freedesktop.login1.User";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// How many signals may wait to be heard?
const WAITING: usize = 64;

pub(super) struct Login1 {
    pub(super) bus: Connection,
    ours: Ours,
}

/// Which session is the person's, as it was found last; `None` where nobody could say.
#[derive(Clone, Debug, Default)]
struct Ours(Arc<Mutex<Option<OwnedObjectPath>>>);

impl Ours {
    /// Nobody is asked: whoever waits for an answer hears no signal meanwhile. A lock of which nobody can say whose
    /// it is counts.
    fn is(&self, path: &str) -> bool {
        self.lock().as_ref().is_none_or(|ours| ours.as_str() == path)
    }

    fn lock(&self) -> MutexGuard<'_, Option<OwnedObjectPath>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What it says of itself.
pub(super) struct Standing {
    pub(super) name: String,
    pub(super) locked: bool,
    /// In front.
    pub(super) active: bool,
    /// `None` while somebody uses it.
    pub(super) idle_since: Option<Timestamp>,
}

impl Login1 {
    pub(super) fn connect() -> Result<Self, String> {
        let bus =
            connection::Builder::system().and_then(|bus| bus.method_timeout(PATIENCE).build());
        bus.map(|bus| Self { bus, ours: Ours::default() })
            .map_err(|error| format!("no system bus ({error})"))
    }

    pub(super) fn standing(&self) -> Result<Standing, String> {
        let found = self.session();
        *self.ours.lock() = found.as_ref().ok().map(|(path, _)| path.clone());
        let (path, name) = found?;
        let of = |property| self.property(&path, SESSION, property);
        let is = |property| of(property).and_then(|value| bool::try_from(value).map_err(said));
        if is("Remote").unwrap_or(false) {
            return Err(format!("session {name} of systemd-logind is a remote one"));
        }
        let idle_since = match is("IdleHint")? {
            false => None,
            true => {
                let micros = u64::try_from(of("IdleSinceHint")?).map_err(said)?;
                Some(Timestamp::from_millis(i64::try_from(micros / 1_000).unwrap_or(0)))
            }
        };
        Ok(Standing {
            name: format!("session {name} of systemd-logind"),
            locked: is("LockedHint")?,
            active: is("Active")?,
            idle_since,
        })
    }

    /// On a thread of its own, until the bus goes.
    pub(super) fn listen(&self, hear: &Hear) -> Result<(), String> {
        let rule = zbus::MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .sender(NAME)
            .and_then(|rule| rule.path_namespace(SESSIONS))
            .map_err(said)?
            .build();
        let signals =
            MessageIterator::for_match_rule(rule, &self.bus, Some(WAITING)).map_err(said)?;
        let (ours, hear) = (self.ours.clone(), hear.clone());
        let thread = std::thread::Builder::new().name("presence, logind".to_owned());
        let begun = thread.spawn(move || {
            for signal in signals.filter_map(Result::ok) {
                let header = signal.header();
                let is_ours = header.path().is_some_and(|path| ours.is(path.as_str()));
                if let Some(told) = told(&signal).filter(|_| is_ours) {
                    hear(Heard::Signal(told));
                }
            }
        });
        begun.map(drop).map_err(|error| error.to_string())
    }

    /// The one that the person sees, whichever started us: a service of the user's is in none.
    fn session(&self) -> Result<(OwnedObjectPath, String), String> {
        let missing = |error: String| format!("systemd-logind has no session of yours ({error})");
        self.display().or_else(|_| self.of_this_process()).map_err(missing)
    }

    fn display(&self) -> Result<(OwnedObjectPath, String), String> {
        let uid = rustix::process::getuid().as_raw();
        let user: OwnedObjectPath = self.manager("GetUser", &uid)?;
        let shown = self.property(&user, USER, "Display")?;
        let (name, path) = <(String, OwnedObjectPath)>::try_from(shown).map_err(said)?;
        if name.is_empty() { Err("none is shown".to_owned()) } else { Ok((path, name)) }
    }

    fn of_this_process(&self) -> Result<(OwnedObjectPath, String), String> {
        let path: OwnedObjectPath = self.manager("GetSessionByPID", &std::process::id())?;
        let id = self.property(&path, SESSION, "Id")?;
        Ok((path, String::try_from(id).map_err(said)?))
    }

    fn manager(&self, method: &str, of: &u32) -> Result<OwnedObjectPath, String> {
        let reply = self.bus.call_method(Some(NAME), PATH, Some(MANAGER), method, of);
        reply.and_then(|reply| reply.body().deserialize()).map_err(said)
    }

    fn property(
        &self,
        path: &OwnedObjectPath,
        of: &str,
        property: &str,
    ) -> Result<OwnedValue, String> {
        let asked = (of, property);
        let reply = self.bus.call_method(Some(NAME), path, Some(PROPERTIES), "Get", &asked);
        reply.and_then(|reply| reply.body().deserialize()).map_err(said)
    }
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// `Unlock` and what was hinted back is seen at the next look: nothing hangs on it.
fn told(signal: &zbus::Message) -> Option<Signal> {
    let header = signal.header();
    match (header.interface()?.as_str(), header.member()?.as_str()) {
        (SESSION, "Lock") => Some(Signal::Locks),
        (PROPERTIES, "PropertiesChanged") => {
            type Changed = (String, std::collections::HashMap<String, OwnedValue>, Vec<String>);
            let (of, changed, _): Changed = signal.body().deserialize().ok()?;
            let is = |property| bool::try_from(changed.get(property)?.try_clone().ok()?).ok();
            match (of == SESSION, is("LockedHint"), is("Active")) {
                (true, Some(true), _) => Some(Signal::Locks),
                (true, _, Some(false)) => Some(Signal::Switches),
                (true | false, _, _) => None,
            }
        }
        (_, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_of_another_s_session_is_none_of_ours_and_one_of_nobody_knows_whose_is() {
        let own = OwnedObjectPath::try_from("/org/freedesktop/login1/session/_32").unwrap();
        let ours = Ours::default();
        assert!(ours.is("/org/freedesktop/login1/session/_39"), "nobody was asked yet");
        *ours.lock() = Some(own.clone());
        assert!(ours.is(own.as_str()) && !ours.is("/org/freedesktop/login1/session/_39"));
    }
}
