//! What was handed out to which process tree, and what was taken back. All times are epoch seconds.

use serde::{Deserialize, Serialize};

use super::lanes::LaneStatus;

/// `GET /v1/leases`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseList {
    /// Oldest first: those that hold, those that were taken back, and those that ended otherwise while a token of
    /// theirs may still be good.
    pub leases: Vec<Lease>,
    /// The lanes' shares; of a caller in one its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lanes: Vec<LaneStatus>,
    /// How many more there were than the agent has room for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped: u64,
}

/// On one process tree, audience and scopes; its parent is a sign-in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub id: String,
    /// `holds`, `revoked`, `ended`.
    pub state: String,
    /// The session's name: a profile's, or `prod/warehouse_api`; and since when it stands.
    pub profile: String,
    pub signed_in_at: i64,
    /// `process`, `run`, `door` (containers, a far machine), `agent`, `unseen`.
    pub kind: String,
    /// The process that leads the tree, the run's id, the door's name, or the way that it came.
    pub tree: String,
    /// Of a process tree: its leader's program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<String>,
    /// The runs of the tree that asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<String>,
    /// Who asked last, where the system shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// In which lanes that was: several where what is seen of it disagrees, `?` where it may be in any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lanes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connections: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// `aud` of the newest token where it can be seen, else what was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<String>,
    /// Absent: the whole grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<String>,
    /// What those that asked say of themselves, or Airflow's listener of them: nobody has checked it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dags: Vec<LeaseDag>,
    pub since: i64,
    pub last: i64,
    /// The end of the last of its tokens, for whoever holds it and whatever became of the lease.
    pub until: i64,
    /// How often a token left, and how many different ones.
    pub times: u64,
    pub tokens: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<LeaseEnd>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseDag {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Taken back from it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<LeaseEnd>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseEnd {
    pub why: String,
    pub at: i64,
}

/// `POST /v1/leases/revoke`: one of the four.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeaseRevokeAsk {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Of a token: SHA-256 in hex, or its first 16 digits as the ledger has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// Nothing more leaves by these. No issuer is asked to revoke an access token: that may end the whole sign-in,
/// and who checks tokens offline would not hear of it. So each says until when its tokens are good.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRevokeReply {
    pub revoked: Vec<RevokedLease>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedLease {
    #[serde(flatten)]
    pub lease: Lease,
    /// Taken back from that DAG alone: others use the same lease, and keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dag: Option<String>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
