//! Doors for a project's containers, and for a machine that a socket is forwarded to.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Where the door's folder is mounted: the one place whose files may be another user's.
pub const MOUNT: &str = "/run/dagpass";
/// Beside the socket in that folder: what a container presents.
pub const CAPABILITY_FILE: &str = "capability";

/// `POST /v1/containers`: a door of its own for one project. Asked again, it is replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerAsk {
    /// The project's folder, absolute; the far machine's name where `remote`.
    pub project: String,
    /// For a socket that is forwarded over ssh: no port, our own user alone, and no capability, since
    /// whoever can open it over there could read one there too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub remote: bool,
    /// Who may connect, as this machine numbers them; empty is our own user and 50000.
    pub uids: Vec<u32>,
    /// What its capability is narrowed to; empty is every profile.
    pub profiles: Vec<String>,
    /// Likewise; where any is named, no token is given without its connection.
    pub connections: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<ContainerPort>,
}

/// For where a socket cannot be mounted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerPort {
    /// Loopback, or a bridge of this machine.
    pub bind: IpAddr,
    /// 0 is any free one; which it was is kept.
    pub port: u16,
    /// What a container may call us, without the port.
    pub hosts: Vec<String>,
}

/// `GET /v1/containers`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerList {
    pub containers: Vec<Container>,
}

/// One door as it stands. Its capability is in the folder alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// `NAME-HASH`; the ledger has it behind `container-` or `ssh-`.
    pub id: String,
    /// What is mounted at [`MOUNT`].
    pub folder: String,
    /// `None` where this system has no socket to mount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<String>,
    /// Why it does not stand, where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The rules in force, with the port that was found.
    pub rules: ContainerAsk,
    /// Who knocked and is not on the list.
    pub refused: Vec<RefusedUid>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedUid {
    pub uid: u32,
    pub times: u64,
}

impl Container {
    /// Does its port listen beyond loopback?
    pub fn beyond_loopback(&self) -> Option<IpAddr> {
        let bind = self.rules.port.as_ref()?.bind;
        (!bind.is_loopback()).then_some(bind)
    }
}
