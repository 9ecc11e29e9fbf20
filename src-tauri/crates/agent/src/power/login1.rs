//! Linux: `org.freedesktop.login1` on the system bus. Holds its delay inhibitor while awake, lets go
//! once what is to be kept is kept, and takes another after waking. No login1 is no error.

use std::time::Duration;

use zbus::blocking::{Connection, MessageIterator};
use zbus::zvariant::OwnedFd;

use super::Told;

const NAME: &str = "org.freedesktop.login1";
const PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
/// How long does logind wait where it does not say (logind.conf(5), `InhibitDelayMaxSec`)?
const USUAL_DELAY: Duration = Duration::from_secs(5);
/// How much of that is kept for making the record durable?
const TO_LET_GO: Duration = Duration::from_millis(500);
/// How many signals may wait to be heard?
const WAITING: usize = 16;

pub(super) fn watch(hear: impl Fn(Told) + Send + 'static) {
    let thread = std::thread::Builder::new().name("power".to_owned());
    let begun = thread.spawn(move || {
        if let Err(error) = listen(hear) {
            tracing::debug!(%error, "nobody tells of the machine's sleep");
        }
    });
    if let Err(error) = begun {
        tracing::debug!(%error, "nobody listens for the machine's sleep");
    }
}

fn listen(hear: impl Fn(Told)) -> zbus::Result<()> {
    let bus = Connection::system()?;
    let rule = zbus::MatchRule::builder()
        .msg_type(zbus::message::Type::Signal)
        .sender(NAME)?
        .interface(MANAGER)?
        .path(PATH)?
        .build();
    // Before the inhibitor: no signal falls between.
    let signals = MessageIterator::for_match_rule(rule, &bus, Some(WAITING))?;
    let mut held = Some(inhibitor(&bus)?);
    // Asked while there is time: the delay runs from the signal on.
    let mut within = patience(&bus);
    for signal in signals {
        let Some(told) = told(&signal?, within) else { continue };
        hear(told);
        match told {
            // Letting go of it is what says that we are ready.
            Told::Sleeps { .. } => {
                drop(held.take());
                tracing::debug!("the machine may sleep");
            }
            // Our own end lets go of it.
            Told::ShutsDown => {}
            Told::Woke if held.is_none() => {
                held = Some(inhibitor(&bus)?);
                within = patience(&bus);
            }
            Told::Woke => {}
        }
    }
    Ok(())
}

fn inhibitor(bus: &Connection) -> zbus::Result<OwnedFd> {
    let asked = ("sleep:shutdown", "dagpass", "Keeps the record of what was issued", "delay");
    let reply = bus.call_method(Some(NAME), PATH, Some(MANAGER), "Inhibit", &asked)?;
    reply.body().deserialize()
}

/// How long does it wait for those that hold it up? Less what it takes us to let go.
fn patience(bus: &Connection) -> Duration {
    let asked = (MANAGER, "InhibitDelayMaxUSec");
    let reply =
        bus.call_method(Some(NAME), PATH, Some("org.freedesktop.DBus.Properties"), "Get", &asked);
    let value = reply.and_then(|reply| reply.body().deserialize::<zbus::zvariant::OwnedValue>());
    to_land(value.ok().and_then(|value| u64::try_from(value).ok()))
}

/// Of the microseconds that it waits, where it says.
fn to_land(delay: Option<u64>) -> Duration {
    delay.map_or(USUAL_DELAY, Duration::from_micros).saturating_sub(TO_LET_GO)
}

fn told(signal: &zbus::Message, within: Duration) -> Option<Told> {
    let begins: bool = signal.body().deserialize().ok()?;
    match (signal.header().member()?.as_str(), begins) {
        ("PrepareForSleep", true) => Some(Told::Sleeps { within }),
        ("PrepareForSleep", false) => Some(Told::Woke),
        ("PrepareForShutdown", true) => Some(Told::ShutsDown),
        // Called off: what was kept is kept, and the end is under way.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_second_of_what_it_waits_is_kept_for_the_record() {
        for (delay, left) in [
            (None, 4_500),
            (Some(5_000_000), 4_500),
            (Some(30_000_000), 29_500),
            (Some(500_000), 0),
            (Some(0), 0),
            (Some(u64::MAX), u64::MAX / 1_000 - 500),
        ] {
            let left = Duration::from_millis(left);
            assert_eq!(to_land(delay).as_millis(), left.as_millis(), "{delay:?}");
        }
    }
}
