//! Raw to true: the whole file. Finds every problem in one pass, so that one edit can mend them all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dagpass_client::wire::ConfigProblem;
use dagpass_core::deployment::{AssertionKind, Deployment};
use dagpass_core::profile::{Profile, ProfileName};

use super::check_hosts::Hosts;
use super::raw::{RawAirflow, RawAirflowToken, RawAssertion, RawConfig, RawStore, RawStoreKind};
use super::section::{At, Place, Problems, document};
use super::shared_callback::{self, Callback};
use super::shared_client::{self, Client};
use super::words::nearest;
use super::{
    AirflowConfig, CaFileKey, Condition, Config, DeploymentToken, Durability, Managed,
    Notifications, Reauthenticate, RolesFileKey, StoreChoice,
};

/// Reads a config's text. `path` names the file in problems, and its folder is what relative paths
/// start from.
pub fn parse(text: &str, path: &Path) -> Result<Config, Vec<ConfigProblem>> {
    read(text, path, Reading::Under(None))
}

/// As [`parse`]: what the text does not say, the machine's config says, and what that locks it has to leave.
pub fn parse_under(
    text: &str,
    path: &Path,
    machines: Option<&Arc<Managed>>,
) -> Result<Config, Vec<ConfigProblem>> {
    read(text, path, Reading::Under(machines))
}

/// Whose config is read?
#[derive(Clone, Copy, Debug)]
pub(super) enum Reading<'m> {
    /// A person's, under the machine's where there is one.
    Under(Option<&'m Arc<Managed>>),
    Machines,
}

impl<'m> Reading<'m> {
    pub(super) fn managed(self) -> Option<&'m Arc<Managed>> {
        match self {
            Self::Under(managed) => managed,
            Self::Machines => None,
        }
    }
}

pub(super) fn read(
    text: &str,
    path: &Path,
    reading: Reading<'_>,
) -> Result<Config, Vec<ConfigProblem>> {
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    let managed = reading.managed();
    let behind = managed.map(|managed| (managed, managed.behind(text)));
    let mut problems = Problems::new(path.display().to_string(), text);
    let raw = document(
        text,
        &mut problems,
        |own, problems| {
            if let Some((managed, behind)) = &behind {
                managed.lay_under(own, behind, (&folder, problems));
            }
        },
        RawConfig::read,
    );
    let mut check = Check {
        problems,
        folder,
        reading,
        hosts: None,
        clients: Vec::new(),
        ca_files: Vec::new(),
        items: BTreeSet::new(),
    };
    let config = raw.map(|raw| check.config(raw));
    let problems = check.problems.into_sorted();
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(problems),
    }
}

/// The pass over one file.
pub(super) struct Check<'t> {
    pub(super) problems: Problems<'t>,
    pub(super) folder: PathBuf,
    pub(super) reading: Reading<'t>,
    /// Where connections may go; anywhere without.
    pub(super) hosts: Option<Hosts>,
    pub(super) clients: Vec<Client>,
    pub(super) ca_files: Vec<CaFileKey>,
    /// The keychain items that deployments have claimed.
    items: BTreeSet<String>,
}

impl Check<'_> {
    fn config(&mut self, raw: RawConfig) -> Config {
        self.locked(raw.locked.as_ref(), &raw);
        self.hosts = self.connection_hosts(raw.connection_hosts.as_ref());
        let network = self.network(raw.proxy, raw.no_proxy, raw.ca_file);
        let mut profiles = BTreeMap::new();
        let (mut declared, mut callbacks) = (Vec::new(), Vec::new());
        for (name, profile) in raw.profile {
            self.name(&name, &profile.place);
            declared.push(name.clone());
            let table = profile.place.clone();
            let place = profile.value.client_id.as_ref().map(|id| id.place.clone());
            if let (Some(profile), Some(place)) = (self.profile(&name, profile, &network), place) {
                if profile.kind.signs_in() {
                    self.clients.push(Client::of(&profile, format!("profile `{name}`"), place));
                    callbacks.push(Callback::of(&profile, &table));
                }
                profiles.insert(ProfileName::new(name), Arc::new(profile));
            }
        }
        let known = Known { profiles, declared, default: None };
        let default = self.default_profile(raw.default_profile, &known);
        let known = Known { default, ..known };

        for (env, table) in &raw.env {
            self.name(env, &table.place);
        }
        let environments = raw.env.keys().cloned().collect();
        let connections = self.connections(raw.connection, raw.env, &known);
        let mut airflow = BTreeMap::new();
        for (name, table) in raw.airflow {
            self.name(&name, &table.place);
            if let Some(one) = self.airflow(&name, table, &known) {
                airflow.insert(name, one);
            }
        }
        shared_client::warn(std::mem::take(&mut self.clients), &mut self.problems);
        shared_callback::warn(callbacks, &mut self.problems);
        let witnesses = self.witnesses(raw.audit.as_ref());
        let retain = self.retain(raw.audit.as_ref());
        let policy = self.policy(raw.policy);
        let ship = self.ship(raw.audit.as_ref());
        let logout = self.logout(raw.logout);
        let lanes = self.lanes(raw.lane.into_iter().collect()).into();
        let endpoint_port = raw.endpoint.and_then(|e| e.value.port).map_or(0, |port| port.value);
        let upstreams = self.upstreams(raw.upstream, &known, (&connections, endpoint_port));
        let profiles = told_when(known.profiles, airflow.values());
        Config {
            warnings: self.problems.warnings(),
            shared_callbacks: self.problems.callbacks(),
            condition: Condition::InForce,
            managed: self.reading.managed().cloned(),
            default_profile: known.default,
            airflow,
            endpoint_port,
            store: raw.store.map_or(StoreChoice::Keychain, |store| self.store(store)),
            notifications: raw.notifications.map_or_else(Notifications::default, Notifications::of),
            re_authenticate: raw.approvals.map_or_else(Reauthenticate::default, Reauthenticate::of),
            durability: raw
                .audit
                .and_then(|audit| audit.value.durability)
                .map_or_else(Durability::default, |durability| durability.value),
            retain,
            witnesses,
            policy,
            ship,
            logout,
            lanes,
            upstreams,
            network,
            ca_files: std::mem::take(&mut self.ca_files),
            connections,
            environments,
            profiles,
        }
    }

    fn default_profile(&mut self, named: Option<At<String>>, known: &Known) -> Option<ProfileName> {
        if let Some(named) = named {
            return self.profile_named(&named, known);
        }
        match known.declared.as_slice() {
            [only] => Some(ProfileName::new(only.as_str())),
            _ => None,
        }
    }

    /// `None` where there is no such profile, which is then on the list.
    fn profile_named(&mut self, named: &At<String>, known: &Known) -> Option<ProfileName> {
        if known.declared.contains(&named.value) {
            return Some(ProfileName::new(named.value.as_str()));
        }
        let message = format!("there is no profile `{}`", named.value);
        let names = known.declared.iter().map(String::as_str);
        match nearest(&named.value, names) {
            Some(near) => {
                self.problems.add_hint(&named.place, message, format!("did you mean `{near}`?"));
            }
            None if known.declared.is_empty() => {
                self.problems.add_hint(&named.place, message, "run `dagpass init` to make one");
            }
            None => {
                let hint = format!("there are: {}", known.declared.join(", "));
                self.problems.add_hint(&named.place, message, hint);
            }
        }
        None
    }

    /// The profile that a table names, or the default.
    pub(super) fn profile_of(
        &mut self,
        named: Option<&At<String>>,
        table: &Place,
        known: &Known,
    ) -> Option<ProfileName> {
        match (named, &known.default) {
            (Some(named), _) => self.profile_named(named, known),
            (None, Some(default)) => Some(default.clone()),
            (None, None) => {
                let place = table.missing("profile");
                if !self.problems.has(&place) {
                    let hint = "name one here, or set `default-profile`";
                    self.problems.add_hint(&place, "which profile?", hint);
                }
                None
            }
        }
    }

    fn airflow(&mut self, name: &str, at: At<RawAirflow>, known: &Known) -> Option<AirflowConfig> {
        let profile = self.profile_of(at.value.profile.as_ref(), &at.place, known);
        let url = self.required(at.value.url, &at.place, "url")?;
        self.secure(&url.place, &url.value);
        self.goes_to(&url.place, &url.value);
        let roles_file = self.roles_file(at.value.roles_file);
        let token = match at.value.token.map(|token| token.value) {
            None | Some(RawAirflowToken::JwtBearer) => DeploymentToken::JwtBearer,
            Some(RawAirflowToken::Direct) => DeploymentToken::Direct,
        };
        if let (DeploymentToken::Direct, Some(assertion)) = (token, &at.value.assertion) {
            let message = "is used only with token = \"exchange\"";
            self.problems.add(&assertion.place, message);
        }
        let of_person = profile.as_ref().is_none_or(|name| known.signs_in(name));
        if let (false, Some(assertion)) = (of_person, &at.value.assertion)
            && matches!(assertion.value, RawAssertion::IdToken)
        {
            let message = "nobody signs in to its profile, so there is no ID token";
            self.problems.add(&assertion.place, message);
        }
        let keychain_item = self.keychain_item(at.value.keychain_item);
        let deployment = Deployment {
            name: name.to_owned(),
            url: url.value.trim_end_matches('/').to_owned(),
            assertion: match at.value.assertion.map(|assertion| assertion.value) {
                None | Some(RawAssertion::AccessToken) => AssertionKind::AccessToken,
                Some(RawAssertion::IdToken) => AssertionKind::IdToken,
            },
        };
        Some(AirflowConfig { deployment, profile: profile?, token, keychain_item, roles_file })
    }

    /// `airflowctl` makes an account and a file name of it. Two deployments cannot share one.
    fn keychain_item(&mut self, at: Option<At<String>>) -> Option<String> {
        let place = at.as_ref()?.place.clone();
        let env = self.filled(at)?;
        self.name(&env, &place);
        if !self.items.insert(env.clone()) {
            let message = format!("another deployment has the item `{env}`");
            self.problems.add_hint(&place, message, "give each an environment of its own");
        }
        Some(env)
    }

    fn roles_file(&mut self, at: Option<At<String>>) -> Option<RolesFileKey> {
        let place = at.as_ref()?.place.clone();
        let typed = self.filled(at)?;
        let (line, column) = self.problems.line_and_column(&place);
        let (path, file) = (self.path(&place, &typed), self.problems.file(&place).to_owned());
        Some(RolesFileKey { path, file, key: place.key, line, column })
    }

    fn store(&mut self, at: At<RawStore>) -> StoreChoice {
        let kind = at.value.kind.map_or(RawStoreKind::Keychain, |kind| kind.value);
        match (kind, at.value.key_file) {
            (RawStoreKind::KeyFile, Some(path)) => {
                let place = path.place.clone();
                let path = self.filled(Some(path)).unwrap_or_default();
                StoreChoice::KeyFile(self.path(&place, &path))
            }
            (RawStoreKind::KeyFile, None) => {
                let hint = "for example: head -c 32 /dev/urandom > dagpass.key, with mode 0600";
                let message = "kind = \"key-file\" needs the path of one";
                self.problems.add_hint(&at.place.missing("key-file"), message, hint);
                StoreChoice::Keychain
            }
            (kind, key_file) => {
                if let Some(path) = key_file {
                    self.problems.add(&path.place, "is used only with kind = \"key-file\"");
                }
                match kind {
                    RawStoreKind::PassphraseFile => StoreChoice::PassphraseFile,
                    RawStoreKind::Keychain | RawStoreKind::KeyFile => StoreChoice::Keychain,
                }
            }
        }
    }
}

/// How old may the sign-in be behind an ID token that a deployment is handed, where the profile has no
/// `max-age`? As the server side's own `max_auth_age`.
const TOLD_SIGN_IN: Duration = Duration::from_secs(12 * 60 * 60);

/// An ID token says when its person signed in only where the sign-in asked with `max_age` (OIDC Core
/// §2), and a deployment that takes one wants to know.
fn told_when<'a>(
    mut profiles: BTreeMap<ProfileName, Arc<Profile>>,
    deployments: impl Iterator<Item = &'a AirflowConfig>,
) -> BTreeMap<ProfileName, Arc<Profile>> {
    for airflow in deployments.filter(|one| one.deployment.assertion == AssertionKind::IdToken) {
        if let Some(profile) = profiles.get_mut(&airflow.profile) {
            Arc::make_mut(profile).max_age.get_or_insert(TOLD_SIGN_IN);
        }
    }
    profiles
}

/// What tables may refer to. `declared` has the profiles with problems too, so that one mistake is
/// not reported again wherever its profile is named.
pub(super) struct Known {
    pub(super) profiles: BTreeMap<ProfileName, Arc<Profile>>,
    declared: Vec<String>,
    default: Option<ProfileName>,
}

impl Known {
    /// Of one that is wrong nothing more is said.
    fn signs_in(&self, name: &ProfileName) -> bool {
        self.profiles.get(name).is_none_or(|profile| profile.kind.signs_in())
    }
}
