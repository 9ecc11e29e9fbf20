//! `dagpass status`: sessions with their three ends, each with where the figure comes from.

use dagpass_client::wire::{
    AgentStatus, DeploymentStatus, HorizonReply, OwedRevocation, ProfileStatus, Status, Who,
};

use super::lanes;
use crate::exit::Failure;
use crate::world::{World, compare_version};
use crate::{duration, output, time};

pub(crate) fn run(world: &World) -> Result<(), Failure> {
    let status = world.ask(|agent| agent.status())?;
    compare_version(&status.agent.version);
    world.notice_config();
    if world.json { output::json(&status) } else { output::out(&table(&status, time::now())) }
}

fn table(status: &Status, now: i64) -> String {
    let agent = &status.agent;
    let paused =
        if agent.paused { ", paused: `dagpass agent resume` hands out tokens again" } else { "" };
    let mut lines = vec![
        row("agent", &format!("{}, pid {}{paused}", agent.version, agent.pid)),
        row("socket", &agent.socket),
        row("keychain", &keychain(status)),
        row("config", &agent.config_path),
    ];
    if agent.icon == "unseen" {
        lines.push(row("tray", "this desktop shows no icons: run `dagpass doctor`"));
    }
    lines.extend(agent.config_error.iter().map(|error| row("", &format!("wrong: {error}"))));
    lines.extend(agent.managed_config.iter().map(|file| row("", &managed(file, &agent.locked))));
    lines.extend(policy(agent));
    let unwritten =
        |error| row("ledger", &format!("not written, so nothing is handed out: {error}"));
    lines.extend(agent.ledger_error.iter().map(unwritten));
    let missing = |what| row("ledger", &format!("not whole: run `dagpass audit verify`: {what}"));
    lines.extend(agent.ledger_missing.iter().map(missing));
    let forked = |what| row("ledger", &format!("evidence of a fork: run `dagpass doctor`: {what}"));
    lines.extend(agent.ledger_forked.iter().map(forked));
    let behind = |why| row("witnesses", &format!("too few cosigned the ledger: {why}"));
    lines.extend(agent.witness_error.iter().map(behind));
    lines.extend(agent.logout_error.iter().map(|error| row("logout", error)));
    let unwritten =
        |why| row("logout", &format!("a sign-out is not written down for the next start: {why}"));
    lines.extend(agent.logout_unwritten.iter().map(unwritten));
    lines
        .extend(status.lanes.iter().map(|lane| row(&lanes::title(lane), &lanes::share(lane, now))));
    if status.profiles.is_empty() {
        lines.push(format!("\n{}", nobody(status)));
    }
    for profile in &status.profiles {
        let default = agent.default_profile.as_deref() == Some(profile.name.as_str());
        lines.push(profile_lines(profile, default, now));
    }
    lines.extend(status.deployments.iter().map(|one| deployment_lines(one, now)));
    lines.extend(status.revocations.iter().map(|owed| revocation(owed, now)));
    lines.extend(
        status.containers.iter().map(|door| format!("\n{}", super::container::lines(door))),
    );
    lines.join("\n")
}

/// The machine's config, which stands above the person's.
pub(super) fn managed(file: &str, locked: &[String]) -> String {
    match locked {
        [] => format!("over what {file} sets for everybody on this machine"),
        locked => format!("under {file}, which locks {}", locked.join(", ")),
    }
}

/// Nothing where there is none.
fn policy(agent: &AgentStatus) -> Option<String> {
    let error = agent.policy_error.as_deref().unwrap_or("run `dagpass policy check`");
    match agent.policy_state.as_str() {
        "in_force" => Some(row("policy", "in force: `dagpass policy show`")),
        "outdated" => {
            let wrong = format!("does not load, and the last good one serves: {error}");
            Some(row("policy", &wrong))
        }
        "switched_off" => Some(row("policy", &format!("your own is switched off {error}"))),
        "shut" => Some(row("policy", &format!("does not load, so no token leaves: {error}"))),
        _ => None,
    }
}

/// Why there is no profile, and the one command that mends it.
fn nobody(status: &Status) -> String {
    let AgentStatus { config_state, config_path, config_error, .. } = &status.agent;
    match (config_error, config_state.as_str()) {
        (Some(_), _) => "no config is in force: run `dagpass config check`".to_owned(),
        (None, "absent") => {
            format!("no profile yet, and no config at {config_path}: run `dagpass init`")
        }
        (None, _) => "no profile yet: run `dagpass init`".to_owned(),
    }
}

fn profile_lines(profile: &ProfileStatus, default: bool, now: i64) -> String {
    let mark = if default { " (default)" } else { "" };
    let mut lines = vec![format!("\n{}{mark}: {}", profile.name, state(profile))];
    lines.extend(profile.reason.iter().map(|reason| row("  reason", reason)));
    lines.push(row("  issuer", &profile.issuer));
    let ends = &profile.horizons;
    lines.push(row("  access token", &horizon(&ends.access_token, now)));
    if !profile.signs_in() {
        lines.push(row("  client", &profile.client_id));
        return lines.join("\n");
    }
    lines.push(row("  refresh token", &horizon(&ends.refresh_token, now)));
    lines.push(row("  Ping session", &horizon(&ends.session, now)));
    lines.join("\n")
}

fn deployment_lines(one: &DeploymentStatus, now: i64) -> String {
    let mut lines = vec![format!("\nAirflow {}: {}", one.name, one.url)];
    lines.push(row("  profile", &one.profile));
    lines.push(row("  token", &deployment_token(one, now)));
    if let Some(env) = &one.keychain_item {
        let trouble =
            one.keychain_trouble.iter().map(|trouble| format!(": not written, {trouble}"));
        let account = format!("airflowctl, api_token_{env}{}", trouble.collect::<String>());
        lines.push(row("  keychain item", &account));
    }
    lines.extend(one.reason.iter().map(|reason| row("  reason", reason)));
    lines.join("\n")
}

/// Whose token it takes, and until when one is at hand.
pub(crate) fn deployment_token(one: &DeploymentStatus, now: i64) -> String {
    match (one.token.as_str(), one.expires_at) {
        ("direct", _) => "Ping's own".to_owned(),
        (_, Some(at)) => {
            format!("its own, until {} (in {})", time::show(at, now), duration::show(at - now))
        }
        (_, None) => "its own, none at hand".to_owned(),
    }
}

fn revocation(owed: &OwedRevocation, now: i64) -> String {
    format!(
        "\n{}: revocation pending: signed out {} ago, Ping could not be reached; tried again for {}",
        owed.profile,
        duration::show(now - owed.since),
        duration::show(owed.forget_at - now)
    )
}

/// What a profile's state is called, and what to do about it.
pub(crate) fn state(profile: &ProfileStatus) -> String {
    let login = &profile.login;
    if !profile.signs_in() {
        return format!("{}, {}", profile.kind, of_client(profile));
    }
    match profile.state.as_str() {
        "signed_in" => format!("signed in{}", profile.who.as_ref().map(by).unwrap_or_default()),
        "signed_out" => format!("signed out: run `{login}`"),
        "login_required" => format!("sign-in required: run `{login}`"),
        "offline" => "Ping cannot be reached, the session is kept".to_owned(),
        "degraded" => "signed in, but the keychain does not save: run `dagpass doctor`".to_owned(),
        "misconfigured" => "misconfigured: run `dagpass doctor`".to_owned(),
        "keychain_locked" => "the keychain is locked: run `dagpass agent unlock`".to_owned(),
        "keychain_unavailable" => "no keychain: run `dagpass doctor`".to_owned(),
        "signing_in" => "signing in".to_owned(),
        other => other.replace('_', " "),
    }
}

/// Of one that nobody signs in to.
fn of_client(profile: &ProfileStatus) -> String {
    let mend = &profile.login;
    match profile.state.as_str() {
        "ready" => "ready".to_owned(),
        "no_credential" => format!("nothing here proves it: run `{mend}`"),
        "refused" => format!("the issuer refuses it: mend it there, or run `{mend}`"),
        "offline" => "the issuer is not reached, what is at hand is served".to_owned(),
        "misconfigured" => "misconfigured: run `dagpass doctor`".to_owned(),
        "keychain_locked" => "the keychain is locked: run `dagpass agent unlock`".to_owned(),
        "keychain_unavailable" => "no keychain: run `dagpass doctor`".to_owned(),
        other => other.replace('_', " "),
    }
}

fn by(who: &Who) -> String {
    format!(" as {}", person(who))
}

/// The best name there is, and the address where both are known.
pub(crate) fn person(who: &Who) -> String {
    output::word(&match (&who.name, &who.email) {
        (Some(name), Some(email)) => format!("{name} <{email}>"),
        (Some(one), None) | (None, Some(one)) => one.clone(),
        (None, None) => who.sub.clone(),
    })
}

fn horizon(horizon: &HorizonReply, now: i64) -> String {
    let source = match horizon.source.as_str() {
        "" => "unknown",
        source => source,
    };
    match horizon.at {
        Some(at) if at <= now => format!("ended {} ago ({source})", duration::show(now - at)),
        Some(at) => {
            format!("{}, in {} ({source})", time::show(at, now), duration::show(at - now))
        }
        None if source == "none" => "none".to_owned(),
        None => "not known".to_owned(),
    }
}

fn keychain(status: &Status) -> String {
    let agent = &status.agent;
    let detail = agent.store_detail.iter().map(|detail| format!(" ({detail})")).collect::<String>();
    let state = match agent.store_state.as_str() {
        "unasked" => "not asked yet",
        "changed" => "not the config's",
        state => state,
    };
    format!("{}: {state}{detail}", agent.store)
}

fn row(name: &str, value: &str) -> String {
    format!("{name:<16}{}", output::word(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_profile_has_one_reason_and_one_command() {
        for (state, error, said) in [
            ("", None, "no profile yet: run `dagpass init`"),
            ("in_force", None, "no profile yet: run `dagpass init`"),
            ("absent", None, "no profile yet, and no config at /c.toml: run `dagpass init`"),
            ("wrong", Some("/c.toml:3: x"), "no config is in force: run `dagpass config check`"),
        ] {
            let status: Status = serde_json::from_value(serde_json::json!({
                "agent": {
                    "version": "0.1.0", "pid": 7, "started_at": 1, "socket": "/run/a.sock",
                    "tcp_port": 1, "paused": false, "store": "key-file", "store_state": "ok",
                    "config_path": "/c.toml", "config_state": state, "config_error": error,
                    "default_profile": null
                },
                "profiles": []
            }))
            .unwrap();
            assert_eq!(nobody(&status), said, "{state}");
            let shown = table(&status, 0);
            assert_eq!(shown.matches("run `").count(), 1, "{shown}");
            let refused = super::super::whoami::pick(&status, Some("web")).unwrap_err();
            let code = if error.is_some() { "config_invalid" } else { "not_found" };
            assert_eq!(refused.reply.error, code, "{state}");
            assert_eq!(
                refused.reply.cause.as_deref().unwrap_or_default().contains("/c.toml"),
                !matches!(state, "" | "in_force")
            );
        }
    }

    #[test]
    fn a_service_has_words_of_its_own_and_one_end() {
        for (state, said) in [
            ("ready", "etl: service, ready"),
            ("no_credential", "nothing here proves it: run `dagpass secret set etl`"),
            ("refused", "the issuer refuses it: mend it there, or run `dagpass secret set etl`"),
            ("offline", "what is at hand is served"),
        ] {
            let profile: ProfileStatus = serde_json::from_value(serde_json::json!({
                "name": "etl", "kind": "service", "issuer": "https://p/as", "client_id": "worker",
                "login": "dagpass secret set etl", "state": state, "scopes": [],
                "horizons": {
                    "access_token": {"source": "none"}, "refresh_token": {"source": "none"},
                    "session": {"source": "none"}
                }
            }))
            .unwrap();
            let shown = profile_lines(&profile, false, 0);
            assert!(shown.contains(said) && shown.contains("worker"), "{shown}");
            assert!(!shown.contains("sign") && !shown.contains("refresh token"), "{shown}");
        }
    }

    #[test]
    fn the_table_shows_three_ends_with_their_sources() {
        let status: Status = serde_json::from_value(serde_json::json!({
            "agent": {
                "version": "0.1.0", "pid": 7, "started_at": 1, "socket": "/run/a.sock",
                "tcp_port": 1, "paused": false, "store": "secret-service", "store_state": "ok",
                "config_path": "/etc/c.toml", "default_profile": "prod"
            },
            "profiles": [
                {
                    "name": "prod", "issuer": "https://p/as", "client_id": "c", "state": "signed_in",
                    "who": {"iss": "i", "sub": "s", "name": "Ada", "email": "ada@corp.example",
                            "groups": [], "source": "id_token"},
                    "scopes": [],
                    "horizons": {
                        "access_token": {"at": 1_795_548_591, "source": "expires_in"},
                        "refresh_token": {"at": 1_795_548_000, "source": "assumed"},
                        "session": {"source": "unknown"}
                    }
                },
                {
                    "name": "dev", "issuer": "https://d", "client_id": "c", "state": "login_required",
                    "reason": "Ping refused the refresh token", "login": "dagpass login dev", "scopes": [],
                    "horizons": {
                        "access_token": {"source": "none"}, "refresh_token": {"source": "none"},
                        "session": {"source": "none"}
                    }
                }
            ],
            "deployments": [
                {"name": "dev", "url": "https://a", "profile": "dev", "token": "direct"},
                {"name": "prod", "url": "https://b", "profile": "prod", "token": "exchange",
                 "expires_at": 1_795_548_591, "keychain_item": "production"},
                {"name": "test", "url": "https://c", "profile": "prod", "token": "exchange",
                 "reason": "Airflow `test` gives you no role"}
            ],
            "revocations": [{
                "profile": "dev", "since": 1_795_548_471, "attempts": 3,
                "retry_at": 1_795_548_551, "forget_at": 1_795_634_871
            }]
        }))
        .unwrap();
        assert_eq!(
            table(&status, 1_795_548_531),
            "\
agent           0.1.0, pid 7
socket          /run/a.sock
keychain        secret-service: ok
config          /etc/c.toml

prod (default): signed in as Ada <ada@corp.example>
  issuer        https://p/as
  access token  19:29:51 UTC, in 1 min (expires_in)
  refresh token ended 8 min ago (assumed)
  Ping session  not known

dev: sign-in required: run `dagpass login dev`
  reason        Ping refused the refresh token
  issuer        https://d
  access token  none
  refresh token none
  Ping session  none

Airflow dev: https://a
  profile       dev
  token         Ping's own

Airflow prod: https://b
  profile       prod
  token         its own, until 19:29:51 UTC (in 1 min)
  keychain item airflowctl, api_token_production

Airflow test: https://c
  profile       prod
  token         its own, none at hand
  reason        Airflow `test` gives you no role

dev: revocation pending: signed out 1 min ago, Ping could not be reached; tried again for 23 h 59 min"
        );
    }
}
