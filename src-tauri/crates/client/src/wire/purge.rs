//! The end of all that the agent keeps.

use serde::{Deserialize, Serialize};

use super::SignedOut;

/// `POST /v1/purge`: every session is signed out and every keychain record removed. Files are what
/// the caller removes once the agent has stopped.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PurgeReply {
    pub profiles: Vec<SignedOut>,
    /// The accounts of the records that are gone, those of earlier configs among them.
    pub records: Vec<String>,
}
