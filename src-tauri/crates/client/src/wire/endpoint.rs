//! The file beside the socket that names the TCP endpoint.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// `endpoint.json`, 0600, in the socket's folder, new at every start.
#[derive(Clone, Serialize, Deserialize)]
pub struct Endpoint {
    pub version: u32,
    pub pid: u32,
    pub port: u16,
    /// 256 random bits, base64url: `Authorization: Bearer`.
    pub capability: Zeroizing<String>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("pid", &self.pid)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}
