//! What the decision needs from the world. Each port has at most five methods; `fakes.rs` has one
//! of each that can misbehave on command.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::approvals::Standing;
use crate::audit::{Receipt, Record};
use crate::deployment::{Deployment, JwtBearerFailure};
use crate::owed::note::OwedRevocation;
use crate::pending::note::PendingSignIn;
use crate::policy::engine::Authorizer;
use crate::profile::{Profile, Redirect};
use crate::request::{SessionKey, Target};
use crate::session::{InFlight, StoredSession};
use crate::sign_in::{
    Arrival, Assurance, AuthorizationRequest, AuthorizationUrl, Click, Desktop,
    DeviceAuthorization, Offers, Opening,
};
use crate::time::Timestamp;
use crate::token::{
    AccessToken, Assertion, AuthorizationCode, CodeVerifier, DeviceCode, IdToken, RefreshToken,
    TokenSet,
};

pub use crate::answers::{Revocation, RevokedFor, StoreFailure, TokenFailure, WitnessFailure};

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
    pub pending: Arc<dyn PendingSignIns>,
    pub authorizer: Arc<dyn Authorizer>,
    pub approvals: Arc<dyn ApprovalBook>,
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
    /// The token endpoint, for every grant. What comes back is kept before it is judged: a refresh token
    /// may have been spent for it.
    fn redeem<'a>(
        &'a self,
        profile: &'a Profile,
        grant: Grant<'a>,
    ) -> Pending<'a, Result<Redeemed, TokenFailure>>;
    /// Who it is for, and what a genuine ID token states; whether that is what was asked for, the core
    /// judges ([`Assurance`]). May take long, because keys and userinfo are asked for.
    fn judge<'a>(
        &'a self,
        profile: &'a Profile,
        grant: Grant<'a>,
        received: Received,
    ) -> Pending<'a, Result<TokenSet, TokenFailure>>;
    /// RFC 7009, sent once and never repeated: PingFederate counts stale revocations towards a lock-out.
    fn revoke<'a>(
        &'a self,
        profile: &'a Profile,
        token: &'a RefreshToken,
        why: RevokedFor,
    ) -> Pending<'a, Result<Revocation, TokenFailure>>;
    /// The same of a client's own token, which no refresh token stands behind.
    fn revoke_access<'a>(
        &'a self,
        profile: &'a Profile,
        token: &'a AccessToken,
    ) -> Pending<'a, Result<Revocation, TokenFailure>>;
    /// Is there here what proves this client? Asks no server.
    fn proves<'a>(&'a self, profile: &'a Profile) -> Pending<'a, Result<bool, StoreFailure>>;
}

/// What a sign-in asks of the same server before there is anything to redeem.
pub trait SignInServer: Send + Sync {
    /// What the server's metadata offers this profile (OIDC Discovery §3).
    fn offers<'a>(&'a self, profile: &'a Profile) -> Pending<'a, Result<Offers, TokenFailure>>;
    /// The URL to send the browser to; pushes the request first where the server requires it (RFC 9126).
    fn authorize<'a>(
        &'a self,
        profile: &'a Profile,
        request: &'a AuthorizationRequest,
    ) -> Pending<'a, Result<AuthorizationUrl, TokenFailure>>;
    /// RFC 8628 §3.1. The verifier is sent as its S256 challenge where given.
    fn device<'a>(
        &'a self,
        profile: &'a Profile,
        verifier: Option<&'a CodeVerifier>,
        assurance: &'a Assurance,
    ) -> Pending<'a, Result<DeviceAuthorization, TokenFailure>>;
    /// The keys that the answer will be judged by, while there is time: the code does not wait for them.
    fn fetch_keys<'a>(&'a self, profile: &'a Profile) -> Pending<'a, Result<(), TokenFailure>>;
}

/// A success of the token endpoint. Whatever else is in it, a refresh token has been spent for it.
#[derive(Debug)]
pub enum Redeemed {
    Tokens(Box<Received>),
    /// A refresh token without an access token that could be served.
    Renewal(Renewal),
}

/// A refresh token that came alone: it takes the place of the one that was sent.
#[derive(Clone, Debug)]
pub struct Renewal {
    pub refresh_token: RefreshToken,
    /// When the server says it ends, where it says so.
    pub refresh_expires_at: Option<Timestamp>,
    pub received_at: Timestamp,
    /// What the answer lacks.
    pub lacks: String,
}

impl Renewal {
    /// Asked a second time, the server still gives no token to serve.
    pub fn failure(self) -> TokenFailure {
        TokenFailure::Misconfigured { error: "server_error".to_owned(), description: self.lacks }
    }
}

/// What the token endpoint answered, not yet believed.
#[derive(Clone, Debug)]
pub struct Received {
    /// Without an identity.
    pub set: TokenSet,
    pub id_token: Option<IdToken>,
    /// What kind of token an exchange gave (RFC 8693 §2.2.1), where it says so.
    pub issued_token_type: Option<String>,
    /// Clock of the server less ours, seconds.
    pub clock_skew: Option<i64>,
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
        /// It stands for a sign-in that nobody judged: who it is has to be found out.
        first: bool,
    },
    TokenExchange {
        subject_token: &'a AccessToken,
        target: &'a Target,
    },
    /// For the client itself.
    ClientCredentials {
        target: &'a Target,
    },
}

/// An Airflow deployment, reached the way its profile's issuer is.
pub trait AirflowServer: Send + Sync {
    /// The jwt-bearer grant at `/auth/token` (RFC 7523 §2.1).
    fn jwt_bearer<'a>(
        &'a self,
        profile: &'a Profile,
        deployment: &'a Deployment,
        assertion: &'a Assertion,
    ) -> Pending<'a, Result<TokenSet, JwtBearerFailure>>;
    /// Takes the JWT back, and looks whether it is.
    fn log_out<'a>(
        &'a self,
        profile: &'a Profile,
        deployment: &'a Deployment,
        token: &'a AccessToken,
    ) -> Pending<'a, Revocation>;
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
    /// From then on [`Self::load`] does not give it back, also where the record cannot be removed now.
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

/// What a sign-in received and nobody has judged yet: as safe as the sessions, and served to nobody.
pub trait PendingSignIns: Send + Sync {
    /// Whose there are. Opens no keychain.
    fn list<'a>(&'a self) -> Pending<'a, Result<Vec<SessionKey>, StoreFailure>>;
    /// Durable on `Ok`. Replaces what was kept for the same session.
    fn keep<'a>(
        &'a self,
        key: &'a SessionKey,
        pending: &'a PendingSignIn,
    ) -> Pending<'a, Result<(), StoreFailure>>;
    fn load<'a>(
        &'a self,
        key: &'a SessionKey,
    ) -> Pending<'a, Result<Option<PendingSignIn>, StoreFailure>>;
    fn forget<'a>(&'a self, key: &'a SessionKey) -> Pending<'a, Result<(), StoreFailure>>;
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
    pub start: Start,
    /// Every well-formed callback, whatever its `state`; the flow decides and answers its page.
    pub arrivals: tokio::sync::mpsc::Receiver<Arrival>,
    /// Told where a browser comes by https, which nobody speaks on a loopback port.
    pub by_https: Arc<tokio::sync::Notify>,
    /// Dropped with this value: ends the listener.
    pub guard: Box<dyn std::any::Any + Send>,
}

/// An address of the listener's own that nobody can guess: whoever comes there is sent on by the flow.
/// Without its receiver there is nothing at it.
#[derive(Debug)]
pub struct Start {
    pub url: String,
    pub clicks: tokio::sync::mpsc::Receiver<Click>,
}

impl std::fmt::Debug for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listening")
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}

/// Where answers that stand are kept, and what they are called. Synchronous: a caller is told at once.
pub trait ApprovalBook: Send + Sync {
    /// A public name that nobody had before.
    fn fresh_id(&self) -> String;
    /// Those that were kept; none where they cannot be read.
    fn kept(&self) -> Vec<Standing>;
    /// In the place of those before. Durable on `Ok`.
    fn keep(&self, standing: &[Standing]) -> Result<(), String>;
}

/// The ledger. Synchronous, because nothing leaves before it has been recorded.
pub trait Witness: Send + Sync {
    /// `None` where it is counted with others like it, and told in a line with them.
    fn record(&self, record: &Record<'_>) -> Result<Option<Receipt>, WitnessFailure>;
}
