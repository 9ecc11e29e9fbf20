//! What a profile is once the config was found true: one OpenID client at one issuer.

mod client;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::request::SessionKey;

pub use client::{AssertionAudience, ClientAuth, Credential, ProfileKind};

/// The issuer's exact string, compared byte for byte: some Ping issuers carry `:443`, which a URL
/// parser would strip (OIDC Discovery §4.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Issuer(Arc<str>);

impl Issuer {
    pub fn new(exact: impl Into<Arc<str>>) -> Self {
        Self(exact.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a `[profile.NAME]` table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProfileName(Arc<str>);

impl ProfileName {
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An ordered set of scope names (RFC 6749 §3.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(BTreeSet<String>);

impl Scopes {
    /// Takes the space-separated form of the wire.
    pub fn parse(text: &str) -> Self {
        Self(text.split_ascii_whitespace().map(str::to_owned).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    pub fn is_subset(&self, of: &Self) -> bool {
        self.0.is_subset(&of.0)
    }

    /// Does it hold all that was asked? `offline_access` asks for a refresh token and need not come back
    /// (OIDC Core §11).
    pub fn covers(&self, asked: &Self) -> bool {
        asked.iter().all(|scope| scope == "offline_access" || self.contains(scope))
    }

    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }
}

impl<S: Into<String>> FromIterator<S> for Scopes {
    fn from_iter<I: IntoIterator<Item = S>>(iter: I) -> Self {
        Self(iter.into_iter().map(Into::into).collect())
    }
}

/// The wire form: names separated by one space.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for scope in &self.0 {
            write!(f, "{separator}{scope}")?;
            separator = " ";
        }
        Ok(())
    }
}

/// (`iss`, `sub`): who signed in. `sub` alone is unique only within its issuer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Subject {
    pub iss: String,
    pub sub: String,
}

/// One OpenID client at one issuer.
#[derive(Clone, Debug)]
pub struct Profile {
    pub name: ProfileName,
    pub kind: ProfileKind,
    /// The one connection that this sign-in is for, where it has one of its own (`obtain = "sign-in"`).
    pub connection: Option<String>,
    /// What that connection's token is for: asked for from the start.
    pub own_token: OwnToken,
    pub issuer: Issuer,
    pub client_id: String,
    pub client_auth: ClientAuth,
    pub assertion_audience: AssertionAudience,
    pub flow: Flow,
    /// The union: what a sign-in asks for.
    pub scopes: Scopes,
    pub redirect: Redirect,
    pub login_hint: Option<String>,
    pub prompt: Option<String>,
    pub acr_values: Option<String>,
    /// Oldest acceptable `auth_time` (OIDC Core §3.1.2.1).
    pub max_age: Option<Duration>,
    pub device_pkce: DevicePkce,
    /// Whom an ID token may be meant for beside this client (OIDC Core §3.1.3.7).
    pub id_token_audiences: Vec<String>,
    /// Hosts that a verification URI may have beside the issuer's own.
    pub verification_hosts: Vec<String>,
    /// How long Ping's session lasts, where the profile says so; nothing on the wire tells.
    pub session_lifetime: Option<Duration>,
    /// How long a refresh token lasts, where the profile says so.
    pub refresh_lifetime: Option<Duration>,
    pub groups_claim: String,
    pub refresh_margin: Duration,
    /// Extra parameters of the authorization and token requests (PingFederate: `access_token_manager_id`).
    pub token_params: BTreeMap<String, String>,
    pub endpoints: EndpointOverrides,
    pub network: Network,
}

impl Profile {
    /// How long before expiry do we ask Ping for a new access token, at most? A quarter of the
    /// lifetime caps it, so that a 60 s token is not refreshed in a loop.
    pub const REFRESH_MARGIN: Duration = Duration::from_secs(60);

    /// The claim that carries groups where the profile names no other.
    pub const GROUPS_CLAIM: &'static str = "groups";

    /// What a person types to sign in.
    pub fn login(&self) -> String {
        self.session().login()
    }

    /// What a person types where what proves the client is missing here, or not known at the issuer.
    pub fn mend(&self) -> String {
        let what = match self.client_auth.credential() {
            Some(Credential::Key) => "identity show",
            Some(Credential::Secret) | None => "secret set",
        };
        format!("dagpass {what} {}", self.name)
    }

    /// The session that this client signs in to.
    pub fn session(&self) -> SessionKey {
        SessionKey { profile: self.name.clone(), connection: self.connection.clone() }
    }

    /// What it is called in a sentence.
    pub fn called(&self) -> String {
        match &self.connection {
            None => format!("profile `{}`", self.name),
            Some(connection) => format!("connection `{connection}`"),
        }
    }

    /// A profile with every choice at its default.
    pub fn new(name: &str, issuer: &str, client_id: &str) -> Self {
        Self {
            name: ProfileName::new(name),
            kind: ProfileKind::User,
            connection: None,
            own_token: OwnToken::default(),
            issuer: Issuer::new(issuer),
            client_id: client_id.to_owned(),
            client_auth: ClientAuth::None,
            assertion_audience: AssertionAudience::Issuer,
            flow: Flow::Auto,
            scopes: Scopes::parse("openid"),
            redirect: Redirect::default(),
            login_hint: None,
            prompt: None,
            acr_values: None,
            max_age: None,
            device_pkce: DevicePkce::Auto,
            id_token_audiences: Vec::new(),
            verification_hosts: Vec::new(),
            session_lifetime: None,
            refresh_lifetime: None,
            groups_claim: Self::GROUPS_CLAIM.to_owned(),
            refresh_margin: Self::REFRESH_MARGIN,
            token_params: BTreeMap::new(),
            endpoints: EndpointOverrides::default(),
            network: Network::default(),
        }
    }
}

/// What the one token of a sign-in is for (RFC 8707 §2), where the sign-in is one connection's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnToken {
    pub resource: Option<String>,
    pub audience: Option<String>,
    pub params: BTreeMap<String, String>,
}

/// Which way a person signs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flow {
    /// The browser where one can be opened, a code where not, both after a minute.
    #[default]
    Auto,
    Browser,
    Device,
}

/// Whether the device request carries a PKCE challenge: some providers require it, some refuse it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DevicePkce {
    /// Send it; where the server refuses the request for it, ask again without.
    #[default]
    Auto,
    On,
    Off,
}

/// Where the callback listener may stand (RFC 8252 §7.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// Tried in this order; 0 is any free port.
    pub ports: Vec<u16>,
    /// `127.0.0.1` unless a registered URI says `localhost` or `[::1]`.
    pub host: String,
    pub path: String,
}

impl Redirect {
    /// Below every system's ephemeral range, clear of pingcli (7464) and Airflow (8080, 8793).
    pub const PORTS: [u16; 3] = [21217, 23683, 28021];
    pub const PATH: &'static str = "/callback";

    pub fn uri(&self, port: u16) -> String {
        format!("http://{}:{port}{}", self.host, self.path)
    }

    /// May an answer that is meant for one arrive at the other? The host is not looked at by the listener.
    pub fn meets(&self, other: &Self) -> bool {
        let any = self.ports.contains(&0) || other.ports.contains(&0);
        let one = self.ports.iter().any(|port| other.ports.contains(port));
        self.path == other.path && (any || one)
    }

    /// What has to be registered at Ping. Where any port will do, none is named (RFC 8252 §7.3).
    pub fn to_register(&self) -> Vec<String> {
        let one = |port: &u16| match *port {
            0 => format!("http://{}{} with any port", self.host, self.path),
            port => self.uri(port),
        };
        self.ports.iter().map(one).collect()
    }
}

impl Default for Redirect {
    fn default() -> Self {
        Self {
            ports: Self::PORTS.to_vec(),
            host: "127.0.0.1".to_owned(),
            path: Self::PATH.to_owned(),
        }
    }
}

/// Endpoints that stand in for what discovery says or leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EndpointOverrides {
    pub discovery: Option<String>,
    pub authorization: Option<String>,
    pub token: Option<String>,
    pub device_authorization: Option<String>,
    pub pushed_authorization_request: Option<String>,
    pub revocation: Option<String>,
    pub userinfo: Option<String>,
    pub jwks: Option<String>,
    pub end_session: Option<String>,
}

/// How this profile's issuer is reached.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// A PEM file beside the system's trust store. There is no switch to skip verification.
    pub ca_file: Option<PathBuf>,
    /// Instead of the system's and the environment's.
    pub proxy: Option<String>,
    pub no_proxy: Option<String>,
}

/// A proxy's address may carry a password.
impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("ca_file", &self.ca_file)
            .field("proxy", &self.proxy.is_some())
            .field("no_proxy", &self.no_proxy)
            .finish()
    }
}
