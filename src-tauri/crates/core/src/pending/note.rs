//! A sign-in that was received and not judged, as it is kept.

use crate::session::StoredSession;
use crate::sign_in::Assurance;

#[derive(Clone, Debug)]
pub struct PendingSignIn {
    /// Without an identity: who it is has still to be found out.
    pub stored: StoredSession,
    /// What it is judged by, whoever comes to judge it.
    pub assurance: Assurance,
    /// Its refresh token is leaving, or has left: after a crash nobody knows which.
    pub sent: bool,
}
