//! Who is signed in, one finding a session, and what stands before all of them: its state's reason, and
//! the command that helps.

use dagpass_client::wire::{Finding, ProfileStatus};

use super::{Scene, hint, ok, problem, skipped, warning};

pub(super) fn sessions(scene: &Scene<'_>) -> Vec<Finding> {
    let agent = scene.paused.then(|| {
        let found = warning("agent", None, "paused: no token is served, and nothing is refreshed");
        hint(found, "run `dagpass agent resume`")
    });
    agent.into_iter().chain(scene.sessions.iter().map(found)).collect()
}

fn found(session: &ProfileStatus) -> Finding {
    let name = Some(session.name.as_str());
    let sign_in = || format!("run `{}`", session.login);
    let because = |what: &str| match &session.reason {
        Some(reason) => format!("{what}: {reason}"),
        None => what.to_owned(),
    };
    if let Some(found) = of_client(session, because) {
        return found;
    }
    let elsewhere = "start or unlock the keychain, or run `dagpass store use passphrase-file`";
    match session.state.as_str() {
        "signed_in" => ok("session", name, because(&signed_in(session))),
        "signing_in" => skipped("session", name, "a sign-in is under way"),
        "signed_out" => hint(warning("session", name, because("nobody is signed in")), sign_in()),
        "login_required" => hint(problem("session", name, because("it has ended")), sign_in()),
        "offline" => hint(
            warning("session", name, because("Ping was not reached; the session is kept")),
            "check network and VPN; `dagpass status` tells when it is back",
        ),
        "degraded" => hint(
            problem("session", name, because("its newest token is not in its place")),
            elsewhere,
        ),
        "misconfigured" => hint(
            problem("session", name, because("what the config says does not fit what Ping says")),
            format!("mend {}, then run `dagpass config check`", table(session)),
        ),
        "keychain_locked" => {
            hint(problem("session", name, because("locked away")), "run `dagpass agent unlock`")
        }
        "keychain_unavailable" => {
            hint(problem("session", name, because("it cannot be read")), elsewhere)
        }
        other => warning("session", name, because(&other.replace('_', " "))),
    }
}

/// Of one that nobody signs in to, what is its own.
fn of_client(session: &ProfileStatus, because: impl Fn(&str) -> String) -> Option<Finding> {
    let name = Some(session.name.as_str());
    let mend = format!("run `{}`", session.login);
    Some(match session.state.as_str() {
        "ready" => ok("session", name, because(&format!("a {}, ready", session.kind))),
        "no_credential" => hint(problem("session", name, because("it cannot prove itself")), mend),
        "refused" => hint(
            problem("session", name, because("the issuer refuses its client")),
            format!("mend its registration at the issuer, or {mend}"),
        ),
        "offline" if !session.signs_in() => hint(
            warning("session", name, because("Ping was not reached; what is at hand is served")),
            "check network and VPN; `dagpass status` tells when it is back",
        ),
        _ => return None,
    })
}

fn signed_in(session: &ProfileStatus) -> String {
    let Some(who) = &session.who else { return "signed in".to_owned() };
    format!("signed in as {}", who.name.as_deref().or(who.email.as_deref()).unwrap_or(&who.sub))
}

/// Where the config has it.
fn table(session: &ProfileStatus) -> String {
    match &session.connection {
        None => format!("`[profile.{}]`", session.name),
        Some(connection) => format!("`[connection.{connection}]`"),
    }
}
