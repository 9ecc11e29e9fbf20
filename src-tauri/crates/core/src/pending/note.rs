//! A sign-in that was received and not judged, as it is kept.

use crate::session::StoredSession;
use crate::sign_in::Claim;

#[derive(Clone, Debug)]
pub struct PendingSignIn {
    /// Without an identity: who it is has still to be found out.
    pub stored: StoredSession,
    pub claim: Claim,
    /// Its refresh token is leaving, or has left: after a crash nobody knows which.
    pub sent: bool,
}
