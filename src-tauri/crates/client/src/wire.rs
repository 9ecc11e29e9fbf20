//! The local API, version 1: what goes over the socket, pipe and loopback port. Ignore what you do
//! not know; every time is UTC, epoch seconds.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

mod config;
mod doctor;

pub use config::{ConfigProblem, ConfigReply};
pub use doctor::{DoctorAsk, Finding};

/// Sent with every request: scripts in a browser cannot set a header whose name begins `Sec-`.
pub const GUARD_HEADER: &str = "Sec-Dagpass";
/// The one value of [`GUARD_HEADER`].
pub const GUARD_VALUE: &str = "1";

/// Variables of the caller's desktop that opening a browser may need: what the command line sends
/// with a sign-in, and all that the agent takes.
pub const DESKTOP_VARIABLES: [&str; 6] = [
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "BROWSER",
];

/// `POST /v1/token`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenAsk {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// An Airflow conn_id of the config.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// An Airflow deployment, for its JWT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub airflow: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// Whole seconds the token must still live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_ttl: Option<u64>,
    /// SHA-256, lower-case hex, of a token that a server refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejected: Option<String>,
    /// DAG, task, run: recorded, never decided on. `"purpose": "dag-parse"` does not count as use.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, String>,
}

/// The answer: RFC 6749 §5.1 plus `expires_at`. Never a refresh token.
#[derive(Clone, Serialize, Deserialize)]
pub struct TokenReply {
    pub access_token: Zeroizing<String>,
    pub token_type: String,
    /// Seconds until expiry, counted from the reply's arrival (RFC 6749 §5.1).
    pub expires_in: i64,
    /// Epoch seconds.
    pub expires_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The issuer cannot give what `min_ttl` asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub short_lived: bool,
}

impl fmt::Debug for TokenReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenReply")
            .field("token_type", &self.token_type)
            .field("expires_at", &self.expires_at)
            .field("scope", &self.scope)
            .field("short_lived", &self.short_lived)
            .finish_non_exhaustive()
    }
}

/// Any refusal: RFC 6749 §5.2 plus the command that helps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReply {
    /// A standard's code, as `dagpass_core::error::ErrorCode` spells it.
    pub error: String,
    pub error_description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// `POST /v1/airflow/connection`. 404 (`not_found`) where the config has no such conn_id.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectionAsk {
    pub conn_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, String>,
}

/// Airflow's connection JSON: what `Connection.from_json` reads. The token is in one field only.
#[derive(Clone, Serialize, Deserialize)]
pub struct AirflowConnection {
    pub conn_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Zeroizing<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl fmt::Debug for AirflowConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AirflowConnection")
            .field("conn_type", &self.conn_type)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

/// `GET /v1/connections`, and the file `connections.json` in the state folder (ids only).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionIds {
    pub version: u32,
    pub connections: Vec<String>,
}

/// `GET /v1/status`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    pub agent: AgentStatus,
    pub profiles: Vec<ProfileStatus>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AgentStatus {
    /// Of the running program; the CLI compares it with its own.
    pub version: String,
    pub pid: u32,
    pub started_at: i64,
    /// Where it listens: socket path or pipe name.
    pub socket: String,
    pub tcp_port: u16,
    pub paused: bool,
    /// `secret-service`, `keychain`, `credential-manager`, `passphrase-file`, `key-file`.
    pub store: String,
    /// `ok`, `locked`, `unavailable`, `degraded`.
    pub store_state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_detail: Option<String>,
    pub config_path: String,
    /// The config on disk is wrong and the last good one is in force: the first error of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_error: Option<String>,
    pub default_profile: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileStatus {
    pub name: String,
    pub issuer: String,
    pub client_id: String,
    /// `signed_in`, `signed_out`, `login_required`, `offline`, `degraded`, `misconfigured`, `keychain_locked`, `keychain_unavailable`, `signing_in`.
    pub state: String,
    /// Why it is in that state, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<Who>,
    pub scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_in_at: Option<i64>,
    pub horizons: Horizons,
}

/// Who signed in. Groups are as of the last sign-in or refresh that told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    pub iss: String,
    pub sub: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    pub groups: Vec<String>,
    /// `id_token`, `userinfo`, `access_token_claims`.
    pub source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
}

/// The three ends of a session, each with where the figure comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Horizons {
    pub access_token: HorizonReply,
    pub refresh_token: HorizonReply,
    pub session: HorizonReply,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HorizonReply {
    /// Epoch seconds; absent where nothing tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
    /// `expires_in`, `exp claim`, `assumed`, `server`, `profile`, `unknown`, `none`.
    pub source: String,
}

/// `POST /v1/sign-in`. The answer is a stream of [`SignInEvent`]s, one JSON object a line
/// (`application/x-ndjson`); closing the connection cancels the sign-in.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SignInAsk {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The connection with a sign-in of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// `auto`, `browser`, `device`; absent takes the profile's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_open: bool,
    /// Sign in anew though the session stands: `prompt=login`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fresh: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept_subject: Option<String>,
    /// [`DESKTOP_VARIABLES`] of the caller.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub desktop: BTreeMap<String, String>,
    /// The caller came over ssh.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub remote: bool,
}

/// `POST /v1/sign-in/callback`: the callback URL a person pasted, for the running sign-in.
#[derive(Clone, Serialize, Deserialize)]
pub struct PastedCallback {
    pub profile: String,
    pub url: Zeroizing<String>,
}

impl fmt::Debug for PastedCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PastedCallback").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// What happens during a sign-in, in order. The last line is `signed_in` or `failed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum SignInEvent {
    /// The browser way stands; `opened` says whether a browser was asked to show it.
    Browser {
        url: String,
        redirect_uri: String,
        opened: bool,
        /// A pasted callback URL is accepted at `/v1/sign-in/callback`.
        paste: bool,
        expires_at: i64,
    },
    /// Type this code there. Show it even where the complete URI is at hand (RFC 8628 §3.3.1).
    Device {
        user_code: String,
        verification_uri: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verification_uri_complete: Option<String>,
        expires_at: i64,
    },
    /// Something a person should know while waiting.
    Note {
        text: String,
    },
    SignedIn {
        status: Box<ProfileStatus>,
    },
    Failed {
        error: ErrorReply,
    },
}

/// `POST /v1/sign-out`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SignOutAsk {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
    /// End Ping's own session too; off unless asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sso: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SignOutReply {
    pub profiles: Vec<SignedOut>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignedOut {
    pub profile: String,
    /// `confirmed`, `unsupported`, `unconfirmed`, `pending`, `not_signed_in`.
    pub revocation: String,
    /// With `sso`: the URL that ends Ping's session, for the browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_session_url: Option<String>,
}

/// `POST /v1/runs`: a capability for one child process tree. Over the socket or pipe only.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunAsk {
    /// Whose end ends the capability: the child's pid, else the caller's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// What it is narrowed to; empty is every profile.
    pub profiles: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// For the record: the program's name, never its arguments.
    pub command: String,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct RunReply {
    /// A public name for the capability; what the ledger shows.
    pub id: String,
    /// 256 random bits, base64url.
    pub capability: Zeroizing<String>,
}

impl fmt::Debug for RunReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunReply").field("id", &self.id).finish_non_exhaustive()
    }
}

/// `endpoint.json`, 0600, in the socket's folder, new at every start.
#[derive(Clone, Serialize, Deserialize)]
pub struct Endpoint {
    pub version: u32,
    pub pid: u32,
    pub port: u16,
    /// 256 random bits, base64url: `Authorization: Bearer`.
    pub capability: Zeroizing<String>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("pid", &self.pid)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// `POST /v1/discover`: what a discovery document says, before there is a profile.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DiscoverAsk {
    /// The full URL of the document, or an issuer to which the well-known path is added.
    pub url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DiscoverReply {
    pub issuer: String,
    pub authorization_code: bool,
    pub device_code: bool,
    pub scopes_supported: Vec<String>,
    /// Server clock less ours, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_skew: Option<i64>,
}
