//! Linux: polkit on the system bus. It is asked about the process that answers, and shows its own dialogue: the
//! person's password, fingerprint or key, as the machine has it. Nothing of what is typed comes here, and nothing
//! of the question goes there: polkit takes details from root alone.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::time::Duration;

use dagpass_core::approvals::{PROVING, Proof};
use dagpass_core::principal::Mark;
use rustix::process::{Pid, PidfdFlags, getuid, pidfd_open};
use zbus::blocking::{Connection, connection};
use zbus::zvariant::{Fd, Value};

use super::{AGAIN, Answerer, LOOK, unproven};
use crate::random::random;

const BY: &str = "polkit";
/// As the packages' file for polkit has it.
const ACTION: &str = "dev.dagpass.approve";
const NAME: &str = "org.freedesktop.PolicyKit1";
const PATH: &str = "/org/freedesktop/PolicyKit1/Authority";
const AUTHORITY: &str = "org.freedesktop.PolicyKit1.Authority";
const ALLOW_USER_INTERACTION: u32 = 1;
/// In the details of an answer: the person closed the dialogue.
const DISMISSED: &str = "polkit.dismissed";
/// What a bus says where nobody has that name, nor could be started for it.
const NOBODY: [&str; 2] =
    ["org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner"];

/// Whether it is so, whether somebody would have to be asked first, and more.
type Answer = (bool, bool, HashMap<String, String>);

pub(super) fn prove(answerer: &Answerer) -> Proof {
    let uid = answerer.uid.unwrap_or_else(|| getuid().as_raw());
    if uid == 0 {
        return Proof::Unable(ROOT.to_owned());
    }
    let Some(mark) = answerer.process.lineage().tree.first().copied() else {
        return unproven("the system does not show which process answers", AGAIN);
    };
    match connect(PROVING) {
        Ok(bus) => ask(&bus, answerer, (mark, uid)),
        Err(none) => Proof::Unable(none),
    }
}

pub(super) fn able() -> Result<&'static str, String> {
    if getuid().is_root() {
        return Err(ROOT.to_owned());
    }
    match knows(&connect(LOOK)?) {
        Ok(true) => Ok(BY),
        Ok(false) => Err(unknown()),
        Err(error) => Err(nobody(&error).unwrap_or_else(|| said(&error))),
    }
}

const ROOT: &str = "polkit asks root for nothing";

fn unknown() -> String {
    format!("polkit knows no action `{ACTION}`: dagpass's packages bring it")
}

fn connect(patience: Duration) -> Result<Connection, String> {
    let bus = connection::Builder::system().and_then(|bus| bus.method_timeout(patience).build());
    bus.map_err(|error| format!("no polkit: no system bus ({error})"))
}

fn ask(bus: &Connection, answerer: &Answerer, (mark, uid): (Mark, u32)) -> Proof {
    let subject = ("unix-process", process(mark, uid));
    if answerer.process.holds().is_err() {
        return unproven("the process that answers has ended", AGAIN);
    }
    let (nothing, cancel) = (HashMap::<&str, &str>::new(), random());
    let question = (subject, ACTION, nothing, ALLOW_USER_INTERACTION, cancel.as_str());
    let reply = bus.call_method(Some(NAME), PATH, Some(AUTHORITY), "CheckAuthorization", &question);
    match reply.and_then(|reply| reply.body().deserialize::<Answer>()) {
        Ok(answer) => judged(&answer),
        Err(error) => failed(bus, &error, &cancel),
    }
}

/// By number and start, and held where polkit takes that: a number that is used again is another process.
fn process(mark: Mark, uid: u32) -> HashMap<&'static str, Value<'static>> {
    let mut process = HashMap::from([
        ("pid", Value::from(mark.pid)),
        ("start-time", Value::from(mark.started_at.unwrap_or_default())),
        ("uid", Value::from(uid.cast_signed())),
    ]);
    let pid = Pid::from_raw(mark.pid.cast_signed());
    if let Some(Ok(held)) = pid.map(|pid| pidfd_open(pid, PidfdFlags::empty())) {
        process.insert("pidfd", Value::Fd(Fd::from(held)));
    }
    process
}

fn judged((authorized, challenge, details): &Answer) -> Proof {
    match (authorized, challenge) {
        (true, _) => Proof::By(BY),
        (false, true) => unproven(
            "polkit has nobody in that session who could ask (no authentication agent)",
            "answer it on the desktop or at a terminal",
        ),
        (false, false) if details.get(DISMISSED).is_some_and(|is| is == "true") => {
            unproven("polkit's question was closed", AGAIN)
        }
        (false, false) => unproven("polkit says no: nobody proved to be the person", AGAIN),
    }
}

fn failed(bus: &Connection, error: &zbus::Error, cancel: &str) -> Proof {
    if let Some(nobody) = nobody(error) {
        return Proof::Unable(nobody);
    }
    match error {
        zbus::Error::InputOutput(error) if error.kind() == ErrorKind::TimedOut => {
            let asked = bus.call_method(
                Some(NAME),
                PATH,
                Some(AUTHORITY),
                "CancelCheckAuthorization",
                &cancel,
            );
            if let Err(error) = asked {
                tracing::debug!(%error, "polkit's question could not be taken back");
            }
            let waited = PROVING.as_secs();
            unproven(format!("nobody answered polkit's question within {waited} s"), AGAIN)
        }
        zbus::Error::MethodError(..) => match knows(bus) {
            Ok(false) => Proof::Unable(unknown()),
            Ok(true) | Err(_) => unproven(said(error), AGAIN),
        },
        other => unproven(format!("polkit went away ({other})"), AGAIN),
    }
}

fn nobody(error: &zbus::Error) -> Option<String> {
    let zbus::Error::MethodError(name, ..) = error else { return None };
    NOBODY.contains(&name.as_str()).then(|| "there is no polkit on the system bus".to_owned())
}

fn said(error: &zbus::Error) -> String {
    format!("polkit does not do it ({error})")
}

/// Does it have a file for ours?
fn knows(bus: &Connection) -> Result<bool, zbus::Error> {
    type Described =
        (String, String, String, String, String, String, u32, u32, u32, HashMap<String, String>);
    let reply = bus.call_method(Some(NAME), PATH, Some(AUTHORITY), "EnumerateActions", &"")?;
    let actions: Vec<Described> = reply.body().deserialize()?;
    Ok(actions.iter().any(|(action, ..)| action == ACTION))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(proof: Proof) -> String {
        match proof {
            Proof::Unproven { why, .. } => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_way_of_not_being_the_person_has_its_words() {
        let dismissed = || HashMap::from([(DISMISSED.to_owned(), "true".to_owned())]);
        assert_eq!(judged(&(true, false, HashMap::new())), Proof::By("polkit"));
        for (answer, words) in [
            ((false, true, HashMap::new()), "no authentication agent"),
            ((false, false, dismissed()), "was closed"),
            ((false, false, HashMap::new()), "polkit says no"),
        ] {
            let why = why(judged(&answer));
            assert!(why.contains(words), "{why}");
        }
    }

    #[test]
    fn a_process_is_named_by_number_start_and_owner_and_held() {
        let own = std::process::id();
        let named = process(Mark { pid: own, started_at: Some(7) }, 1000);
        assert_eq!(named.get("pid"), Some(&Value::U32(own)));
        assert_eq!(named.get("start-time"), Some(&Value::U64(7)));
        assert_eq!(named.get("uid"), Some(&Value::I32(1000)));
        assert!(matches!(named.get("pidfd"), Some(Value::Fd(_))));
    }

    /// What polkit is asked for is what the packages bring.
    #[test]
    fn the_packages_file_has_the_action_that_is_asked_for() {
        let file = include_str!("../../../../packages/dev.dagpass.policy");
        assert!(file.contains(&format!("<action id=\"{ACTION}\">")), "{file}");
        for allowed in ["allow_any", "allow_inactive", "allow_active"] {
            let line = format!("<{allowed}>auth_self</{allowed}>");
            assert!(file.contains(&line), "each answer is proved by itself: {line}");
        }
    }
}
