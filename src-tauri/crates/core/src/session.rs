//! One sign-in: what is stored of it, and the states it can be in.

use std::time::Duration;

use crate::ports::StoreFailure;
use crate::profile::{Issuer, Scopes};
use crate::time::Timestamp;
use crate::token::{Fingerprint, Identity, RefreshToken};

/// The record in the keychain: version 1. Holds the refresh token; never an access or ID token.
#[derive(Clone, Debug)]
pub struct StoredSession {
    pub issuer: Issuer,
    pub client_id: String,
    /// `None` where the server would not say who signed in ("unknown").
    pub identity: Option<Identity>,
    /// What the sign-in was granted.
    pub granted: Scopes,
    /// `None` where the server gave none: the session ends with its access token.
    pub refresh_token: Option<RefreshToken>,
    pub refresh_expires_at: Option<Timestamp>,
    pub signed_in_at: Timestamp,
    /// Counts the saves of this session: a stale writer loses.
    pub generation: u64,
}

/// Left beside the store while a refresh token is on its way to the server. No secret in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// Of the refresh token that was sent.
    pub refresh_token: Fingerprint,
    pub since: Timestamp,
    /// How often it was sent without an answer.
    pub attempts: u32,
}

/// What a session is right now. No wildcard arm on this.
#[derive(Clone, Debug)]
pub enum SessionState {
    /// The store has not been asked yet.
    Unloaded,
    /// The store would not say.
    Unreadable(StoreFailure),
    SignedOut,
    Active(Box<ActiveSession>),
    /// It ended; a valid access token may still be served.
    Ended {
        why: EndReason,
        at: Timestamp,
    },
}

#[derive(Clone, Debug)]
pub struct ActiveSession {
    pub stored: StoredSession,
    pub safety: Safety,
    /// A refresh that was sent and not answered, from this run or an earlier one.
    pub unanswered: Option<InFlight>,
    pub trouble: Option<Trouble>,
}

/// Where the newest refresh token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safety {
    Kept,
    /// In the encrypted file, because the keychain would not take it.
    Fallback,
    /// In memory alone: a crash now loses it.
    MemoryOnly,
}

/// Why the last refresh gave nothing, though the session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub kind: TroubleKind,
    pub cause: String,
    pub since: Timestamp,
    pub retry_at: Timestamp,
    pub attempts: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// The issuer cannot be reached: state `offline`.
    Offline,
    /// The issuer refuses for a reason a person must mend.
    Misconfigured,
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The server refused the refresh token.
    Rejected { error: String, description: String },
    /// A rotation was sent, its answer never came, and the old token is dead.
    LostInRotation { since: Timestamp },
    /// The server never gave a refresh token, and the access token is over.
    NoRefreshToken,
    /// A refresh answered for somebody else.
    SubjectChanged { now: String },
}

impl EndReason {
    /// The clause that follows "you must sign in again:".
    pub fn sentence(&self) -> String {
        match self {
            Self::Rejected { error, description } if description.is_empty() => {
                format!("Ping refused the refresh token ({error})")
            }
            Self::Rejected { error, description } => {
                format!("Ping refused the refresh token ({error}: {description})")
            }
            Self::LostInRotation { .. } => {
                "lost in rotation: Ping's answer to a refresh never arrived, and the refresh token it replaced is refused"
                    .to_owned()
            }
            Self::NoRefreshToken => {
                "Ping gave no refresh token at sign-in, and the access token has expired".to_owned()
            }
            Self::SubjectChanged { now } => {
                format!("the last refresh was answered for another person (`{now}`)")
            }
        }
    }
}

/// When a session is over, and how we know: three horizons, each with its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    pub at: Option<Timestamp>,
    pub source: HorizonSource,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HorizonSource {
    /// The server's reply said so.
    Server,
    /// The token's own claim.
    Claim,
    /// The profile's `session-lifetime` or `refresh-lifetime`.
    Profile,
    /// Nothing tells. Never guessed.
    Unknown,
}

impl StoredSession {
    /// When the refresh token ends.
    pub fn refresh_horizon(&self, configured: Option<Duration>) -> Horizon {
        match (self.refresh_expires_at, configured) {
            (Some(at), _) => Horizon { at: Some(at), source: HorizonSource::Server },
            (None, Some(span)) => {
                Horizon { at: Some(self.signed_in_at.plus(span)), source: HorizonSource::Profile }
            }
            (None, None) => Horizon { at: None, source: HorizonSource::Unknown },
        }
    }

    /// When Ping's own session ends, counted from the last proof of identity.
    pub fn session_horizon(&self, configured: Option<Duration>) -> Horizon {
        let Some(span) = configured else {
            return Horizon { at: None, source: HorizonSource::Unknown };
        };
        let from =
            self.identity.as_ref().and_then(|who| who.auth_time).unwrap_or(self.signed_in_at);
        Horizon { at: Some(from.plus(span)), source: HorizonSource::Profile }
    }
}
