//! What the decision needs from the world. Each port has at most five methods; `fakes.rs` has one
//! of each that can misbehave on command.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::audit::Record;
use crate::deployment::{Deployment, ExchangeFailure};
use crate::error::Why;
use crate::owed::OwedRevocation;
use crate::profile::{Profile, Redirect};
use crate::request::{SessionKey, Target};
use crate::session::{InFlight, StoredSession};
use crate::sign_in::{
    Arrival, AuthorizationRequest, Desktop, DeviceAuthorization, Offers, Opening,
};
use crate::time::Timestamp;
use crate::token::{
    AccessToken, Assertion, AuthorizationCode, CodeVerifier, DeviceCode, RefreshToken, TokenSet,
};

/// A boxed future, so that ports can be trait objects.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The wall clock. `now` is read once a decision and passed down.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
    /// Returns when the span has passed on the wall clock, suspended time included.
    fn sleep(&self, span: Duration) -> Pending<'static, ()>;
    /// A number in `0.0..1.0`, for jitter.
    fn chance(&self) -> f64;
}

/// The world as the token path needs it.
#[derive(Clone)]
pub struct Ports {
    pub clock: Arc<dyn Clock>,
    pub server: Arc<dyn AuthorizationServer>,
    pub airflow: Arc<dyn AirflowServer>,
    pub store: Arc<dyn RefreshTokenStore>,
    pub owed: Arc<dyn OwedRevocations>,
    pub witness: Arc<dyn Witness>,
    pub spawn: Arc<dyn Spawn>,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ports")
    }
}

/// Work that must outlive its caller.
pub trait Spawn: Send + Sync {
    fn spawn(&self, work: Pending<'static, ()>);
}

/// Ping, or any OpenID provider, seen from one profile.
pub trait AuthorizationServer: Send + Sync {
    /// What the server's metadata offers this profile (OIDC Discovery §3).
    fn offers<'a>(&'a self, profile: &'a Profile) -> Pending<'a, Result<Offers, TokenFailure>>;
    /// The URL to send the browser to; pushes the request first where the server requires it (RFC 9126).
    fn authorize<'a>(
        &'a self,
        profile: &'a Profile,
        request: &'a AuthorizationRequest,
    ) -> Pending<'a, Result<String, TokenFailure>>;
    /// RFC 8628 §3.1. The verifier is sent as its S256 challenge where given.
    fn device<'a>(
        &'a self,
        profile: &'a Profile,
        verifier: Option<&'a CodeVerifier>,
    ) -> Pending<'a, Result<DeviceAuthorization, TokenFailure>>;
    /// The token endpoint, for every grant. An ID token in the answer has been fully validated.
    fn redeem<'a>(
        &'a self,
        profile: &'a Profile,
        grant: Grant<'a>,
    ) -> Pending<'a, Result<TokenSet, TokenFailure>>;
    /// RFC 7009, sent once and never repeated: PingFederate counts stale revocations towards a lock-out.
    fn revoke<'a>(
        &'a self,
        profile: &'a Profile,
        token: &'a RefreshToken,
    ) -> Pending<'a, Result<Revocation, TokenFailure>>;
}

/// What is handed to the token endpoint.
#[derive(Clone, Copy, Debug)]
pub enum Grant<'a> {
    AuthorizationCode {
        code: &'a AuthorizationCode,
        request: &'a AuthorizationRequest,
    },
    DeviceCode {
        code: &'a DeviceCode,
        verifier: Option<&'a CodeVerifier>,
    },
    RefreshToken {
        token: &'a RefreshToken,
        target: &'a Target,
        /// What a new ID token must agree with: same `iss`, same `sub`, no older `auth_time`.
        session: &'a StoredSession,
    },
    TokenExchange {
        subject_token: &'a AccessToken,
        target: &'a Target,
    },
}

/// An Airflow deployment, reached the way its profile's issuer is.
pub trait AirflowServer: Send + Sync {
    /// The jwt-bearer grant at `/auth/token` (RFC 7523 §2.1).
    fn exchange<'a>(
        &'a self,
        profile: &'a Profile,
        deployment: &'a Deployment,
        assertion: &'a Assertion,
    ) -> Pending<'a, Result<TokenSet, ExchangeFailure>>;
    /// Takes the JWT back, and looks whether it is.
    fn log_out<'a>(
        &'a self,
        profile: &'a Profile,
        deployment: &'a Deployment,
        token: &'a AccessToken,
    ) -> Pending<'a, Revocation>;
}

impl TokenFailure {
    /// How long the server asked to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unreachable { retry_after, .. } => *retry_after,
            Self::Rejected { .. }
            | Self::SubjectChanged { .. }
            | Self::Misconfigured { .. }
            | Self::AuthorizationPending
            | Self::SlowDown
            | Self::ExpiredToken
            | Self::AccessDenied { .. } => None,
        }
    }
}

/// What became of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    Confirmed,
    /// The server has no revocation endpoint.
    Unsupported,
    /// The request was sent and no clear answer came. Never repeated.
    Unconfirmed,
    /// The connection never opened: may be tried again.
    Pending,
}

impl Revocation {
    /// The wire's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Unsupported => "unsupported",
            Self::Unconfirmed => "unconfirmed",
            Self::Pending => "pending",
        }
    }
}

/// Why the authorization server gave no token. Who is at fault decides what happens next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFailure {
    /// DNS, TCP, TLS, proxy, portal, 429, 5xx, half an answer. The refresh token is kept.
    #[error("{cause}")]
    Unreachable {
        cause: Why,
        /// Did the request leave, so that the server may have rotated?
        sent: bool,
        /// What `Retry-After` asked for, already capped.
        retry_after: Option<Duration>,
    },
    /// The grant is dead: `invalid_grant`, or the product's own word for it.
    #[error("{error}: {description}")]
    Rejected { error: String, description: String },
    /// The server understood and refused for a reason that a person must mend: `invalid_client`,
    /// `invalid_scope`, a missing endpoint, an issuer mismatch, a bad signature. The grant is kept.
    #[error("{error}: {description}")]
    Misconfigured { error: String, description: String },
    /// RFC 8628 §3.5: not yet.
    #[error("authorization_pending")]
    AuthorizationPending,
    #[error("slow_down")]
    SlowDown,
    #[error("expired_token")]
    ExpiredToken,
    /// The person said no, or may not.
    #[error("access_denied: {description}")]
    AccessDenied { description: String },
    /// The ID token or userinfo names somebody else than the session does.
    #[error("the server answered for another subject")]
    SubjectChanged { now: String },
}

/// Where refresh tokens live. One versioned record a session.
pub trait RefreshTokenStore: Send + Sync {
    fn load<'a>(&'a self, key: &'a SessionKey) -> Pending<'a, Result<Loaded, StoreFailure>>;
    /// Durable on `Ok`. The newest generation wins over whatever a fallback holds.
    fn save<'a>(
        &'a self,
        key: &'a SessionKey,
        session: &'a StoredSession,
    ) -> Pending<'a, Result<Saved, StoreFailure>>;
    fn forget<'a>(&'a self, key: &'a SessionKey) -> Pending<'a, Result<(), StoreFailure>>;
    /// Writes (`Some`) or clears (`None`) the mark that a refresh token is on its way. No secret in it.
    fn mark<'a>(
        &'a self,
        key: &'a SessionKey,
        mark: Option<&'a InFlight>,
    ) -> Pending<'a, Result<(), StoreFailure>>;
    /// Could a secret be written now? Never prompts; deadline inside. Asked before a browser opens.
    fn readiness<'a>(&'a self) -> Pending<'a, Result<(), StoreFailure>>;
}

/// Where the refresh tokens lie that are still to be revoked: as safe as those in use.
pub trait OwedRevocations: Send + Sync {
    /// All of them. Opens no keychain, since the notes hold no secret.
    fn list<'a>(&'a self) -> Pending<'a, Result<Vec<OwedRevocation>, StoreFailure>>;
    /// Durable on `Ok`: the note, then the token that `session` holds.
    fn keep<'a>(
        &'a self,
        owed: &'a OwedRevocation,
        session: &'a StoredSession,
    ) -> Pending<'a, Result<(), StoreFailure>>;
    /// Replaces the note. Durable on `Ok`.
    fn note<'a>(&'a self, owed: &'a OwedRevocation) -> Pending<'a, Result<(), StoreFailure>>;
    /// What [`Self::keep`] was given; `None` where it never came to be written.
    fn token<'a>(
        &'a self,
        owed: &'a OwedRevocation,
    ) -> Pending<'a, Result<Option<StoredSession>, StoreFailure>>;
    fn forget<'a>(&'a self, owed: &'a OwedRevocation) -> Pending<'a, Result<(), StoreFailure>>;
}

/// What the store held.
#[derive(Debug)]
pub struct Loaded {
    pub session: Option<StoredSession>,
    /// A refresh that was sent and never settled.
    pub in_flight: Option<InFlight>,
}

/// Where a record went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// The store that was chosen.
    Kept,
    /// The encrypted file, because the keychain would not take it: state `degraded`.
    Fallback,
}

/// Why the store would not serve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreFailure {
    #[error("the keychain is locked: {0}")]
    Locked(String),
    /// The encrypted file that a passphrase opens.
    #[error("the encrypted file is locked: {0}")]
    PassphraseNeeded(&'static str),
    #[error("no usable keychain: {0}")]
    Unavailable(String),
    /// There may well be one, but not where the agent looks: its session ended, or is another one.
    #[error("no usable keychain: {0}")]
    OutOfReach(String),
    #[error("the keychain did not answer within {0:?}")]
    TimedOut(Duration),
    #[error("the stored record is damaged: {0}")]
    Corrupt(String),
}

/// The system browser. Never a webview (RFC 8252 §8.12).
pub trait Browser: Send + Sync {
    fn opening(&self, desktop: &Desktop) -> Opening;
    fn open<'a>(&'a self, url: &'a str, desktop: &'a Desktop) -> Pending<'a, Result<(), String>>;
}

/// The loopback listener of one flow. It closes when the returned value is dropped.
pub trait Callbacks: Send + Sync {
    fn listen<'a>(&'a self, redirect: &'a Redirect) -> Pending<'a, Result<Listening, String>>;
}

/// A listener that stands.
pub struct Listening {
    pub redirect_uri: String,
    /// Every well-formed callback, whatever its `state`; the flow decides and answers its page.
    pub arrivals: tokio::sync::mpsc::Receiver<Arrival>,
    /// Dropped with this value: ends the listener.
    pub guard: Box<dyn std::any::Any + Send>,
}

impl std::fmt::Debug for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listening")
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}

/// The ledger. Synchronous, because nothing leaves before it has been recorded.
pub trait Witness: Send + Sync {
    fn record(&self, record: &Record<'_>) -> Result<(), WitnessFailure>;
}

/// The ledger could not be written: the access is denied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ledger cannot be written: {0}")]
pub struct WitnessFailure(pub String);
