//! A question that the Secret Service wants answered by a person (Secret Service API, "Prompts and
//! Prompting"). Waits for a minute, then takes the question back: nothing is done behind its end.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use zbus::blocking::{Connection, MessageIterator};
use zbus::message::Type;
use zbus::zvariant::{ObjectPath, OwnedValue};
use zbus::{MatchRule, Message};

use super::secrets::{SERVICE, Trouble};
use crate::keychain::asking::{Asking, PATIENCE};

const PROMPT: &str = "org.freedesktop.Secret.Prompt";

/// How long may the service take to put a prompt away?
const DISMISSAL: Duration = Duration::from_secs(2);

/// What the person's yes gave.
pub(super) fn answered(
    bus: &Connection,
    prompt: &ObjectPath<'_>,
    asking: &Asking,
) -> Result<OwnedValue, Trouble> {
    asking.during(|| shown(bus, prompt, PATIENCE))
}

pub(in crate::keychain) fn shown(
    bus: &Connection,
    prompt: &ObjectPath<'_>,
    patience: Duration,
) -> Result<OwnedValue, Trouble> {
    let completed = MatchRule::builder()
        .msg_type(Type::Signal)
        .interface(PROMPT)?
        .member("Completed")?
        .path(prompt)?
        .build();
    let mut signals = MessageIterator::for_match_rule(completed, bus, Some(1))?;
    let (tell, told) = channel();
    // The iterator knows no deadline.
    let waiting = std::thread::Builder::new().name("keychain prompt".to_owned());
    let waiting = waiting.spawn(move || {
        if let Some(signal) = signals.next()
            && tell.send(signal).is_err()
        {
            tracing::debug!("a prompt ended after it was given up");
        }
    });
    waiting.map_err(|error| Trouble::Failed(format!("no thread to wait on: {error}")))?;
    bus.call_method(Some(SERVICE), prompt, Some(PROMPT), "Prompt", &"")?;
    match told.recv_timeout(patience) {
        Ok(signal) => answer(&signal?),
        Err(RecvTimeoutError::Disconnected) => {
            Err(Trouble::Failed("the session bus ended while its prompt was open".to_owned()))
        }
        Err(RecvTimeoutError::Timeout) => {
            bus.call_method(Some(SERVICE), prompt, Some(PROMPT), "Dismiss", &())?;
            if told.recv_timeout(DISMISSAL).is_err() {
                // Its end would find nobody, and the thread above would wait for it for good.
                bus.clone().close()?;
            }
            Err(Trouble::Locked("nobody answered its prompt".to_owned()))
        }
    }
}

fn answer(signal: &Message) -> Result<OwnedValue, Trouble> {
    let (dismissed, result): (bool, OwnedValue) = signal.body().deserialize()?;
    if dismissed {
        return Err(Trouble::Locked("its prompt was dismissed".to_owned()));
    }
    Ok(result)
}
