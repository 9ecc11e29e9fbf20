//! A sign-in as it happens, and its end.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{ErrorReply, Lease, ProfileStatus};

/// Variables of the caller's desktop that opening a browser may need: what the command line sends
/// with a sign-in, and all that the agent takes.
pub const DESKTOP_VARIABLES: [&str; 7] = [
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "BROWSER",
    // What a remote editor's `BROWSER` reaches its window by.
    "VSCODE_IPC_HOOK_CLI",
];

/// Those that the caller has.
pub fn desktop(variable: impl Fn(&str) -> Option<String>) -> BTreeMap<String, String> {
    let known = DESKTOP_VARIABLES.iter();
    known.filter_map(|name| Some(((*name).to_owned(), variable(name)?))).collect()
}

/// `POST /v1/sign-in`. The answer is a stream of [`SignInEvent`]s, one JSON object a line
/// (`application/x-ndjson`); closing the connection cancels the sign-in.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SignInAsk {
    /// The session's name: a profile's, or `prod/warehouse_api`.
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
    /// Where the same sign-in is under way already, follow that one to its end.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub join: bool,
    /// No sign-in without a new proof of identity: `prompt=login`, `max_age=0`, and an `auth_time` that tells.
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
    /// The session's name, as the sign-in told it.
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
        /// Its one name: `prod`, or `prod/warehouse_api`.
        #[serde(default)]
        session: String,
        url: String,
        redirect_uri: String,
        opened: bool,
        /// A pasted callback URL is accepted at `/v1/sign-in/callback`.
        paste: bool,
        /// Until when the URL can be opened: a request that was pushed ahead ends soon (RFC 9126).
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
    /// The session's name: a profile's, or `prod/warehouse_api`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
    /// End Ping's own session too; off unless asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sso: bool,
    /// The caller came over ssh: no browser of this machine is before it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub remote: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SignOutReply {
    pub profiles: Vec<SignedOut>,
    /// With `all`: how many leases held, and hold no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leases_ended: Option<u64>,
    /// What was handed out before and is good until its own end, for whoever holds it: a server that asks the
    /// issuer may refuse it sooner, one that checks offline will not. The longest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outstanding: Vec<Lease>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SignedOut {
    pub profile: String,
    /// Nobody signs in to it: what it was given is taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub client: bool,
    /// `confirmed`, `unsupported`, `unconfirmed`, `pending` (owed, and tried again for a day),
    /// `not_signed_in`; of one of all, `failed`: it is not finished.
    pub revocation: String,
    /// What is missing of one that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReply>,
    /// With `sso`: the URL that ends Ping's session, for the browser. One of this machine's, for ten
    /// minutes and once, where Ping is to be told whose session it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_session_url: Option<String>,
    /// Every Airflow JWT that was given for the session and might still live.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deployments: Vec<DeploymentSignedOut>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentSignedOut {
    pub name: String,
    /// `confirmed`, `unsupported`, `unconfirmed`, `pending` (never left, tried again by the next
    /// sign-out).
    pub revocation: String,
    /// When the JWT ends by itself, epoch seconds.
    pub expires_at: i64,
}
