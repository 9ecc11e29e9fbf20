//! What a port may answer instead of what was asked for: by who is at fault, because that decides what
//! happens next.

use std::time::Duration;

use crate::error::Why;

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
    #[error("{}", in_words(error, description))]
    Rejected { error: String, description: String },
    /// The server understood and refused for a reason that a person must mend: `invalid_client`,
    /// `invalid_scope`, a missing endpoint, an issuer mismatch, a bad signature. The grant is kept.
    #[error("{}", in_words(error, description))]
    Misconfigured { error: String, description: String },
    /// RFC 8628 §3.5: not yet.
    #[error("authorization_pending")]
    AuthorizationPending,
    #[error("slow_down")]
    SlowDown,
    #[error("expired_token")]
    ExpiredToken,
    /// The person said no, or may not.
    #[error("{}", in_words("access_denied", description))]
    AccessDenied { description: String },
    /// The ID token or userinfo names somebody else than the session does.
    #[error("the server answered for another subject")]
    SubjectChanged { now: String },
}

impl TokenFailure {
    /// May the refresh token that was sent be of no use any more?
    pub fn may_have_spent_it(&self) -> bool {
        match self {
            Self::Rejected { .. } | Self::Unreachable { sent: true, .. } => true,
            Self::Unreachable { sent: false, .. }
            | Self::SubjectChanged { .. }
            | Self::Misconfigured { .. }
            | Self::AuthorizationPending
            | Self::SlowDown
            | Self::ExpiredToken
            | Self::AccessDenied { .. } => false,
        }
    }

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

/// An error as its server said it: the description is optional (RFC 6749 §5.2), and some never give one.
pub fn in_words(error: &str, description: &str) -> String {
    let colon = if description.is_empty() { "" } else { ": " };
    format!("{error}{colon}{description}")
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

/// The ledger could not be written: the access is denied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ledger cannot be written: {0}")]
pub struct WitnessFailure(pub String);

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
    /// Not asked for: this server may end the tokens of the sign-in that took its place.
    Withheld,
}

impl Revocation {
    /// The wire's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Unsupported => "unsupported",
            Self::Unconfirmed => "unconfirmed",
            Self::Pending => "pending",
            Self::Withheld => "withheld",
        }
    }
}

/// Why a refresh token is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokedFor {
    /// The session is over, or what it was given is not believed.
    Good,
    /// A new sign-in took its place. Not asked for where that may end the new one's tokens as well.
    Another,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_without_a_description_is_its_own_word() {
        for (description, said) in
            [("", "access_denied"), ("not today", "access_denied: not today")]
        {
            let description = description.to_owned();
            assert_eq!(TokenFailure::AccessDenied { description }.to_string(), said);
        }
    }
}
