//! This machine's part: certificates, keychain, socket, ports.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use dagpass_client::wire::Finding;
use dagpass_core::ports::StoreFailure;
use dagpass_core::profile::Flow;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Scene, count, hint, ok, problem, skipped, warning};
use crate::config::{Config, StoreChoice};

/// How long may the keychain take? It has a deadline of its own within.
const KEYCHAIN_DEADLINE: Duration = Duration::from_secs(20);
/// How long may our own port take to answer?
const PORT_DEADLINE: Duration = Duration::from_secs(2);

pub(super) fn ca_files(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for profile in config.profiles.values() {
        let Some(path) = &profile.network.ca_file else { continue };
        let name = Some(profile.name.as_str());
        findings.push(match certificates(path) {
            Ok(number) => {
                ok("ca", name, format!("{}: {}", path.display(), count(number, "certificate")))
            }
            Err(cause) => hint(
                problem("ca", name, format!("{}: {cause}", path.display())),
                "`ca-file` must name a PEM file with the certificates of your company's authority",
            ),
        });
    }
    findings
}

/// How many there are, each of them readable.
fn certificates(path: &Path) -> Result<usize, String> {
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| format!("is no PEM: {error}"))?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err("holds no certificate in PEM form".to_owned());
    }
    Ok(roots.len())
}

pub(super) async fn keychain(scene: &Scene<'_>) -> Finding {
    let (name, here) = match &scene.config.store {
        StoreChoice::Keychain => ("the system's keychain", None),
        StoreChoice::PassphraseFile => ("the passphrase file", None),
        StoreChoice::KeyFile(path) => ("the key file", Some(path)),
    };
    let answer = timeout(KEYCHAIN_DEADLINE, scene.store.readiness()).await;
    let failure = match answer {
        Ok(Ok(())) => return ok("keychain", None, format!("{name} takes secrets")),
        Ok(Err(failure)) => failure,
        Err(_) => StoreFailure::TimedOut(KEYCHAIN_DEADLINE),
    };
    let otherwise =
        "or choose an encrypted file: `kind = \"passphrase-file\"` in `[store]` of the config";
    let fix = match (&failure, here) {
        (_, Some(path)) => format!(
            "`[store] key-file` is {}: check that it is there and yours alone",
            path.display()
        ),
        (StoreFailure::PassphraseNeeded(_), None) => "run `dagpass agent unlock`".to_owned(),
        (StoreFailure::Locked(_), None) => format!("unlock it, {otherwise}"),
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
            "`dagpass logout` and `dagpass login` write a new record".to_owned()
        }
    };
    hint(problem("keychain", None, failure.to_string()), fix)
}

/// Those that a sign-in must write over; the keychain itself is fine.
pub(super) async fn records(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for key in scene.config.sessions() {
        let Some(profile) = scene.config.session(&key) else { continue };
        if let Ok(Err(failure @ StoreFailure::Corrupt(_))) =
            timeout(KEYCHAIN_DEADLINE, scene.store.load(&key)).await
        {
            let found = problem("keychain", Some(&profile.name.to_string()), failure.to_string());
            findings.push(hint(found, format!("run `{}`", profile.login())));
        }
    }
    findings
}

pub(super) fn socket(place: &str) -> Finding {
    // A pipe's name lives as long as the agent does, and looking it up would open it.
    if place.starts_with(r"\\.\pipe\") || Path::new(place).exists() {
        return ok("socket", None, place);
    }
    let found = problem("socket", None, format!("{place} is gone: something removed it"));
    hint(found, "run `dagpass agent restart`; sessions are kept")
}

pub(super) async fn endpoint(port: Option<u16>) -> Finding {
    let Some(port) = port else {
        let found =
            warning("port", None, "the TCP endpoint does not stand; the socket serves alone");
        return hint(
            found,
            "set `[endpoint] port` to a free one, or 0, and `dagpass agent restart`",
        );
    };
    match timeout(PORT_DEADLINE, TcpStream::connect((Ipv4Addr::LOCALHOST, port))).await {
        Ok(Ok(_)) => ok("port", None, format!("127.0.0.1:{port} answers")),
        Ok(Err(error)) => unanswered(port, &error.to_string()),
        Err(_) => unanswered(port, "no answer"),
    }
}

fn unanswered(port: u16, cause: &str) -> Finding {
    let found = problem("port", None, format!("127.0.0.1:{port} does not answer: {cause}"));
    hint(found, "a local firewall may stand before loopback; then `dagpass agent restart`")
}

/// Stands each profile's callback listener for a moment: what cannot be had now will not be had
/// when the browser comes back.
pub(super) async fn callback_ports(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for profile in scene.config.profiles.values() {
        let name = Some(profile.name.as_str());
        if profile.flow == Flow::Device {
            findings.push(skipped("port", name, "no callback: this profile signs in by code"));
            continue;
        }
        findings.push(match scene.callbacks.listen(&profile.redirect).await {
            Ok(listening) => ok("port", name, format!("callback at {}", listening.redirect_uri)),
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
