//! Looks at everything that has to be right for a token to come, and names the fix for each thing
//! that is not. Changes nothing, signs nobody in, shows no secret.

mod airflow;
mod approvals;
mod containers;
mod found;
mod issuer;
mod lanes;
mod ledger;
mod machine;
mod managed;
mod policy;
mod presence;
mod proxies;
mod sessions;
mod shipping;
#[cfg(test)]
mod tests;
mod witnesses;

use std::path::Path;

use dagpass_client::wire::{
    ConfigProblem, Container, Finding, LaneStatus, ProfileStatus, ShipStatus,
};
use dagpass_core::ports::{Callbacks, Pending, RefreshTokenStore, SignInServer};

use crate::config::{Above, AirflowConfig, Condition, Config};
use crate::keychain::Health;
use crate::outgoing_proxy::Proxies;
use crate::presence::Tells;

pub use crate::airflow::Reach;
pub use airflow::{Looked, Roles, Server};
pub use found::FoundToken;
pub use ledger::Ledger;
pub use policy::Policy;
pub use witnesses::Witness;

/// What is examined.
#[expect(missing_debug_implementations, reason = "ports are trait objects without Debug")]
pub struct Scene<'a> {
    pub config_path: &'a Path,
    pub config: &'a Config,
    /// What is wrong with the file; `config` is then the last good one.
    pub config_problems: &'a [ConfigProblem],
    /// The machine's config, as it was last read.
    pub above: &'a Above,
    pub issuer: &'a dyn SignInServer,
    pub store: &'a dyn RefreshTokenStore,
    /// Which one that is, and whether the config asks for another.
    pub store_health: &'a Health,
    /// Each as the status tells it.
    pub sessions: &'a [ProfileStatus],
    pub paused: bool,
    /// What keeps others out of the agent's memory, or what does not.
    pub shielded: Result<&'static str, &'static str>,
    /// How many secrets lie in memory that may be swapped out.
    pub unkept: usize,
    /// Who tells of the person; not known before somebody was asked.
    pub(crate) tells: Option<&'a Tells>,
    /// Why it is not known who was signed out before.
    pub(crate) unread_logouts: Option<&'a str>,
    /// Why a sign-out is not written down, where it is not.
    pub unwritten: Option<&'a str>,
    /// Tokens that were found in files since the agent began, and may still be good.
    pub found: &'a [FoundToken],
    /// What would have somebody see the icon, where nobody does.
    pub unseen: Option<&'a str>,
    pub callbacks: &'a dyn Callbacks,
    /// Where the agent listens: socket path or pipe name.
    pub socket: &'a str,
    /// `None` where the TCP endpoint does not stand.
    pub tcp_port: Option<u16>,
    /// Of the agent's own start.
    pub own_proxies: &'a Proxies,
    /// Of the caller's shell, where it told; else the caller compares with what is found here.
    pub shell_proxies: Option<&'a Proxies>,
    pub policy: Policy<'a>,
    pub ledger: Ledger<'a>,
    /// Who cosigns it.
    pub witnesses: &'a [Witness],
    /// Where its lines go.
    pub shipping: &'a ShipStatus,
    /// What each lane has had of its share, and by when that is told (epoch seconds).
    pub lanes: (&'a [LaneStatus], i64),
    /// The doors for containers, as they stand.
    pub containers: &'a [Container],
    /// Who could have the person prove who they are before an approval counts, or what is missing.
    pub re_authenticates: Result<&'static str, String>,
    pub deployments: &'a dyn Deployments,
}

/// Looks at an Airflow deployment.
pub trait Deployments: Sync {
    fn look<'a>(&'a self, airflow: &'a AirflowConfig) -> Pending<'a, Looked>;
}

/// Every finding, the good ones too, in the order in which things depend on each other.
pub async fn examine(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = config(scene);
    findings.extend(managed::held_to(scene.above));
    findings.extend(policy::in_force(&scene.policy));
    let (has_policy, wanted) = (scene.policy.state != "none", scene.config.re_authenticate);
    findings.extend(approvals::proved(has_policy, wanted, &scene.re_authenticates));
    findings.extend(machine::ca_files(scene.config));
    findings.extend(proxies::compare(scene));
    findings.extend(issuer::discovery(scene).await);
    findings.push(machine::keychain(scene).await);
    findings.extend(sessions::sessions(scene));
    findings.extend(presence::told(scene.config, scene.tells));
    findings.extend(scene.unread_logouts.map(presence::unread));
    findings.extend(presence::unwritten(scene.unwritten));
    findings.extend(found::tokens(scene.found));
    findings.push(machine::process((scene.shielded, scene.unkept)));
    findings.push(machine::socket(scene.socket));
    findings.push(machine::endpoint(scene.tcp_port, scene.config.endpoint_port).await);
    findings.extend(scene.unseen.map(machine::unseen));
    findings.push(ledger::written(&scene.ledger));
    findings.extend(witnesses::cosigned(scene.witnesses, scene.config.witnesses.quorum));
    findings.extend(shipping::shipped(scene.shipping));
    findings.extend(lanes::shares(scene.lanes.0, scene.lanes.1));
    findings.extend(containers::doors(scene.containers));
    findings.extend(machine::callback_ports(scene).await);
    findings.extend(airflow::deployments(scene).await);
    findings
}

fn config(scene: &Scene<'_>) -> Vec<Finding> {
    let path = scene.config_path.display();
    if !scene.config_problems.is_empty() {
        return scene
            .config_problems
            .iter()
            .map(|wrong| config_finding("problem", wrong))
            .collect();
    }
    let profiles = scene.config.profiles.len();
    if profiles == 0 {
        let found = match &scene.config.condition {
            Condition::Absent { .. } => warning("config", None, format!("no config at {path}")),
            Condition::InForce | Condition::Wrong { .. } => {
                warning("config", None, format!("{path} has no profile"))
            }
        };
        return vec![hint(found, "run `dagpass init`")];
    }
    let connections = scene.config.connection_ids().len();
    let detail =
        format!("{path}: {}, {}", count(profiles, "profile"), count(connections, "connection"));
    let mut findings = vec![ok("config", None, detail)];
    findings.extend(scene.config.warnings.iter().map(|wrong| config_finding("warning", wrong)));
    findings
}

fn config_finding(verdict: &str, wrong: &ConfigProblem) -> Finding {
    let place = match (wrong.line, wrong.key.as_str()) {
        (0, _) => wrong.file.clone(),
        (line, "") => format!("{}:{line}:{}", wrong.file, wrong.column),
        (line, key) => format!("{}:{line}:{}: {key}", wrong.file, wrong.column),
    };
    let found = finding(verdict, "config", None, format!("{place}: {}", wrong.message));
    let fix =
        wrong.hint.as_deref().unwrap_or("mend the line; `dagpass config check` reads it again");
    hint(found, fix)
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn ok(check: &str, profile: Option<&str>, detail: impl Into<String>) -> Finding {
    finding("ok", check, profile, detail.into())
}

fn skipped(check: &str, profile: Option<&str>, detail: impl Into<String>) -> Finding {
    finding("skipped", check, profile, detail.into())
}

fn warning(check: &str, profile: Option<&str>, detail: impl Into<String>) -> Finding {
    finding("warning", check, profile, detail.into())
}

fn problem(check: &str, profile: Option<&str>, detail: impl Into<String>) -> Finding {
    finding("problem", check, profile, detail.into())
}

fn hint(found: Finding, fix: impl Into<String>) -> Finding {
    Finding { hint: Some(fix.into()), ..found }
}

fn finding(verdict: &str, check: &str, profile: Option<&str>, detail: String) -> Finding {
    Finding {
        check: check.to_owned(),
        profile: profile.map(str::to_owned),
        verdict: verdict.to_owned(),
        detail,
        hint: None,
    }
}
