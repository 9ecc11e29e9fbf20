//! The refresh token, which lives longer than any other secret. Decides how it may leave.

use std::fmt;

use crate::locked::Locked;
use crate::token::Fingerprint;

/// The long-lived secret of a session. Lives in the keychain, and in memory in locked pages that are wiped; no
/// route, format or log has it.
#[derive(Clone)]
pub struct RefreshToken(Locked);

impl RefreshToken {
    pub fn new(value: impl Into<String>) -> Self {
        Self(Locked::of_text(value))
    }

    /// The one greppable way out.
    pub fn expose(&self) -> &str {
        self.0.expose_text()
    }

    /// SHA-256 of the token: names it in marks without giving it away.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.expose())
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken")
    }
}
