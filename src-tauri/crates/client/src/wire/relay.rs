//! The rest of a connection is carried for another system.

use serde::{Deserialize, Serialize};

/// `POST /v1/relay`: what follows on this connection is somebody else's, with the owner's rights where
/// nothing narrows it, and those of a door where something does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RelayAsk {
    /// Empty is every profile.
    pub profiles: Vec<String>,
    /// Empty is every connection; else these alone.
    pub connections: Vec<String>,
}
