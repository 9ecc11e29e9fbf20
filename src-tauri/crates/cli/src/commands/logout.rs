//! `dagpass logout`: what was revoked, and what Ping did not confirm.

use clap::Args;
use dagpass_client::wire::{DeploymentSignedOut, SignOutAsk, SignedOut};

use super::login;
use crate::exit::Failure;
use crate::world::World;
use crate::{output, time};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dagpass logout\n  dagpass logout prod --sso\n  dagpass logout --all"
)]
pub(crate) struct Logout {
    /// The profile, or PROFILE/CONN_ID for a connection with a sign-in of its own; the default
    /// profile where absent
    profile: Option<String>,
    /// Every profile
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
        return output::json(&reply);
    }
    reply.profiles.iter().for_each(|profile| output::say(&line(profile)));
    Ok(())
}

pub(super) fn line(one: &SignedOut) -> String {
    let said = match one.revocation.as_str() {
        "confirmed" => "signed out, Ping has revoked the session's token",
        "unsupported" => "signed out; this issuer revokes no tokens, so it ends there by itself",
        "unconfirmed" => "signed out; Ping did not confirm that the token is revoked",
        "pending" => "signed out; Ping cannot be reached: revocation pending, tried again for 24 h",
        "not_signed_in" => "was not signed in",
        other => other,
    };
    let browser = one.end_session_url.iter();
    let browser: String = browser
        .map(|url| format!("\n  to end Ping's session open {}", output::word(url)))
        .collect();
    let deployments: String =
        one.deployments.iter().map(|at| deployment(&one.profile, at)).collect();
    format!("{}: {said}{deployments}{browser}", one.profile)
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

    #[test]
    fn an_unclear_answer_is_never_told_as_revoked() {
        for (revocation, text) in [
            ("confirmed", "has revoked"),
            ("unconfirmed", "did not confirm"),
            ("pending", "cannot be reached"),
            ("unsupported", "revokes no tokens"),
            ("not_signed_in", "prod: was not signed in"),
        ] {
            let one = SignedOut {
                profile: "prod".into(),
                revocation: revocation.into(),
                end_session_url: None,
                deployments: Vec::new(),
            };
            assert!(line(&one).contains(text), "{revocation}");
        }
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
