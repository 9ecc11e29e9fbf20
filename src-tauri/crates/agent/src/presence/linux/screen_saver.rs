//! `org.freedesktop.ScreenSaver` on the session bus: whether it is active, and how long nobody touched anything.

use std::time::Duration;

use dagpass_core::logout::Signal;
use dagpass_core::time::Timestamp;
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

/// Seconds, as the interface is described, or the milliseconds that some count by: told by how fast it grows
/// while nobody touches anything. Somebody at work makes it grow by anything less; what could be chance for
/// seconds has to come twice in a row, and milliseconds once seen stay.
#[derive(Debug, Default)]
pub(super) struct Unit {
    last: Option<(u32, Timestamp)>,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Counts {
    #[default]
    Unknown,
    /// It grew once as seconds do.
    PerhapsSeconds,
    Seconds,
    Millis,
}

/// How much may a look come late?
const LATE: u64 = 500;

impl Unit {
    /// How long nobody touched anything; `None` until it is known what is counted. By the wall clock, which goes
    /// on while the machine sleeps.
    pub(super) fn span(&mut self, idle: Option<u32>, now: Timestamp) -> Option<Duration> {
        let idle = idle?;
        if let Some((before, at)) = self.last.replace((idle, now)) {
            let grew = u64::from(idle.saturating_sub(before));
            let passed = u64::try_from(at.until(now).as_millis()).unwrap_or(u64::MAX);
            self.counts = self.counts.after(grew, passed);
        }
        match self.counts {
            Counts::Unknown | Counts::PerhapsSeconds => None,
            Counts::Seconds => Some(Duration::from_secs(idle.into())),
            Counts::Millis => Some(Duration::from_millis(idle.into())),
        }
    }
}

impl Counts {
    /// It grew by so much while so many milliseconds passed.
    const fn after(self, grew: u64, passed: u64) -> Self {
        let as_millis = passed >= 1_000 && grew.abs_diff(passed) <= LATE;
        let as_seconds = passed >= 1_000 && grew > 0 && grew.abs_diff(passed / 1_000) <= 1;
        match (self, as_millis, as_seconds) {
            (Self::Millis, _, _) | (_, true, _) => Self::Millis,
            (Self::Seconds, false, _) | (Self::PerhapsSeconds, false, true) => Self::Seconds,
            (Self::Unknown, false, true) => Self::PerhapsSeconds,
            (Self::Unknown | Self::PerhapsSeconds, false, false) => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    #[test]
    fn what_it_counts_by_is_told_by_how_fast_it_grows() {
        let secs = |secs| Some(Duration::from_secs(secs));
        let millis = |millis| Some(Duration::from_millis(millis));
        type Row<'a> = (&'a str, &'a [(i64, Option<u32>, Option<Duration>)]);
        let table: [Row<'_>; 6] = [
            (
                "seconds",
                &[
                    (0, Some(600), None),
                    (2_000, Some(602), None),
                    (4_000, Some(604), secs(604)),
                    (6_000, Some(0), secs(0)),
                    (8_000, None, None),
                    (10_000, Some(3), secs(3)),
                ],
            ),
            (
                "milliseconds",
                &[
                    (0, Some(600), None),
                    (2_000, Some(2_600), millis(2_600)),
                    (4_000, Some(40), millis(40)),
                ],
            ),
            (
                "milliseconds, touched between two looks",
                &[
                    (0, Some(1_770), None),
                    (2_000, Some(1_785), None),
                    (4_000, Some(1_787), None),
                    (6_000, Some(90), None),
                    (8_000, Some(2_090), millis(2_090)),
                    (10_000, Some(2_092), millis(2_092)),
                    (12_000, Some(2_094), millis(2_094)),
                ],
            ),
            (
                "milliseconds, by chance like seconds",
                &[
                    (0, Some(1_000), None),
                    (2_000, Some(1_002), None),
                    (4_000, Some(1_004), secs(1_004)),
                    (6_000, Some(3_004), millis(3_004)),
                    (8_000, Some(3_006), millis(3_006)),
                ],
            ),
            (
                "seconds across a sleep",
                &[
                    (0, Some(10), None),
                    (28_800_000, Some(28_810), None),
                    (28_802_000, Some(28_812), secs(28_812)),
                ],
            ),
            (
                "it stands still, and the clock was set back",
                &[(0, Some(600), None), (2_000, Some(600), None), (-9_000, Some(602), None)],
            ),
        ];
        for (case, looks) in table {
            let mut unit = Unit::default();
            for (when, idle, expected) in looks {
                assert_eq!(unit.span(*idle, at(*when)), *expected, "{case}, {when}");
            }
        }
    }

    /// Eight hours of work, looked at every other second, with a touch each second or three.
    #[test]
    fn nobody_at_work_was_ever_away_for_minutes_where_milliseconds_are_counted() {
        let mut seed = 7_u64;
        let mut chance = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            i64::try_from(seed >> 33).unwrap()
        };
        for apart in [1_000, 3_000] {
            let (mut unit, mut touched, mut next) = (Unit::default(), 0, 0);
            let mut known = 0;
            for look in (0..8 * 3600 * 1000).step_by(2_000) {
                while next <= look {
                    touched = next;
                    next += 1 + chance() % (2 * apart);
                }
                let idle = u32::try_from(look - touched).unwrap();
                let span = unit.span(Some(idle), at(look));
                known += usize::from(span.is_some());
                assert!(span.unwrap_or_default() < Duration::from_secs(60), "{apart}, {look}");
            }
            assert!(known > 0 || apart == 1_000, "{apart}: it is found out");
        }
    }
}
