//! The config as it was typed: every key optional, each value with its place. What it means is
//! `check.rs`'s to say.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::raw_audit::{RawShip, RawWitness};
use super::raw_connection::RawConnection;
use super::raw_policy::RawRule;
use super::raw_upstream::RawUpstream;
use super::section::{At, Section, Table};
use super::{Durability, Reauthenticate};

/// A struct whose fields are the keys of a table; the doc comments become the schema's.
macro_rules! table {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$field_doc:meta])* $field:ident: $kind:ty,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, JsonSchema)]
        #[schemars(rename_all = "kebab-case", deny_unknown_fields)]
        pub(super) struct $name {
            $($(#[$field_doc])* pub(super) $field: Option<At<$kind>>,)*
        }

        impl Table for $name {
            fn read(section: &mut Section<'_, '_>) -> Self {
                Self { $($field: section.take(&key(stringify!($field))),)* }
            }

            fn over(self, base: &Self) -> Self {
                Self { $($field: self.$field.or_else(|| base.$field.clone()),)* }
            }

            fn keys() -> Vec<String> {
                vec![$(key(stringify!($field)),)*]
            }
        }
    };
}

pub(super) use table;

pub(super) fn key(field: &str) -> String {
    field.replace('_', "-")
}

/// The whole of `config.toml`.
#[derive(Debug, Default, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields, title = "dagpass config")]
pub(super) struct RawConfig {
    /// The profile that is meant where none is named.
    pub(super) default_profile: Option<At<String>>,
    /// Proxy for every profile that names none: http://host:port. Where the config names none at all, the
    /// first that the agent's environment has of HTTPS_PROXY, https_proxy, ALL_PROXY and all_proxy.
    pub(super) proxy: Option<At<String>>,
    /// Hosts that are reached without the proxy, separated by commas.
    pub(super) no_proxy: Option<At<String>>,
    /// PEM file of further certificate authorities, or one in DER, relative to the config file.
    pub(super) ca_file: Option<At<String>>,
    /// The hosts that connections and deployments may have, `*.corp.example` for all below one. Absent: any.
    pub(super) connection_hosts: Option<At<Vec<String>>>,
    /// Of the machine's config alone: the keys whose value is the administrator's to set.
    pub(super) locked: Option<At<Vec<String>>>,
    pub(super) endpoint: Option<At<RawEndpoint>>,
    pub(super) store: Option<At<RawStore>>,
    pub(super) notifications: Option<At<RawNotifications>>,
    pub(super) logout: Option<At<RawLogout>>,
    pub(super) audit: Option<At<RawAudit>>,
    pub(super) policy: Option<At<RawPolicy>>,
    pub(super) approvals: Option<At<RawApprovals>>,
    #[schemars(default)]
    pub(super) profile: BTreeMap<String, At<RawProfile>>,
    #[schemars(default)]
    pub(super) connection: BTreeMap<String, At<RawConnection>>,
    #[schemars(default)]
    pub(super) env: BTreeMap<String, At<RawEnvironment>>,
    #[schemars(default)]
    pub(super) airflow: BTreeMap<String, At<RawAirflow>>,
    #[schemars(default)]
    pub(super) lane: BTreeMap<String, At<RawLane>>,
    #[schemars(default)]
    pub(super) upstream: BTreeMap<String, At<RawUpstream>>,
}

impl RawConfig {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            default_profile: section.take("default-profile"),
            proxy: section.take("proxy"),
            no_proxy: section.take("no-proxy"),
            ca_file: section.take("ca-file"),
            connection_hosts: section.take("connection-hosts"),
            locked: section.take("locked"),
            endpoint: section.table("endpoint", RawEndpoint::read),
            store: section.table("store", RawStore::read),
            notifications: section.table("notifications", RawNotifications::read),
            logout: section.table("logout", RawLogout::read),
            audit: section.table("audit", RawAudit::read),
            policy: section.table("policy", RawPolicy::read),
            approvals: section.table("approvals", RawApprovals::read),
            profile: section.tables("profile", RawProfile::read),
            connection: section.tables("connection", RawConnection::read),
            env: section.tables("env", |environment| RawEnvironment {
                connection: environment.tables("connection", RawConnection::read),
            }),
            airflow: section.tables("airflow", RawAirflow::read),
            lane: section.tables("lane", RawLane::read),
            upstream: section.tables("upstream", RawUpstream::read),
        }
    }
}

/// An environment: its connections overlay those of the same name.
#[derive(Debug, Default, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RawEnvironment {
    #[schemars(default)]
    pub(super) connection: BTreeMap<String, At<RawConnection>>,
}

table! {
    /// The TCP loopback endpoint.
    RawEndpoint {
        /// 0 is any free port.
        port: u16,
    }
}

table! {
    /// What the desktop shows by itself.
    RawNotifications {
        /// false: none at all.
        enabled: bool,
        /// That a sign-in is needed.
        sign_in: bool,
        /// That a session ends soon.
        session_end: bool,
    }
}

table! {
    /// When the agent signs everybody out without being asked.
    RawLogout {
        /// Nobody used the computer for so long: "30m". Absent: never.
        idle: String,
        /// true: the screen is locked.
        on_lock: bool,
        /// true: another session of the machine takes the screen, or this one is disconnected.
        on_switch: bool,
        /// So long after the person last proved who they are: "12h". Absent: never.
        after: String,
        /// false: not at the end of Ping's own session by the profile's `session-lifetime`.
        on_session_end: bool,
        /// How long runs that are in flight go on: "10m".
        grace: String,
    }
}

table! {
    /// The ledger.
    RawAudit {
        /// When may a token leave? "written": its line was handed to the system, which a crash of the
        /// agent survives, and is on disk within seconds. "synced": its line is on disk, which a loss of
        /// power survives as well; each token waits for the disk.
        durability: Durability,
        /// How long the ledger's lines are kept: "400d", a day at least; left out, for ever. Older ones are pruned
        /// by whole segments, once a checkpoint is over them and who is to have them has them.
        retain: String,
        /// Who cosigns the ledger's checkpoints (C2SP tlog-witness), so that it cannot be rewritten unseen.
        witness: Vec<RawWitness>,
        /// How many of them a checkpoint needs; else all.
        witness_quorum: usize,
        /// Where the agent ships the ledger's lines and checkpoints.
        ship: RawShip,
    }
}

table! {
    /// Who may have which token, beyond the built-in rules.
    RawPolicy {
        /// Cedar, relative to the config file; else policy.cedar beside it, where there is one.
        file: String,
        /// The common rules in short, over all that the built-in rules permit.
        rule: Vec<RawRule>,
    }
}

table! {
    /// What a person's answer to a rule that asks needs.
    RawApprovals {
        /// For which answers has the system (polkit) you prove who you are? "off"; "where-possible": for what
        /// holds beyond once, where it can; "lasting": such an answer does not count elsewhere; "each": each yes.
        re_authenticate: Reauthenticate,
    }
}

table! {
    /// What a coding agent's process tree is held to: in it tokens are asked for, and nothing else is done.
    RawLane {
        /// Its programs, by name or whole path, with `*`: each with all that it starts. A script's is its
        /// interpreter. `dagpass run --lane NAME` needs none.
        programs: Vec<String>,
        /// The scope or service that systemd runs it in, with `*`.
        cgroup: String,
        /// How many tokens may it have within an hour?
        tokens_per_hour: u32,
        /// For how many profiles, resources and deployments within an hour?
        audiences: u32,
    }
}

table! {
    /// Where refresh tokens are kept.
    RawStore {
        kind: RawStoreKind,
        /// With kind = "key-file": 32 random bytes or more, relative to the config file.
        key_file: String,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawStoreKind {
    Keychain,
    PassphraseFile,
    KeyFile,
}

table! {
    /// One OpenID client at one issuer.
    RawProfile {
        /// The issuer's exact string, as its discovery document has it.
        #[schemars(required)]
        issuer: String,
        #[schemars(required)]
        client_id: String,
        /// To whom its tokens are given: a person who signs in, or the client itself.
        kind: RawProfileKind,
        flow: RawFlow,
        /// What a sign-in asks for: the union of what callers need.
        scopes: Vec<String>,
        /// Candidates for the loopback listener, in order; 0 is any free port.
        redirect_ports: Vec<u16>,
        /// A registered URI that cannot change: http://localhost:{port}/cb
        redirect_uri: String,
        /// The callback's path: one of its own where profiles of several issuers would share it.
        redirect_path: String,
        login_hint: String,
        /// What every sign-in asks for, such as "consent"; `login --fresh` adds `login` to it.
        prompt: String,
        /// Sign-on policies, best first. Where the ID token names its `acr`, it has to be one of them.
        acr_values: String,
        /// Oldest proof of identity that is accepted, counted from the request: "12h".
        max_age: String,
        device_pkce: RawDevicePkce,
        /// Whom an ID token may be meant for beside this client.
        id_token_audiences: Vec<String>,
        /// Hosts that a device verification URI may have beside the issuer's own.
        verification_hosts: Vec<String>,
        /// How long Ping's own session lasts: "12h".
        session_lifetime: String,
        /// How long a refresh token lasts: "30d".
        refresh_lifetime: String,
        /// How long before expiry a new token is asked for, at most: "60s".
        refresh_margin: String,
        groups_claim: String,
        /// How the client proves itself: "none", "secret-basic", "secret-post" or "private-key-jwt". Its secret or
        /// key is never in this file.
        client_auth: String,
        /// With "private-key-jwt": whom what proves the client is addressed to, as its issuer wants it.
        assertion_audience: RawAssertionAudience,
        ca_file: String,
        proxy: String,
        no_proxy: String,
        /// Further parameters of the authorization and token requests.
        token_params: BTreeMap<String, String>,
        endpoints: RawEndpoints,
    }
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawProfileKind {
    User,
    /// The client itself, by a secret or a key.
    Service,
    /// The client itself, by a key that was made on this machine.
    Machine,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawAssertionAudience {
    /// The issuer's exact string.
    Issuer,
    /// The token endpoint, whatever endpoint is asked: PingAM.
    TokenEndpoint,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawFlow {
    Auto,
    Browser,
    Device,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawDevicePkce {
    Auto,
    On,
    Off,
}

/// Endpoints that stand in for what discovery says. A host that the sign-in did not know, and that is not
/// the issuer's, asks for a new sign-in.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawEndpoints {
    pub(super) discovery: Option<String>,
    pub(super) authorization: Option<String>,
    pub(super) token: Option<String>,
    pub(super) device_authorization: Option<String>,
    pub(super) pushed_authorization_request: Option<String>,
    pub(super) revocation: Option<String>,
    pub(super) userinfo: Option<String>,
    pub(super) jwks: Option<String>,
    pub(super) end_session: Option<String>,
}

table! {
    /// An Airflow deployment.
    RawAirflow {
        #[schemars(required)]
        url: String,
        /// Absent: the default profile.
        profile: String,
        token: RawAirflowToken,
        /// The deployment's group-to-role file, relative to the config file: "airflow-roles.json"
        roles_file: String,
        /// With token = "exchange": which of Ping's tokens is handed in.
        assertion: RawAssertion,
        /// The agent writes the keychain item that `airflowctl` reads for this environment:
        /// "production", as in AIRFLOW_CLI_ENVIRONMENT.
        keychain_item: String,
    }
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawAssertion {
    /// What the server's audience check expects, mostly.
    AccessToken,
    /// The sign-in's own; only as long as one is at hand that has not expired.
    IdToken,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawAirflowToken {
    /// Airflow gives its own token for Ping's (RFC 7523).
    #[serde(rename = "exchange")]
    JwtBearer,
    /// Airflow takes Ping's token itself.
    Direct,
}
