//! What is said of the store, as the last call left it. Asks nothing.

use dagpass_core::ports::StoreFailure;

/// What `status` says of the store: as the last call left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// `secret-service`, `keychain`, `credential-manager`, `passphrase-file`, `key-file`.
    pub kind: &'static str,
    pub state: HealthState,
    pub detail: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthState {
    /// Nothing has been stored or looked for since the agent started.
    Unasked,
    Ok,
    Locked,
    Unavailable,
    /// It serves, but a record lies in its second place or cannot be read.
    Degraded,
    /// The config asks for another one: the records are here until they are moved.
    Changed,
}

impl HealthState {
    /// The wire's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unasked => "unasked",
            Self::Ok => "ok",
            Self::Locked => "locked",
            Self::Unavailable => "unavailable",
            Self::Degraded => "degraded",
            Self::Changed => "changed",
        }
    }

    pub(super) fn after(failure: &StoreFailure) -> Self {
        match failure {
            StoreFailure::Locked(_) | StoreFailure::PassphraseNeeded(_) => Self::Locked,
            StoreFailure::Unavailable(_)
            | StoreFailure::OutOfReach(_)
            | StoreFailure::TimedOut(_) => Self::Unavailable,
            StoreFailure::Corrupt(_) => Self::Degraded,
        }
    }
}
