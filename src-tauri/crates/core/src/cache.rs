//! The access tokens of one session, in memory only, by target.

use std::sync::Arc;
use std::time::Duration;

use crate::rest::Rest;
use crate::time::Timestamp;
use crate::token::{ExpirySource, Fingerprint, TokenSet};

/// A token as the cache keeps it. Cheap to clone: every caller gets the same bytes.
#[derive(Clone, Debug)]
pub struct Cached {
    pub set: Arc<TokenSet>,
    pub fingerprint: Fingerprint,
    /// When its successor is due.
    pub refresh_at: Timestamp,
    /// The longest life that the issuer gave when a caller's `min_ttl` was not met: who needs more is
    /// not helped by another. `None` before anybody needed more.
    pub longest: Option<Duration>,
    /// A server refused it, and another would not be taken either: the issuer gave the same bytes
    /// again, or it came in place of one that was refused. For as long as that is believed.
    pub refused: Option<Rest>,
}

/// What is shown of one. The token itself is had by a permit alone.
#[derive(Clone, Debug)]
pub struct Shown {
    pub fingerprint: Fingerprint,
    pub expires_at: Timestamp,
    pub expiry_source: ExpirySource,
    pub refresh_at: Timestamp,
}

impl Cached {
    pub fn shown(&self) -> Shown {
        Shown {
            fingerprint: self.fingerprint.clone(),
            expires_at: self.set.expires_at,
            expiry_source: self.set.expiry_source,
            refresh_at: self.refresh_at,
        }
    }

    pub fn new(set: TokenSet, refresh_at: Timestamp) -> Self {
        let fingerprint = set.access_token.fingerprint();
        Self { set: Arc::new(set), fingerprint, refresh_at, longest: None, refused: None }
    }

    pub fn is_refused(&self, now: Timestamp) -> bool {
        self.refused.is_some_and(|rest| !rest.is_over(now))
    }

    /// As it came.
    pub fn lifetime(&self) -> Duration {
        self.set.received_at.until(self.set.expires_at)
    }

    pub fn valid_at(&self, now: Timestamp) -> bool {
        now < self.set.expires_at
    }
}
