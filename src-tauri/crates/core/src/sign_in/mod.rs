//! Signing in: the plan, the race between browser and device, and what becomes of an answer.
//!
//! 1. [`plan`]: which ways are open, and when each begins
//! 2. `flow`: the ways, until one of them has an answer to redeem; `error_response`: what an error means;
//!    `start`: where the browser is sent; [`poll`]: the device grant's rhythm
//! 3. `conclude`: what was received is kept, judged, and takes its place; `first_refresh`: where it is
//!    not enough to judge by
//! 4. `assurance`: what is asked for, and whether the answer proves it

mod assurance;
mod conclude;
mod error_response;
mod first_refresh;
mod flow;
pub mod plan;
pub mod poll;
mod start;

use std::time::Duration;

use tokio::sync::oneshot;

use crate::error::ErrorCode;
use crate::profile::Flow;
use crate::time::Timestamp;
use crate::token::{AuthorizationCode, CodeVerifier, DeviceCode};

pub use assurance::{Assurance, Claim, NewProof, renewed};
pub use flow::{SignIn, SignInPorts};
pub use plan::{BROWSER_WINDOW, DEVICE_OFFER, Opening};

/// Hears what happens, as it happens.
pub trait Progress: Send + Sync {
    fn tell(&self, step: Step);
}

/// What a person should see during a sign-in.
#[derive(Debug)]
pub enum Step {
    Browser { url: String, redirect_uri: String, opened: bool, expires_at: Timestamp },
    Device(DeviceAuthorization),
    Note(String),
}

/// What the server's metadata offers (OIDC Discovery §3, RFC 8414 §2), overrides applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offers {
    pub authorization_code: bool,
    pub device_code: bool,
    /// RFC 9207: a callback without `iss` is then refused.
    pub iss_in_callback: bool,
    /// The authorization request is pushed ahead (RFC 9126).
    pub pushes: bool,
    pub revocation: bool,
    pub token_exchange: bool,
    /// The issuer the document names: shown by `init`, equal to the profile's.
    pub issuer: String,
    pub scopes_supported: Vec<String>,
    /// Endpoints that the document does not name, each with how it was found.
    pub found_elsewhere: Vec<String>,
    /// A claim that is the profile's `groups-claim` by all but its spelling.
    pub near_groups_claim: Option<String>,
    /// Wall clock of the server less ours, from its `Date` header, in seconds.
    pub clock_skew: Option<i64>,
}

/// One browser flow. `state`, `nonce` and the verifier are fresh for each and never logged.
#[derive(Clone)]
pub struct AuthorizationRequest {
    pub redirect_uri: String,
    pub state: String,
    pub nonce: String,
    pub verifier: CodeVerifier,
    pub assurance: Assurance,
}

impl std::fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthorizationRequest")
            .field("redirect_uri", &self.redirect_uri)
            .field("assurance", &self.assurance)
            .finish_non_exhaustive()
    }
}

/// Where the browser goes to ask for a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationUrl {
    pub url: String,
    /// Until when it can be opened, where the request was pushed ahead (RFC 9126 §2.2).
    pub ends: Option<Timestamp>,
}

/// RFC 8628 §3.2, as the server sent it: `verification_uri_complete` is never made up.
#[derive(Clone, Debug)]
pub struct DeviceAuthorization {
    pub device_code: DeviceCode,
    pub user_code: String,
    pub verification_uri: String,
    pub verification_uri_complete: Option<String>,
    pub expires_at: Timestamp,
    pub interval: Duration,
    /// Whether the challenge was sent and taken, so that polls carry the verifier.
    pub pkce: bool,
}

/// The caller's desktop, as far as opening a browser needs it. Values of a short allow-list of
/// environment variables (`DISPLAY`, `WAYLAND_DISPLAY`, `XAUTHORITY`, `BROWSER`, …).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desktop {
    pub variables: Vec<(String, String)>,
    /// The caller came over ssh, so a browser would open on the wrong machine, unless the caller
    /// brought a `BROWSER` of its own.
    pub remote: bool,
}

/// One callback, parsed (RFC 6749 §4.1.2). The page waits for the verdict.
#[derive(Debug)]
pub struct Arrival {
    pub answer: CallbackAnswer,
    pub verdict: oneshot::Sender<Verdict>,
}

/// A browser that came to be sent to Ping, and waits.
pub type Click = oneshot::Sender<SentOn>;

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SentOn {
    To(String),
    /// One was sent on already.
    Used,
    Failed {
        code: ErrorCode,
        description: String,
    },
}

/// The query of a callback.
#[derive(Clone, Debug)]
pub struct CallbackAnswer {
    pub state: Option<String>,
    pub iss: Option<String>,
    pub outcome: Result<AuthorizationCode, CallbackError>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackError {
    pub error: String,
    pub description: String,
}

/// What the callback page tells the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Signed in: the page may be closed.
    SignedIn { who: Option<String> },
    /// Not ours, used, or without state: HTTP 400, and the flow goes on.
    NotThisFlow,
    /// The flow ended without a session.
    Failed { code: ErrorCode, description: String },
}

/// What a sign-in may do, from the request that asked for it.
#[derive(Clone, Debug, Default)]
pub struct SignInOptions {
    /// Instead of the profile's own choice.
    pub flow: Option<Flow>,
    /// Show the URL and take a pasted callback instead of opening a browser.
    pub no_open: bool,
    pub desktop: Desktop,
    pub claim: Claim,
}
