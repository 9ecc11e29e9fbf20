//! Who is signed in where, and until when.

use serde::{Deserialize, Serialize};

use super::approvals::Question;
use super::containers::Container;
use super::lanes::LaneStatus;

/// `GET /v1/status`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    pub agent: AgentStatus,
    pub profiles: Vec<ProfileStatus>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deployments: Vec<DeploymentStatus>,
    /// Sign-ins that ended while the issuer could not be reached, their tokens not yet revoked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revocations: Vec<OwedRevocation>,
    /// Doors for containers and far machines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<Container>,
    /// What a caller in a lane sees is its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lanes: Vec<LaneStatus>,
    /// What a person is asked and has not answered yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Question>,
}

/// An Airflow deployment of the config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentStatus {
    pub name: String,
    pub url: String,
    pub profile: String,
    /// `exchange`: it gives its own JWT for Ping's token (RFC 7523); `direct`: it takes Ping's.
    pub token: String,
    /// With `exchange`, where a JWT is held: its end, epoch seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// The environment of `airflowctl` whose keychain item the agent writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keychain_item: Option<String>,
    /// Why that item is not as it should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keychain_trouble: Option<String>,
    /// Why the last grant gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A refresh token that is revoked as soon as the issuer can be reached. All times are epoch seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwedRevocation {
    /// `prod`, or `prod/warehouse_api`.
    pub profile: String,
    /// When the person signed out.
    pub since: i64,
    /// How often it was tried since; the sign-out's own try included.
    pub attempts: u32,
    pub retry_at: i64,
    /// Until when it is tried.
    pub forget_at: i64,
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
    /// `unasked`, `ok`, `locked`, `unavailable`, `degraded`; `changed`: the config asks for another.
    pub store_state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_detail: Option<String>,
    pub config_path: String,
    /// `in_force`; `absent`: there is no file; `outdated`: the file is wrong and the last good one is in
    /// force; `wrong`: it is, and none is. Empty from an agent before this word.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub config_state: String,
    /// The first thing that is wrong with the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_error: Option<String>,
    /// The machine's config that is held to, and the keys that it locks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_config: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locked: Vec<String>,
    pub default_profile: Option<String>,
    /// Nothing can be recorded, and therefore nothing is handed out: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger_error: Option<String>,
    /// Lines of it are not here, and the key that signs never said that they may be gone: which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger_missing: Option<String>,
    /// A witness holds another history of the ledger than the one here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger_forked: Option<String>,
    /// Fewer witnesses than are needed cosigned the ledger's newest checkpoint: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness_error: Option<String>,
    /// `none`, `in_force`; `outdated`: what stands on disk does not load and the last good one serves;
    /// `switched_off`: a person did so for an hour, and `policy_error` says until when and why;
    /// `shut`: nor is there one that did, and no token leaves. Empty from an agent before this word.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub policy_state: String,
    /// The first thing that is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_error: Option<String>,
    /// `[logout]` wants what nobody on this machine tells any more: which key, and what is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logout_error: Option<String>,
    /// A sign-out that nobody asked for is not written down for the agent's next start: where, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logout_unwritten: Option<String>,
    /// Of the tray: `shown`, `unseen` where this desktop shows no icons, `none` without a desktop.
    #[serde(default)]
    pub icon: String,
    /// The desktop's start brought it up, not a command.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub started_by_login: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileStatus {
    /// The session's one name: `prod`, or `prod/warehouse_api`.
    pub name: String,
    /// `service`, `machine`: nobody signs in to it. Absent: a person does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The connection whose own sign-in it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// The command that signs in to it; of one that nobody signs in to, what gives it its secret or key.
    #[serde(default)]
    pub login: String,
    pub issuer: String,
    pub client_id: String,
    /// `signed_in`, `signed_out`, `login_required`, `offline`, `degraded`, `misconfigured`, `keychain_locked`, `keychain_unavailable`, `signing_in`;
    /// of one that nobody signs in to `ready`, `no_credential`, `refused` in place of the first three.
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
    /// It will be signed out soon without anybody asking, if nothing else happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logout: Option<ComingLogout>,
}

/// A sign-out that nobody asks for (`[logout]` of the config).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComingLogout {
    pub at: i64,
    /// `idle`, `lock`, `switch`, `after`, `session-ended`.
    pub reason: String,
    /// The same for a person.
    pub text: String,
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
    /// `id_token`, `userinfo`, `access_token_claims`; `client`: it is no person, and `sub` is its id.
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
    /// `expires_in`, `exp claim`, `assumed`, `server`, `profile`, `observed` (as past sessions ended),
    /// `unknown`, `none`.
    pub source: String,
}

impl ProfileStatus {
    /// Does a person sign in to it?
    pub fn signs_in(&self) -> bool {
        self.kind.is_empty()
    }
}
