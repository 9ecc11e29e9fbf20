//! Airflow's deployments: is each there, does it give its own token for Ping's, is its roles file right, and
//! does the server map the same.

use dagpass_client::wire::{ConfigProblem, Finding};
use dagpass_core::deployment::Deployment;

use super::issuer::all;
use super::{Scene, config_finding, count, hint, ok, problem, skipped, warning};
use crate::airflow::Reach;
use crate::config::{AirflowConfig, DeploymentToken};

/// What was seen of one deployment.
#[derive(Debug)]
pub struct Looked {
    pub reach: Reach,
    /// `None` where it has no roles file.
    pub roles: Option<Roles>,
}

#[derive(Debug)]
pub enum Roles {
    Wrong(ConfigProblem),
    /// So many groups are mapped.
    Right(usize, Server),
}

/// The server's mapping beside the file's.
#[derive(Debug)]
pub enum Server {
    /// Nobody is signed in, so it was not asked.
    Unasked,
    CannotTell(String),
    InSync,
    Differs,
}

pub(super) async fn deployments(scene: &Scene<'_>) -> Vec<Finding> {
    let asked = scene.config.airflow.values().map(|airflow| {
        Box::pin(async move { findings(airflow, &scene.deployments.look(airflow).await) })
    });
    all(asked.collect()).await.into_iter().flatten().collect()
}

fn findings(airflow: &AirflowConfig, looked: &Looked) -> Vec<Finding> {
    let mut findings = vec![reach(airflow, &looked.reach)];
    match &looked.roles {
        None => {}
        Some(Roles::Wrong(wrong)) => {
            findings.push(Finding { check: CHECK.to_owned(), ..config_finding("problem", wrong) });
        }
        Some(Roles::Right(groups, server)) => findings.push(roles(airflow, *groups, server)),
    }
    findings
}

const CHECK: &str = "airflow";

fn reach(airflow: &AirflowConfig, reach: &Reach) -> Finding {
    let Deployment { name, url, .. } = &airflow.deployment;
    match (reach, airflow.token) {
        (Reach::Away(cause), _) => hint(
            problem(CHECK, None, format!("`{name}`: {url} cannot be reached: {cause}")),
            cause.remedy.clone().unwrap_or_else(|| {
                format!(
                    "check network and VPN, then `airflow.{name}.url` and `ca-file` of its profile"
                )
            }),
        ),
        (Reach::JwtBearer, DeploymentToken::JwtBearer) => ok(
            CHECK,
            None,
            format!("`{name}`: {url} gives its own token for Ping's, by the jwt-bearer grant"),
        ),
        (Reach::JwtBearer | Reach::NoJwtBearer(_), DeploymentToken::Direct) => {
            ok(CHECK, None, format!("`{name}`: {url} answers"))
        }
        (Reach::NoJwtBearer(cause), DeploymentToken::JwtBearer) => hint(
            problem(CHECK, None, format!("`{name}`: {url} gives no token for Ping's: {cause}")),
            format!(
                "set it up there (`dagpass airflow setup --server`), or `token = \"direct\"` in `[airflow.{name}]`"
            ),
        ),
    }
}

fn roles(airflow: &AirflowConfig, groups: usize, server: &Server) -> Finding {
    let name = &airflow.deployment.name;
    let file = format!("`{name}`: its roles file maps {}", count(groups, "group"));
    match server {
        Server::Unasked => skipped(
            CHECK,
            None,
            format!(
                "{file}; the server was not asked: profile `{}` is not signed in",
                airflow.profile
            ),
        ),
        Server::InSync => ok(CHECK, None, format!("{file}, as the server does")),
        Server::Differs => hint(
            warning(CHECK, None, format!("{file}, and the server maps in another way")),
            format!("`dagpass airflow roles {name} --check` shows the difference"),
        ),
        Server::CannotTell(cause) => hint(
            warning(
                CHECK,
                None,
                format!("{file}; whether the server does too is not known: {cause}"),
            ),
            format!("`dagpass airflow roles {name} --check` says more"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dagpass_core::profile::ProfileName;

    fn deployment(token: DeploymentToken) -> AirflowConfig {
        let config = crate::config::parse(
            "[profile.p]\nissuer = \"https://i\"\nclient-id = \"c\"\nscopes = [\"openid\"]\n\
             [airflow.prod]\nurl = \"https://af.example\"\n",
            std::path::Path::new("config.toml"),
        );
        AirflowConfig {
            token,
            profile: ProfileName::new("p"),
            ..config.unwrap().airflow["prod"].clone()
        }
    }

    fn seen(token: DeploymentToken, reach: Reach, roles: Option<Roles>) -> Vec<(String, String)> {
        let found = findings(&deployment(token), &Looked { reach, roles });
        assert!(
            found.iter().all(|one| one.check == "airflow" && one.detail.contains("prod")),
            "{found:?}"
        );
        found
            .into_iter()
            .map(|one| (one.verdict, one.detail + &one.hint.unwrap_or_default()))
            .collect()
    }

    #[test]
    fn a_deployment_without_the_grant_is_a_problem_only_where_it_is_wanted() {
        let no = || Reach::NoJwtBearer("HTTP 404".into());
        let table = [
            (DeploymentToken::JwtBearer, Reach::JwtBearer, "ok", "jwt-bearer"),
            (DeploymentToken::JwtBearer, no(), "problem", "setup --server"),
            (DeploymentToken::Direct, no(), "ok", "answers"),
            (DeploymentToken::Direct, Reach::Away("refused".into()), "problem", "refused"),
            (DeploymentToken::JwtBearer, Reach::Away("refused".into()), "problem", "refused"),
        ];
        for (token, reach, verdict, says) in table {
            let shown = format!("{token:?} {reach:?}");
            let found = seen(token, reach, None);
            assert_eq!((found.len(), found[0].0.as_str()), (1, verdict), "{shown}");
            assert!(found[0].1.contains(says), "{shown}: {found:?}");
        }
    }

    #[test]
    fn in_sync_is_said_of_a_comparison_alone() {
        let table = [
            (Server::InSync, "ok", "as the server does"),
            (Server::Differs, "warning", "--check"),
            (Server::CannotTell("HTTP 404".into()), "warning", "not known: HTTP 404"),
            (Server::Unasked, "skipped", "was not asked"),
        ];
        for (server, verdict, says) in table {
            let shown = format!("{server:?}");
            let in_sync = matches!(server, Server::InSync);
            let found =
                seen(DeploymentToken::JwtBearer, Reach::JwtBearer, Some(Roles::Right(2, server)));
            assert_eq!((found.len(), found[1].0.as_str()), (2, verdict), "{shown}");
            assert!(found[1].1.contains(says), "{shown}: {found:?}");
            assert_eq!(found[1].1.contains("as the server does"), in_sync, "{shown}");
        }
    }

    #[test]
    fn a_wrong_roles_file_is_named_by_line() {
        let wrong = ConfigProblem {
            file: "/etc/prod-roles.json".into(),
            line: 3,
            column: 5,
            key: "airflow.prod.roles-file".into(),
            message: "`b` gives no role".into(),
            hint: None,
        };
        let found = seen(DeploymentToken::Direct, Reach::JwtBearer, Some(Roles::Wrong(wrong)));
        assert_eq!(found[1].0, "problem");
        assert!(found[1].1.contains("/etc/prod-roles.json:3:5"), "{found:?}");
    }
}
