//! Linux: the person's session of systemd-logind on the system bus, and the screen saver on the session bus.
//! Signals are heard as they come; every other second it is looked how both stand, and a bus that went away
//! is looked for anew, ever more seldom.

use std::sync::Arc;
use std::time::Duration;

use dagpass_core::logout::Signal;
use dagpass_core::time::Timestamp;

use super::{Heard, Teller, Tells};

#[path = "linux/found.rs"]
mod found;
#[path = "linux/login1.rs"]
mod login1;
#[path = "linux/screen_saver.rs"]
mod screen_saver;

use found::{Found, OnBus};
use login1::Login1;
use screen_saver::{ScreenSaver, Unit};

/// How often is it looked how things stand?
const TICK: Duration = Duration::from_secs(2);
/// How long may a bus take to answer?
const PATIENCE: Duration = Duration::from_secs(2);

type Hear = Arc<dyn Fn(Heard) + Send + Sync>;

pub(super) fn look() -> Tells {
    let session = Login1::connect().and_then(|login1| login1.standing());
    let saver = ScreenSaver::connect().and_then(|saver| saver.standing());
    tells(&session, &saver)
}

pub(super) fn watch(hear: impl Fn(Heard) + Send + Sync + 'static) {
    let hear: Hear = Arc::new(hear);
    let own = hear.clone();
    let thread = std::thread::Builder::new().name("presence".to_owned());
    if let Err(error) = thread.spawn(move || tick(&own)) {
        hear(Heard::Tells(Tells::nothing(&error.to_string())));
    }
}

fn tick(hear: &Hear) {
    let mut login1 = Found::<Login1>::default();
    let mut saver = Found::<ScreenSaver>::default();
    let mut unit = Unit::default();
    loop {
        let session = login1.standing(hear, std::time::Instant::now());
        let screen = saver.standing(hear, std::time::Instant::now());
        hear(Heard::Tells(tells(&session, &screen)));
        signals(&session, &screen, &mut unit).for_each(|signal| hear(Heard::Signal(signal)));
        std::thread::sleep(TICK);
    }
}

impl OnBus for Login1 {
    type Standing = login1::Standing;

    fn find(hear: &Hear) -> Result<Self, String> {
        let there = Self::connect()?;
        there.listen(hear)?;
        Ok(there)
    }

    fn bus(&self) -> &zbus::blocking::Connection {
        &self.bus
    }

    fn standing(&self) -> Result<login1::Standing, String> {
        self.standing()
    }
}

impl OnBus for ScreenSaver {
    type Standing = screen_saver::Standing;

    fn find(hear: &Hear) -> Result<Self, String> {
        let there = Self::connect()?;
        there.listen(hear)?;
        Ok(there)
    }

    fn bus(&self) -> &zbus::blocking::Connection {
        &self.bus
    }

    fn standing(&self) -> Result<screen_saver::Standing, String> {
        self.standing()
    }
}

fn tells(session: &Result<login1::Standing, String>, saver: &Saver) -> Tells {
    let both = |by_saver: Teller| match (session, by_saver) {
        (Ok(session), Ok(saver)) => Ok(format!("{} and {saver}", session.name)),
        (Ok(session), Err(_)) => Ok(session.name.clone()),
        (Err(_), Ok(saver)) => Ok(saver),
        (Err(no_session), Err(no_saver)) => Err(format!("{no_session}, and {no_saver}")),
    };
    let saver_locks = saver.as_ref().map(|_| screen_saver::NAME.to_owned()).map_err(Clone::clone);
    let saver_idles = saver.as_ref().map_err(Clone::clone).and_then(|saver| match saver.idle {
        Some(_) => Ok(screen_saver::NAME.to_owned()),
        None => Err(format!("{} does not tell how long", screen_saver::NAME)),
    });
    Tells {
        lock: both(saver_locks),
        switch: session.as_ref().map(|session| session.name.clone()).map_err(Clone::clone),
        idle: both(saver_idles),
    }
}

type Saver = Result<screen_saver::Standing, String>;

/// How both stand together: locked where one says so, left alone for as long as the one says that says more.
fn signals(
    session: &Result<login1::Standing, String>,
    saver: &Saver,
    unit: &mut Unit,
) -> impl Iterator<Item = Signal> + use<> {
    let (session, saver) = (session.as_ref().ok(), saver.as_ref().ok());
    let locked = [session.map(|one| one.locked), saver.map(|one| one.active)];
    let locked = locked.into_iter().flatten().reduce(|one, other| one || other);
    let now = now();
    let by_session = session.map(|one| one.idle_since.unwrap_or(now));
    let idle = saver.and_then(|one| one.idle);
    let by_saver = unit.span(idle, now).map(|span| now.minus(span));
    let touched = [by_session, by_saver].into_iter().flatten().min();
    let away = session.map(|one| !one.active);
    [locked.map(Signal::IsLocked), away.map(Signal::IsAway), touched.map(Signal::Touched)]
        .into_iter()
        .flatten()
}

/// The wall clock: what logind says is said by it.
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp::from_millis(
        since.map_or(0, |since| since.as_millis().try_into().unwrap_or(i64::MAX)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(locked: bool, active: bool, idle_for: Option<u64>) -> login1::Standing {
        let idle_since = idle_for.map(|secs| now().minus(Duration::from_secs(secs)));
        login1::Standing { name: "session 2".to_owned(), locked, active, idle_since }
    }

    fn saver(active: bool, idle: Option<u32>) -> screen_saver::Standing {
        screen_saver::Standing { active, idle }
    }

    fn no<T>(what: &str) -> Result<T, String> {
        Err(what.to_owned())
    }

    #[test]
    fn either_may_tell_of_a_lock_and_only_where_neither_does_something_is_missing() {
        let there = Ok(session(false, true, None));
        let both = tells(&there, &Ok(saver(false, Some(3))));
        let name = screen_saver::NAME;
        assert_eq!(both.lock, Ok(format!("session 2 and {name}")));
        assert_eq!(both.switch, Ok("session 2".to_owned()));
        let alone = tells(&no("no session"), &Ok(saver(false, None)));
        assert_eq!(alone.lock, Ok(name.to_owned()));
        assert_eq!(alone.switch, no("no session"));
        assert_eq!(alone.idle, no(&format!("no session, and {name} does not tell how long")));
        let nobody = tells(&no("no session"), &no("no saver"));
        assert_eq!(nobody.lock, no("no session, and no saver"));
    }

    #[test]
    fn a_lock_of_one_is_a_lock_and_what_neither_tells_is_not_told() {
        let told = |session: Option<login1::Standing>, saver: Option<screen_saver::Standing>| {
            let (session, saver) = (session.ok_or_else(String::new), saver.ok_or_else(String::new));
            signals(&session, &saver, &mut Unit::default())
                .filter(|signal| !matches!(signal, Signal::Touched(_)))
                .collect::<Vec<_>>()
        };
        use Signal::{IsAway, IsLocked};
        let unlocked = || session(false, true, None);
        assert_eq!(told(Some(unlocked()), None), [IsLocked(false), IsAway(false)]);
        let one = Some(saver(true, None));
        assert_eq!(told(Some(unlocked()), one), [IsLocked(true), IsAway(false)]);
        assert_eq!(told(Some(session(true, false, None)), None), [IsLocked(true), IsAway(true)]);
        assert_eq!(told(None, Some(saver(false, None))), [IsLocked(false)]);
        assert_eq!(told(None, None), []);
    }

    #[test]
    fn left_alone_is_what_the_session_says_where_the_screen_saver_says_nothing() {
        let touched = |session| {
            let told = signals(&Ok(session), &no(""), &mut Unit::default());
            told.filter_map(|signal| match signal {
                Signal::Touched(at) => Some(at.until(now()).as_secs()),
                Signal::Locks | Signal::Switches | Signal::IsLocked(_) | Signal::IsAway(_) => None,
            })
            .collect::<Vec<_>>()
        };
        assert_eq!(touched(session(false, true, None)), [0]);
        assert!(touched(session(false, true, Some(700)))[0] >= 700);
    }
}
