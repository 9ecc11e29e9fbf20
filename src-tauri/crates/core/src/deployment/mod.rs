//! An Airflow deployment that gives its own JWT for Ping's token (RFC 7523 §2.1). Decides when it is
//! asked, what a refusal means and what a sign-out takes back; never what Airflow lets a person do.
//!
//! 1. [`jwt_bearer`]: one JWT, in its own flight
//! 2. [`held`]: what is remembered of them beside the cache
//! 3. [`logout`]: JWTs that end with the session
//! 4. [`refusals`]: what a caller hears

mod held;
mod jwt_bearer;
mod logout;
pub mod refusals;

use std::time::Duration;

use crate::answers::in_words;
use crate::error::Why;

pub use held::DeploymentView;
pub(crate) use held::Deployments;
pub use logout::LoggedOut;

/// How long does a deployment's JWT live where nothing tells, at most? The server side's own cap.
pub const LONGEST_ASSUMED: Duration = Duration::from_secs(3600);

/// A deployment as a target names it: another URL or another assertion is another token.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Deployment {
    pub name: String,
    /// Without a slash at the end.
    pub url: String,
    pub assertion: AssertionKind,
}

/// What is handed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AssertionKind {
    #[default]
    AccessToken,
    IdToken,
}

/// Why a deployment gave no JWT. None of these ends the session at Ping.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtBearerFailure {
    /// DNS, TCP, TLS, proxy, portal, a redirect, 429, 5xx, half an answer.
    #[error("{cause}")]
    Unreachable { cause: Why, retry_after: Option<Duration> },
    /// It takes an ID token, and none is at hand that still holds.
    #[error("Ping's last answer held no ID token that is still valid")]
    NoIdToken,
    /// The server knows no such grant.
    #[error("{cause}")]
    NoSuchGrant { cause: String },
    /// RFC 9470: the person proved who they are too long ago, or nobody knows when.
    #[error("{}", in_words("insufficient_user_authentication", description))]
    SignInTooOld { max_age: Option<Duration>, description: String },
    /// None of the person's groups is mapped to a role.
    #[error("{}", in_words("access_denied", description))]
    AccessDenied { description: String },
    /// The assertion itself is refused: issuer, audience, client, expiry, signature.
    #[error("{}", in_words(error, description))]
    Rejected { error: String, description: String },
    /// Any other refusal: a person must mend something.
    #[error("{}", in_words(error, description))]
    Misconfigured { error: String, description: String },
}
