//! What the config says once it was found true. Parsed, not validated: whoever holds a [`Config`]
//! need not ask again. Never reads the environment or the network.
//!
//! `raw` is what was typed, `check` turns it into this or into a list of all that is wrong with it,
//! `managed` is the machine's own, `file` keeps the last good one. `ways` says what changed of where tokens go, `told` what was put on the
//! record of that.

mod approvals;
mod audit;
mod ca_file;
mod check;
mod check_connection;
mod check_hosts;
mod check_kind;
mod check_logout;
mod check_policy;
mod check_profile;
mod check_ship;
mod check_upstream;
mod check_values;
mod check_witness;
mod condition;
mod connection;
mod disk;
mod edit;
mod file;
mod handed_out;
mod in_force;
mod lane;
mod locks;
mod managed;
mod notifications;
mod overlay;
mod policy;
mod raw;
mod raw_audit;
mod raw_connection;
mod raw_policy;
mod raw_upstream;
mod reserved;
mod roles_file;
mod schema;
mod section;
mod shared_callback;
mod shared_client;
mod shown;
#[cfg(test)]
mod tests;
mod told;
mod upstream;
mod ways;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use dagpass_client::wire::{ConfigProblem, ConnectionShown};
use dagpass_core::deployment::Deployment;
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::policy::Resource;
use dagpass_core::profile::{Flow, Network, Profile, ProfileName};
use dagpass_core::request::{Obtain, SessionKey, Target};

pub use approvals::Reauthenticate;
pub use audit::{AuditWitness, Compression, Durability, Witnesses};
pub use ca_file::CaFileKey;
pub use check::{parse, parse_under};
pub use check_logout::{LogoutConfig, WatchKey};
pub use check_ship::Ship;
pub use condition::Condition;
pub use connection::{Connection, Lookup, TokenIn};
pub use edit::Wrong;
pub use file::{ConfigFile, Looked, WriteFailure, check_file, check_machines};
pub use handed_out::preview;
pub use lane::LaneConfig;
pub use managed::{Above, MachineConfig, Managed};
pub use notifications::Notifications;
pub use policy::{POLICY_FILE, PolicyConfig, PolicyRule, Then, When};
pub(crate) use reserved::reservation;
pub use roles_file::RolesFileKey;
pub use schema::json_schema;
pub(crate) use shared_callback::{own_path, sharer};
pub use told::{FILE as TOLD_FILE, Told};
pub use upstream::Upstream;
pub use ways::Change;

/// A config that is true.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The one named, or the only one there is.
    pub default_profile: Option<ProfileName>,
    pub profiles: BTreeMap<ProfileName, Arc<Profile>>,
    pub airflow: BTreeMap<String, AirflowConfig>,
    /// 0 is any free port.
    pub endpoint_port: u16,
    pub store: StoreChoice,
    pub notifications: Notifications,
    /// Which answers to approvals the system is asked about.
    pub re_authenticate: Reauthenticate,
    pub durability: Durability,
    /// How long are the ledger's lines kept? `None`: for ever.
    pub retain: Option<std::time::Duration>,
    /// Of the ledger.
    pub witnesses: Witnesses,
    pub policy: PolicyConfig,
    pub ship: Option<Ship>,
    /// When everybody is signed out without being asked.
    pub logout: LogoutConfig,
    pub lanes: Arc<[LaneConfig]>,
    /// What requests are sent on to.
    pub upstreams: BTreeMap<String, Arc<Upstream>>,
    /// What profiles fall back to, and what `init` uses before there is one.
    pub network: Network,
    /// What may be meant as it stands, and may not.
    pub warnings: Vec<ConfigProblem>,
    /// Profiles of two issuers with one callback: right or wrong by what their metadata promises.
    shared_callbacks: Vec<ConfigProblem>,
    /// Where `ca-file` stands, for a check.
    ca_files: Vec<CaFileKey>,
    /// Of the file it came from: what is looked for and not here may be there.
    pub condition: Condition,
    /// The machine's, which it was read under.
    pub managed: Option<Arc<Managed>>,
    connections: BTreeMap<String, Vec<Connection>>,
    environments: BTreeSet<String>,
}

/// Where refresh tokens are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StoreChoice {
    #[default]
    Keychain,
    /// Argon2id over a passphrase that a person types at start.
    PassphraseFile,
    KeyFile(PathBuf),
}

impl StoreChoice {
    /// The one command that moves the sessions there.
    pub fn command(&self) -> String {
        match self {
            Self::Keychain => "dagpass store use keychain".to_owned(),
            Self::PassphraseFile => "dagpass store use passphrase-file".to_owned(),
            Self::KeyFile(path) => format!("dagpass store use key-file {}", path.display()),
        }
    }
}

/// `[airflow.NAME]`: a deployment, and what we do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AirflowConfig {
    pub deployment: Deployment,
    pub profile: ProfileName,
    pub token: DeploymentToken,
    pub roles_file: Option<RolesFileKey>,
    /// The environment of `airflowctl` whose keychain item the agent writes.
    pub keychain_item: Option<String>,
}

impl AirflowConfig {
    /// The token that the deployment takes, as the broker names it.
    pub fn target(&self) -> Target {
        match self.token {
            DeploymentToken::Direct => Target::default(),
            DeploymentToken::JwtBearer => Target {
                obtain: Obtain::JwtBearer(Box::new(self.deployment.clone())),
                ..Target::default()
            },
        }
    }

    /// The session that it rests on.
    pub fn session(&self) -> SessionKey {
        SessionKey { profile: self.profile.clone(), connection: None }
    }
}

/// What Airflow is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeploymentToken {
    /// Airflow's own JWT, which `/auth/token` gives for Ping's token (RFC 7523 §2.1).
    JwtBearer,
    Direct,
}

impl Config {
    /// Does a browser come back for a profile at another issuer?
    pub fn has_callback_elsewhere(&self, issuer: &str) -> bool {
        let by_browser = |profile: &&Arc<Profile>| profile.flow != Flow::Device;
        self.profiles.values().filter(by_browser).any(|other| other.issuer.as_str() != issuer)
    }

    /// All that a check of the text alone can warn of.
    pub fn told(&self) -> Vec<ConfigProblem> {
        let mut told = self.warnings.clone();
        told.extend(self.shared_callbacks.iter().cloned());
        told.sort_by_key(|warning| (warning.line, warning.column));
        told
    }

    /// The profile of that name, or the default.
    pub fn profile(&self, name: Option<&str>) -> Result<&Arc<Profile>, Refusal> {
        let name = match (name, &self.default_profile) {
            (Some(name), _) => ProfileName::new(name),
            (None, Some(default)) => default.clone(),
            (None, None) if self.profiles.is_empty() => return Err(self.no_profile()),
            (None, None) => {
                return Err(Refusal::new(
                    ErrorCode::InvalidRequest,
                    format!("which profile? there are {}", self.profile_names()),
                )
                .hint("name one, or set `default-profile` in the config"));
            }
        };
        self.profiles.get(&name).ok_or_else(|| {
            match &self.condition {
                Condition::InForce => {}
                Condition::Absent { .. } => return self.no_profile(),
                Condition::Wrong { .. } => {
                    let lacks = self.condition.lacks(&format!("profile `{name}`"));
                    return lacks.unwrap_or_else(|| self.no_profile());
                }
            }
            let refusal =
                Refusal::new(ErrorCode::NotFound, format!("there is no profile `{name}`"));
            if self.profiles.is_empty() {
                refusal.hint("run `dagpass init`")
            } else {
                refusal.hint(format!("there are {}", self.profile_names()))
            }
        })
    }

    fn no_profile(&self) -> Refusal {
        let what = match &self.condition {
            Condition::Wrong { .. } => "the default profile",
            Condition::InForce | Condition::Absent { .. } => "profile yet",
        };
        self.condition.lacks(what).unwrap_or_else(|| {
            Refusal::new(ErrorCode::NotFound, "there is no profile yet").hint("run `dagpass init`")
        })
    }

    /// The client behind a session: the profile, or the one derived for a connection with a sign-in
    /// of its own.
    pub fn session(&self, key: &SessionKey) -> Option<Arc<Profile>> {
        match &key.connection {
            None => self.profiles.get(&key.profile).cloned(),
            Some(_) => {
                let every = self.connections.values().flatten();
                every.into_iter().find(|c| c.session == *key).map(|c| Arc::clone(&c.profile))
            }
        }
    }

    /// The session of that name, or the default profile's.
    pub fn session_named(&self, name: Option<&str>) -> Result<(SessionKey, Arc<Profile>), Refusal> {
        let profile = match name.and_then(|name| self.signing_in_by_itself(name)) {
            Some(connection) => &connection.profile,
            None => self.profile(name)?,
        };
        Ok((profile.session(), profile.clone()))
    }

    /// The connection with a sign-in of its own whose session is called so.
    pub fn signing_in_by_itself(&self, session: &str) -> Option<&Connection> {
        let mut all = self.connections.values().flatten();
        all.find(|one| one.session.connection.is_some() && one.session.account() == session)
    }

    /// Every session there can be, the profiles' own first.
    pub fn sessions(&self) -> Vec<SessionKey> {
        let own = self.profiles.keys();
        let mut keys: Vec<SessionKey> =
            own.map(|name| SessionKey { profile: name.clone(), connection: None }).collect();
        for connection in self.connections.values().flatten() {
            if !keys.contains(&connection.session) {
                keys.push(connection.session.clone());
            }
        }
        keys
    }

    /// The deployment of that name, or at that URL. Several at one URL are an error that names them.
    pub fn deployment(&self, wanted: &str) -> Result<&AirflowConfig, Refusal> {
        if let Some(named) = self.airflow.get(wanted) {
            return Ok(named);
        }
        let place = words::place(wanted);
        let there =
            |one: &&AirflowConfig| place.is_some() && words::place(&one.deployment.url) == place;
        let found: Vec<&AirflowConfig> = self.airflow.values().filter(there).collect();
        match found.as_slice() {
            [only] => Ok(only),
            [] => {
                let lacks = self.condition.lacks(&format!("Airflow deployment `{wanted}`"));
                if let Some(refusal) = lacks {
                    return Err(refusal);
                }
                let what = format!("there is no Airflow deployment `{wanted}`");
                let known: Vec<&str> = self.airflow.keys().map(String::as_str).collect();
                let hint = match known.as_slice() {
                    [] => "add `[airflow.NAME]` to the config".to_owned(),
                    known => format!("there are `{}`", known.join("`, `")),
                };
                Err(Refusal::new(ErrorCode::NotFound, what).hint(hint))
            }
            several => {
                let names: Vec<&str> =
                    several.iter().map(|one| one.deployment.name.as_str()).collect();
                let what = format!("several deployments are at {wanted}: {}", names.join(", "));
                Err(Refusal::new(ErrorCode::InvalidRequest, what).hint("name one of them"))
            }
        }
    }

    /// What the agent answers for, in any environment: the content of `connections.json`.
    pub fn connection_ids(&self) -> Vec<String> {
        self.connections.keys().cloned().collect()
    }

    /// Does the config itself have this target, for whoever signed in to that session? A resource that it
    /// has counts without the scopes as well.
    pub fn names_target(&self, session: &SessionKey, target: &Target) -> bool {
        let resting = self.connections.values().flatten().filter(|one| one.session == *session);
        let whole = |one: &Connection| {
            target.scopes.is_none()
                && target.resource.is_some()
                && one.target.resource == target.resource
        };
        resting.into_iter().any(|one| one.target == *target || whole(one))
    }

    /// What the config says of the `aud` of that resource's tokens.
    pub fn audience_of(&self, session: &SessionKey, resource: &str) -> Option<&String> {
        let resting = self.connections.values().flatten().filter(|one| one.session == *session);
        let mut named = resting.filter(|one| one.target.resource.as_deref() == Some(resource));
        named.find_map(|one| one.target.audience.as_ref())
    }

    /// What is judged of a conn_id, in each environment that has it.
    pub fn resources(&self, conn_id: &str) -> impl Iterator<Item = Resource<'_>> {
        self.connections.get(conn_id).into_iter().flatten().map(Connection::resource)
    }

    /// The connections whose tokens come from that session.
    pub fn resting_on(&self, session: &SessionKey) -> impl Iterator<Item = Resource<'_>> {
        let all = self.connections.values().flatten();
        all.filter(move |one| one.session == *session).map(Connection::resource)
    }

    /// The connection as that environment has it. Without an environment: the plain table where it
    /// stands alone, else the only environment that has one.
    pub fn connection(&self, conn_id: &str, env: Option<&str>) -> Result<&Connection, Lookup> {
        let candidates = self.connections.get(conn_id).ok_or_else(|| {
            match self.condition.lacks_connection(conn_id) {
                Some(refusal) => Lookup::NoConfig(Box::new(refusal)),
                None => Lookup::NotFound,
            }
        })?;
        let plain = candidates.iter().find(|candidate| candidate.env.is_none());
        let Some(env) = env else {
            return match (plain, candidates.as_slice()) {
                (Some(plain), _) => Ok(plain),
                (None, [only]) => Ok(only),
                (None, many) => Err(Lookup::Ambiguous { environments: names(many) }),
            };
        };
        if !self.environments.contains(env) {
            let what = format!("environment `{env}`");
            if let Some(refusal) = self.condition.lacks(&what) {
                return Err(Lookup::NoConfig(Box::new(refusal)));
            }
            let environments = self.environments.iter().cloned().collect();
            return Err(Lookup::UnknownEnvironment { env: env.to_owned(), environments });
        }
        let here = candidates.iter().find(|candidate| candidate.env.as_deref() == Some(env));
        here.or(plain).ok_or_else(|| Lookup::OtherEnvironments {
            env: env.to_owned(),
            environments: names(candidates),
        })
    }

    /// Every connection in every environment, by id.
    pub fn connections_shown(&self) -> Vec<ConnectionShown> {
        self.connections.values().flatten().map(Connection::shown).collect()
    }

    fn profile_names(&self) -> String {
        let names = self.profiles.keys().map(|name| format!("`{name}`"));
        names.collect::<Vec<_>>().join(", ")
    }
}

fn names(candidates: &[Connection]) -> Vec<String> {
    candidates.iter().filter_map(|candidate| candidate.env.clone()).collect()
}
