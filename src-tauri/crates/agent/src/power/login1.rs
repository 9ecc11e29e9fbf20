//! Linux: `org.freedesktop.login1` on the system bus. Holds its delay inhibitor while awake, lets go
//! once what is to be kept is kept, and takes another after waking. No login1 is no error.

use zbus::blocking::{Connection, MessageIterator};
use zbus::zvariant::OwnedFd;

use super::Told;

const NAME: &str = "org.freedesktop.login1";
const PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
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
    for signal in signals {
        let Some(told) = told(&signal?) else { continue };
        hear(told);
        match told {
            // Letting go of it is what says that we are ready.
            Told::Sleeps => {
                drop(held.take());
                tracing::debug!("the machine may sleep");
            }
            // Our own end lets go of it.
            Told::ShutsDown => {}
            Told::Woke if held.is_none() => held = Some(inhibitor(&bus)?),
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

fn told(signal: &zbus::Message) -> Option<Told> {
    let begins: bool = signal.body().deserialize().ok()?;
    match (signal.header().member()?.as_str(), begins) {
        ("PrepareForSleep", true) => Some(Told::Sleeps),
        ("PrepareForSleep", false) => Some(Told::Woke),
        ("PrepareForShutdown", true) => Some(Told::ShutsDown),
        // Called off: what was kept is kept, and the end is under way.
        _ => None,
    }
}
