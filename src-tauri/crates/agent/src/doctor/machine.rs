//! This machine's part: certificates, keychain, socket, ports.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use dagpass_client::wire::Finding;
use dagpass_core::ports::{Listening, StoreFailure};
use dagpass_core::profile::{Flow, Profile};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Scene, count, hint, ok, problem, skipped, warning};
use crate::config::{Config, StoreChoice};
use crate::http::tls::ca_file;
use crate::keychain::{Health, HealthState};

/// How long may the keychain take? It has a deadline of its own within.
const KEYCHAIN_DEADLINE: Duration = Duration::from_secs(20);
/// How long may our own port take to answer?
const PORT_DEADLINE: Duration = Duration::from_secs(2);

pub(super) fn ca_files(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for profile in config.profiles.values() {
        let Some(path) = &profile.network.ca_file else { continue };
        let name = Some(profile.name.as_str());
        findings.push(match ca_file::read(path) {
            Ok(roots) => {
                ok("ca", name, format!("{}: {}", path.display(), count(roots.len(), "certificate")))
            }
            Err(why) => hint(
                problem("ca", name, format!("{} {}", path.display(), why.text)),
                why.remedy.unwrap_or_else(|| "mend the file, or name another".to_owned()),
            ),
        });
    }
    findings
}

pub(super) async fn keychain(scene: &Scene<'_>) -> Finding {
    let health = scene.store_health;
    if let Some(elsewhere) = elsewhere(health, &scene.config.store) {
        return elsewhere;
    }
    let (name, here) = match (health.kind, &scene.config.store) {
        ("passphrase-file", _) => ("the passphrase file", None),
        ("key-file", StoreChoice::KeyFile(path)) => ("the key file", Some(path)),
        ("key-file", _) => ("the key file", None),
        _ => ("the system's keychain", None),
    };
    let answer = timeout(KEYCHAIN_DEADLINE, scene.store.readiness()).await;
    let failure = match answer {
        Ok(Ok(())) => return ok("keychain", None, format!("{name} takes secrets")),
        Ok(Err(failure)) => failure,
        Err(_) => StoreFailure::TimedOut(KEYCHAIN_DEADLINE),
    };
    let otherwise = "or choose an encrypted file: `dagpass store use passphrase-file`";
    let fix = match (&failure, here) {
        (_, Some(path)) => format!(
            "`[store] key-file` is {}: check that it is there and yours alone",
            path.display()
        ),
        (StoreFailure::PassphraseNeeded(_), None) => "run `dagpass agent unlock`".to_owned(),
        (StoreFailure::Locked(_), None) => format!("run `dagpass agent unlock`, {otherwise}"),
        (StoreFailure::Unavailable(_), None) => {
            format!("start a keychain (gnome-keyring, KWallet), {otherwise}")
        }
        (StoreFailure::OutOfReach(_), None) => {
            "run `dagpass agent restart` in a terminal of your desktop; sessions are kept"
                .to_owned()
        }
        (StoreFailure::TimedOut(_), None) => {
            format!("look for a prompt that waits for you, {otherwise}")
        }
        (StoreFailure::Corrupt(_), None) => {
            "a sign-in writes a new record: `dagpass status` names its command".to_owned()
        }
    };
    hint(problem("keychain", None, failure.to_string()), fix)
}

fn elsewhere(health: &Health, asked: &StoreChoice) -> Option<Finding> {
    let here = format!("the sessions are in {}, and the config asks for another", health.kind);
    let fix = format!("run `{}` to move them", asked.command());
    let found = hint(problem("keychain", None, here), fix);
    (health.state == HealthState::Changed).then_some(found)
}

pub(super) fn process((shielded, unkept): (Result<&'static str, &'static str>, usize)) -> Finding {
    match shielded {
        Ok(_) if unkept > 0 => {
            let secrets = count(unkept, "secret");
            let what =
                format!("the system keeps no more memory locked: {secrets} may be swapped out");
            let fix = "raise the limit of locked memory (`ulimit -l`, `LimitMEMLOCK=`), or encrypt the swap";
            hint(warning("process", None, what), fix)
        }
        Ok(how) => ok("process", None, how),
        Err(why) => {
            let fix = "run `dagpass agent restart`; its log says what the system refused";
            hint(warning("process", None, why), fix)
        }
    }
}

pub(super) fn socket(place: &str) -> Finding {
    // A pipe's name lives as long as the agent does, and looking it up would open it.
    if place.starts_with(r"\\.\pipe\") || Path::new(place).exists() {
        return ok("socket", None, place);
    }
    let found = problem("socket", None, format!("{place} is gone: something removed it"));
    hint(found, "run `dagpass agent restart`; sessions are kept")
}

pub(super) fn unseen(remedy: &str) -> Finding {
    hint(warning("tray", None, "this desktop shows no icons, so nobody sees the agent's"), remedy)
}

/// `wanted`: by the config in force; 0 is any.
pub(super) async fn endpoint(port: Option<u16>, wanted: u16) -> Finding {
    let Some(port) = port else {
        let found =
            warning("port", None, "the TCP endpoint does not stand; the socket serves alone");
        return hint(
            found,
            "set `[endpoint] port` to a free one, or 0, and `dagpass agent restart`",
        );
    };
    if let Some(another) = another(port, wanted) {
        return another;
    }
    match timeout(PORT_DEADLINE, TcpStream::connect((Ipv4Addr::LOCALHOST, port))).await {
        Ok(Ok(_)) => ok("port", None, format!("127.0.0.1:{port} answers")),
        Ok(Err(error)) => unanswered(port, &error.to_string()),
        Err(_) => unanswered(port, "no answer"),
    }
}

/// A changed config is taken up while we run, but for this.
fn another(port: u16, wanted: u16) -> Option<Finding> {
    let found = format!("127.0.0.1:{port}, and the config asks for {wanted}");
    let fix = "a port is taken at the start: run `dagpass agent restart`; sessions are kept";
    (wanted != 0 && wanted != port).then(|| hint(warning("port", None, found), fix))
}

fn unanswered(port: u16, cause: &str) -> Finding {
    let found = problem("port", None, format!("127.0.0.1:{port} does not answer: {cause}"));
    hint(found, "a local firewall may stand before loopback; then `dagpass agent restart`")
}

/// Stands each profile's callback listener for a moment: what cannot be had now will not be had
/// when the browser comes back.
pub(super) async fn callback_ports(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for profile in scene.config.profiles.values().filter(|one| one.kind.signs_in()) {
        let name = Some(profile.name.as_str());
        if profile.flow == Flow::Device {
            findings.push(skipped("port", name, "no callback: this profile signs in by code"));
            continue;
        }
        findings.push(match scene.callbacks.listen(&profile.redirect).await {
            Ok(listening) => ok("port", name, format!("callback at {}", place(profile, &listening))),
            Err(cause) => hint(
                warning("port", name, cause),
                format!(
                    "free one, or register another at Ping and add it to `profile.{}.redirect-ports`",
                    profile.name
                ),
            ),
        });
    }
    findings
}

/// The port that it has now says nothing where the next sign-in takes another.
fn place(profile: &Profile, listening: &Listening) -> String {
    let fixed = profile
        .redirect
        .ports
        .iter()
        .any(|port| profile.redirect.uri(*port) == listening.redirect_uri);
    if fixed { listening.redirect_uri.clone() } else { profile.redirect.to_register().join(" or ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_or_port_that_the_config_no_longer_asks_for_is_told_with_the_command() {
        let health = |state| Health { kind: "key-file", state, detail: None };
        assert_eq!(elsewhere(&health(HealthState::Ok), &StoreChoice::Keychain), None);
        let found = elsewhere(&health(HealthState::Changed), &StoreChoice::Keychain).unwrap();
        assert!(found.detail.contains("are in key-file"), "{found:?}");
        assert_eq!(found.hint.as_deref(), Some("run `dagpass store use keychain` to move them"));
        for (port, wanted, told) in [(7, 0, false), (7, 7, false), (7, 8, true)] {
            assert_eq!(another(port, wanted).is_some(), told, "{port} {wanted}");
        }
    }
}
