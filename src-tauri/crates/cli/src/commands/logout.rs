//! `dagpass logout`: what was revoked, and what Ping did not confirm.

use clap::Args;
use dagpass_client::wire::{DeploymentSignedOut, ErrorReply, SignOutAsk, SignOutReply, SignedOut};

use super::leases::words;
use super::login;
use crate::exit::Failure;
use crate::world::World;
use crate::{output, time};

/// The agent's word for a session that could not be ended.
const FAILED: &str = "failed";

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dagpass logout\n  dagpass logout prod --sso\n  dagpass logout --all"
)]
pub(crate) struct Logout {
    /// The profile, or PROFILE/CONN_ID for a connection with a sign-in of its own; the default
    /// profile where absent
    profile: Option<String>,
    /// Everywhere on this machine: every profile and every sign-in of a connection's own, with every lease
    #[arg(long, conflicts_with = "profile")]
    all: bool,
    /// End Ping's own session too, which signs the browser out of everything
    #[arg(long)]
    sso: bool,
}

pub(crate) fn run(world: &World, args: Logout) -> Result<(), Failure> {
    let Logout { profile, all, sso } = args;
    let ask =
        SignOutAsk { profile, all, sso, remote: login::is_remote(|name| std::env::var(name).ok()) };
    let reply = world.ask(|agent| agent.sign_out(&ask))?;
    if world.json {
        output::json(&reply)?;
    } else {
        reply.profiles.iter().for_each(|profile| output::say(&line(profile)));
        left(&reply, time::now()).iter().for_each(|line| output::say(line));
    }
    finished(&reply)
}

/// Of a machine's caller, too, one that is not finished is no success.
fn finished(reply: &SignOutReply) -> Result<(), Failure> {
    match reply.profiles.iter().filter(|one| one.revocation == FAILED).count() {
        0 => Ok(()),
        some => Err(Failure::new(
            "sign_out_failed",
            format!("{some} of {} sign-outs are not finished", reply.profiles.len()),
        )
        .hint("mend what is said of each, then run `dagpass logout --all` again")),
    }
}

/// What the leases came to, and what is out there and stays good.
fn left(reply: &SignOutReply, now: i64) -> Vec<String> {
    let mut lines = Vec::new();
    match reply.leases_ended {
        Some(1) => lines.push("1 lease ended".to_owned()),
        Some(some @ 2..) => lines.push(format!("{some} leases ended")),
        Some(0) | None => {}
    }
    if reply.outstanding.is_empty() {
        return lines;
    }
    lines.push(
        "handed out before, and good for whoever holds it until its own end; a server that asks Ping may refuse \
         it sooner, one that checks offline does not:"
            .to_owned(),
    );
    lines.extend(reply.outstanding.iter().map(|lease| {
        let until = time::show(lease.until, now);
        format!("  {} until {until}, held by {}", words::what(lease), words::tree(lease))
    }));
    lines
}

pub(super) fn line(one: &SignedOut) -> String {
    let said = match one.revocation.as_str() {
        "not_signed_in" if one.client => "no token of it was out",
        "confirmed" if one.client => "Ping has revoked what it had given",
        "unsupported" if one.client => {
            "forgotten here; this issuer revokes no tokens, so they end there by themselves"
        }
        "unconfirmed" if one.client => "forgotten here; Ping did not confirm that they are revoked",
        "confirmed" => "signed out, Ping has revoked the session's token",
        "unsupported" => "signed out; this issuer revokes no tokens, so it ends there by itself",
        "unconfirmed" => "signed out; Ping did not confirm that the token is revoked",
        "pending" => "signed out; Ping cannot be reached: revocation pending, tried again for 24 h",
        "not_signed_in" => "was not signed in",
        FAILED => "not finished",
        other => other,
    };
    let why: String = one.error.iter().map(|error| format!(": {}", reason(error))).collect();
    let browser = one.end_session_url.iter();
    let browser: String = browser
        .map(|url| format!("\n  to end Ping's session open {}", output::word(url)))
        .collect();
    let deployments: String =
        one.deployments.iter().map(|at| deployment(&one.profile, at)).collect();
    format!("{}: {said}{why}{deployments}{browser}", one.profile)
}

fn reason(error: &ErrorReply) -> String {
    let cause = error.cause.iter().map(|cause| format!(" ({})", output::word(cause)));
    let hint = error.hint.iter().map(|hint| format!("; {}", output::word(hint)));
    output::word(&error.error_description) + &cause.chain(hint).collect::<String>()
}

fn deployment(session: &str, one: &DeploymentSignedOut) -> String {
    let end = time::show(one.expires_at, time::now());
    let said = match one.revocation.as_str() {
        "confirmed" => "its token is revoked".to_owned(),
        "unsupported" => format!("it revokes no tokens; this one ends at {end}"),
        "pending" => {
            format!(
                "it cannot be reached; its token ends at {end}, `dagpass logout {session}` tries again"
            )
        }
        "unconfirmed" => format!("it did not confirm; its token ends at {end} at the latest"),
        other => other.to_owned(),
    };
    format!("\n  Airflow {}: {said}", one.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dagpass_client::wire::Lease;

    #[test]
    fn an_unclear_answer_is_never_told_as_revoked() {
        for (revocation, text) in [
            ("confirmed", "has revoked"),
            ("unconfirmed", "did not confirm"),
            ("pending", "cannot be reached"),
            ("unsupported", "revokes no tokens"),
            ("not_signed_in", "prod: was not signed in"),
        ] {
            let mut one = SignedOut {
                profile: "prod".into(),
                revocation: revocation.into(),
                ..SignedOut::default()
            };
            assert!(line(&one).contains(text), "{revocation}");
            if revocation != "pending" {
                one.client = true;
                assert!(
                    !line(&one).contains("signed"),
                    "nobody signs in to a service: {}",
                    line(&one)
                );
            }
        }
    }

    #[test]
    fn what_stays_good_is_told_with_its_end_and_a_sign_out_that_is_not_finished_with_its_reason() {
        let lease = Lease {
            kind: "run".into(),
            tree: "run-9c".into(),
            audience: vec!["https://lake.example".into()],
            until: 1_795_548_600,
            ..Lease::default()
        };
        let outstanding = vec![lease];
        let reply = SignOutReply { leases_ended: Some(2), outstanding, ..SignOutReply::default() };
        let text = left(&reply, 1_795_548_000).join("\n");
        assert!(text.starts_with("2 leases ended"), "{text}");
        assert!(text.contains("one that checks offline does not"), "{text}");
        let row = "https://lake.example until 19:30:00 UTC, held by dagpass run run-9c";
        assert!(text.contains(row), "{text}");
        assert!(left(&SignOutReply::default(), 0).is_empty());
        let error =
            Failure::new("keychain_locked", "the keychain is locked").hint("unlock it").reply;
        let one = SignedOut {
            profile: "prod".into(),
            revocation: FAILED.into(),
            error: Some(error),
            ..SignedOut::default()
        };
        let text = line(&one);
        assert!(text.contains("not finished: the keychain is locked; unlock it"), "{text}");
        let reply = SignOutReply { profiles: vec![one], ..SignOutReply::default() };
        assert!(finished(&reply).is_err() && finished(&SignOutReply::default()).is_ok());
    }

    #[test]
    fn an_airflow_token_is_told_as_revoked_only_where_that_is_confirmed() {
        for (revocation, text) in [
            ("confirmed", "Airflow prod: its token is revoked"),
            ("unconfirmed", "did not confirm; its token ends at"),
            ("pending", "cannot be reached; its token ends at"),
            ("unsupported", "revokes no tokens; this one ends at"),
        ] {
            let revocation = revocation.to_owned();
            let one = DeploymentSignedOut { name: "prod".into(), revocation, expires_at: 1 };
            assert!(deployment("prod", &one).contains(text), "{}", deployment("prod", &one));
        }
    }
}
