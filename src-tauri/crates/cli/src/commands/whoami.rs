//! `dagpass whoami`: the person behind a profile, and how the agent knows.

use dagpass_client::wire::{AgentStatus, DeploymentStatus, ProfileStatus, Status, Who};
use serde::Serialize;

use super::status::{deployment_token, person};
use crate::exit::Failure;
use crate::world::World;
use crate::{output, time};

pub(crate) fn run(world: &World, profile: Option<&str>) -> Result<(), Failure> {
    let status = world.ask(|agent| agent.status())?;
    let profile = pick(&status, profile)?;
    let Some(who) = &profile.who else { return Err(unknown(profile)) };
    let here = |one: &&DeploymentStatus| one.profile == profile.name;
    let airflow: Vec<&DeploymentStatus> = status.deployments.iter().filter(here).collect();
    if world.json {
        return output::json(&Person { who, airflow });
    }
    let deployments = airflow.iter().map(|one| deployment(one, time::now()));
    output::out(&(lines(&profile.name, who) + &deployments.collect::<String>()))
}

/// The person, and the Airflow deployments of this profile.
#[derive(Serialize)]
struct Person<'a> {
    #[serde(flatten)]
    who: &'a Who,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    airflow: Vec<&'a DeploymentStatus>,
}

fn deployment(one: &DeploymentStatus, now: i64) -> String {
    format!("\n  airflow  {} at {}: {}", one.name, one.url, deployment_token(one, now))
}

/// The named profile, else the default one, else the only one.
pub(crate) fn pick<'a>(
    status: &'a Status,
    named: Option<&str>,
) -> Result<&'a ProfileStatus, Failure> {
    let default = status.agent.default_profile.as_deref();
    match (named.or(default), status.profiles.as_slice()) {
        (None, [only]) => Ok(only),
        (None, []) => Err(lacks(status, "the default profile").unwrap_or_else(|| {
            Failure::new("not_found", "there is no profile yet").hint("run `dagpass init`")
        })),
        (None, several) => {
            let names: Vec<&str> = several.iter().map(|profile| profile.name.as_str()).collect();
            let failure = Failure::usage("there are several profiles and no default one");
            Err(failure.hint(format!("name one: {}", names.join(", "))))
        }
        (Some(name), profiles) => {
            profiles.iter().find(|profile| profile.name == name).ok_or_else(|| {
                lacks(status, &format!("profile `{name}`")).unwrap_or_else(|| {
                    Failure::new("not_found", format!("there is no profile `{name}`"))
                })
            })
        }
    }
}

/// As the agent says it where it is asked: a file that is wrong or gone is named.
fn lacks(status: &Status, what: &str) -> Option<Failure> {
    let AgentStatus { config_state, config_path, config_error, .. } = &status.agent;
    if let Some(error) = config_error {
        let what = format!("{what} is not known: the config is wrong");
        let failure = Failure::new("config_invalid", what).because(error);
        return Some(failure.hint("run `dagpass config check`"));
    }
    let failure = Failure::new("not_found", "there is no profile yet");
    let failure = failure.because(format!("no config at {config_path}"));
    (config_state == "absent").then(|| failure.hint("run `dagpass init`"))
}

fn unknown(profile: &ProfileStatus) -> Failure {
    let name = &profile.name;
    if !profile.signs_in() {
        let what = format!("`{name}` is a {} that cannot be read just now", profile.kind);
        return Failure::new("not_found", what).hint("run `dagpass status`");
    }
    if matches!(profile.state.as_str(), "signed_in" | "degraded" | "offline") {
        return Failure::new("not_found", format!("Ping does not say who `{name}` is"));
    }
    let failure = Failure::new("login_required", format!("`{name}` is not signed in"));
    failure.hint(format!("run `{}`", profile.login))
}

fn lines(profile: &str, who: &Who) -> String {
    if who.source == "client" {
        let (sub, iss) = (output::word(&who.sub), output::word(&who.iss));
        return format!(
            "{sub}\n  profile  {profile}\n  client   {sub} at {iss}\n  source   the config: nobody signs in to it"
        );
    }
    let groups = if who.groups.is_empty() { "none".to_owned() } else { who.groups.join(", ") };
    let (groups, sub, iss) =
        (output::word(&groups), output::word(&who.sub), output::word(&who.iss));
    format!(
        "{}\n  profile  {profile}\n  subject  {sub} at {iss}\n  groups   {groups}\n  source   {}",
        person(who),
        who.source.replace('_', " ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_shown_with_subject_groups_and_source() {
        let who = Who {
            iss: "https://p/as".into(),
            sub: "42".into(),
            name: None,
            email: Some("ada@corp.example".into()),
            groups: vec!["data".into(), "ops".into()],
            source: "access_token_claims".into(),
            auth_time: None,
        };
        assert_eq!(
            lines("prod", &who),
            "ada@corp.example\n  profile  prod\n  subject  42 at https://p/as\n  \
             groups   data, ops\n  source   access token claims"
        );
    }

    #[test]
    fn a_client_is_shown_as_what_it_is() {
        let who = Who {
            iss: "https://p/as".into(),
            sub: "worker".into(),
            name: None,
            email: None,
            groups: Vec::new(),
            source: "client".into(),
            auth_time: None,
        };
        assert_eq!(
            lines("etl", &who),
            "worker\n  profile  etl\n  client   worker at https://p/as\n  \
             source   the config: nobody signs in to it"
        );
    }
}
