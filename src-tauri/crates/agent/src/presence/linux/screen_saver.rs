//! `org.freedesktop.ScreenSaver` on the session bus: whether it is active, and how long nobody touched anything.

use std::time::{Duration, Instant};

use dagpass_core::logout::Signal;
use zbus::blocking::{Connection, MessageIterator, connection};

use super::{Hear, Heard, PATIENCE};

pub(super) const NAME: &str = "org.freedesktop.ScreenSaver";
/// KDE has it at the second as well, older ones there alone.
const PATHS: [&str; 2] = ["/org/freedesktop/ScreenSaver", "/ScreenSaver"];
/// How many signals may wait to be heard?
const WAITING: usize = 16;

pub(super) struct ScreenSaver {
    pub(super) bus: Connection,
}

/// What it says of itself.
pub(super) struct Standing {
    pub(super) active: bool,
    /// `None` where it does not tell; in whatever it counts by.
    pub(super) idle: Option<u32>,
}

impl ScreenSaver {
    pub(super) fn connect() -> Result<Self, String> {
        let bus =
            connection::Builder::session().and_then(|bus| bus.method_timeout(PATIENCE).build());
        bus.map(|bus| Self { bus }).map_err(|error| format!("no session bus ({error})"))
    }

    pub(super) fn standing(&self) -> Result<Standing, String> {
        // Asked first: a call would have the bus start one that nobody sees.
        let there = self.bus.call_method(
            Some("org.freedesktop.DBus"),
            "/org/freedesktop/DBus",
            Some("org.freedesktop.DBus"),
            "NameHasOwner",
            &NAME,
        );
        let there: bool = there.and_then(|reply| reply.body().deserialize()).map_err(missing)?;
        if !there {
            return Err(format!("no {NAME}"));
        }
        let active = self.ask::<bool>("GetActive").map_err(missing)?;
        Ok(Standing { active, idle: self.ask("GetSessionIdleTime").ok() })
    }

    /// On a thread of its own, until the bus goes.
    pub(super) fn listen(&self, hear: &Hear) -> Result<(), String> {
        let rule = zbus::MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .sender(NAME)
            .and_then(|rule| rule.interface(NAME)?.member("ActiveChanged"))
            .map_err(missing)?
            .build();
        let signals =
            MessageIterator::for_match_rule(rule, &self.bus, Some(WAITING)).map_err(missing)?;
        let hear = hear.clone();
        let thread = std::thread::Builder::new().name("presence, screen saver".to_owned());
        let begun = thread.spawn(move || {
            for signal in signals.filter_map(Result::ok) {
                if matches!(signal.body().deserialize(), Ok(true)) {
                    hear(Heard::Signal(Signal::Locks));
                }
            }
        });
        begun.map(drop).map_err(|error| error.to_string())
    }

    fn ask<T>(&self, method: &str) -> zbus::Result<T>
    where
        T: serde::de::DeserializeOwned + zbus::zvariant::Type,
    {
        let [usual, other] = PATHS;
        let at = |path| {
            let reply = self.bus.call_method(Some(NAME), path, Some(NAME), method, &());
            reply.and_then(|reply| reply.body().deserialize())
        };
        at(usual).or_else(|_| at(other))
    }
}

fn missing(error: zbus::Error) -> String {
    format!("{NAME} does not answer ({error})")
}

/// Seconds, as the interface is described, or the milliseconds that some count by: told by how fast it grows.
#[derive(Debug, Default)]
pub(super) struct Unit {
    last: Option<(u32, Instant)>,
    millis: Option<bool>,
}

impl Unit {
    /// How long nobody touched anything; `None` until it is known what is counted.
    pub(super) fn span(&mut self, idle: Option<u32>, now: Instant) -> Option<Duration> {
        let idle = idle?;
        if let Some((before, at)) = self.last
            && idle > before
        {
            // Ten times as much as there were seconds is none of these.
            let seconds = now.saturating_duration_since(at).as_secs() + 1;
            self.millis = Some(u64::from(idle - before) > seconds * 10);
        }
        self.last = Some((idle, now));
        self.millis.map(|millis| match millis {
            true => Duration::from_millis(idle.into()),
            false => Duration::from_secs(idle.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_counts_by_is_told_by_how_fast_it_grows() {
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let mut seconds = Unit::default();
        assert_eq!(seconds.span(Some(600), at(0)), None, "not known yet");
        assert_eq!(seconds.span(Some(600), at(1)), None, "it did not grow");
        assert_eq!(seconds.span(Some(602), at(2)), Some(Duration::from_secs(602)));
        assert_eq!(seconds.span(Some(0), at(4)), Some(Duration::ZERO), "touched");
        assert_eq!(seconds.span(None, at(6)), None);
        let mut millis = Unit::default();
        assert_eq!(millis.span(Some(600), at(0)), None);
        assert_eq!(millis.span(Some(2_600), at(2)), Some(Duration::from_millis(2_600)));
        assert_eq!(millis.span(Some(40), at(4)), Some(Duration::from_millis(40)));
    }
}
