//! Whether the agent starts with the desktop, and by what.

use serde::{Deserialize, Serialize};

/// The body of `PUT /v1/agent/login-item`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginItemAsk {
    pub enabled: bool,
}

/// `GET` and `PUT /v1/agent/login-item`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginItem {
    pub enabled: bool,
    /// `systemd`, `autostart`, `run-key`, `launch-agent`.
    pub how: String,
    /// The file, or the registry's key.
    pub path: String,
    pub available: bool,
    /// Why it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
