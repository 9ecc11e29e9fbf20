//! The local API, version 1: what goes over the socket, pipe and loopback port. Ignore what you do
//! not know; every time is UTC, epoch seconds.

use serde::{Deserialize, Serialize};

mod activity;
mod airflow;
mod approvals;
mod clients;
mod config;
mod containers;
mod discover;
mod doctor;
mod endpoint;
mod evidence;
mod lanes;
mod leaks;
mod leases;
mod login_item;
mod policy;
mod proxy;
mod prune;
mod purge;
mod relay;
mod roles;
mod run_events;
mod runs;
mod ship;
mod sign_in;
mod status;
mod store_use;
mod token;
mod try_it;

pub use activity::{ActivityAsk, ActivityReply, AgentEvent};
pub use airflow::{
    AirflowConnection, ConnectionAsk, ConnectionIds, ConnectionList, ConnectionShown,
};
pub use approvals::{
    ApprovalAnswer, ApprovalList, ApprovalReply, Question, StandingApproval, Wanted,
};
pub use clients::{ClientAsk, ClientChange, ClientJwk, ClientJwks, ClientList, ClientShown};
pub use config::{
    ConfigEdit, ConfigPreview, ConfigPreviewAsk, ConfigProblem, ConfigPut, ConfigReply,
    ManagedConfig,
};
pub use containers::{
    CAPABILITY_FILE, Container, ContainerAsk, ContainerList, ContainerPort, MOUNT, RefusedUid,
};
pub use discover::{DiscoverAsk, DiscoverReply};
pub use doctor::{DoctorAsk, Finding};
pub use endpoint::Endpoint;
pub use evidence::{EvidenceAsk, EvidenceReply, EvidenceSigned};
pub use lanes::{LaneCaller, LaneCount, LaneStatus, UNSEEN_LANE};
pub use leaks::{Leak, LeakAsk, LeakEnded, LeakReply};
pub use leases::{
    Lease, LeaseDag, LeaseEnd, LeaseList, LeaseRevokeAsk, LeaseRevokeReply, RevokedLease,
};
pub use login_item::{LoginItem, LoginItemAsk};
pub use policy::{
    BreakGlassAsk, BreakGlassReply, PolicyCheckAsk, PolicyCheckReply, PolicyDecider, PolicyFinding,
    PolicyLayer, PolicyReply, PolicySimulateAsk, PolicySimulateReply, PolicySimulated, PolicyText,
    PolicyWhy, PolicyWhyAsk,
};
pub use proxy::{ProxyAsk, ProxyEntry, ProxyList, ProxyRequest, ProxyShown, proxy_variable};
pub use prune::{PruneAsk, PruneReply, PrunedSegment};
pub use purge::PurgeReply;
pub use relay::RelayAsk;
pub use roles::{ClientRoles, HereAndThere, PersonRoles, RolesAsk, RolesCheck, RolesReply};
pub use run_events::{OutlookAsk, OutlookReply, RunEventAsk, RunEventReply, Warning};
pub use runs::{RunAsk, RunReply};
pub use ship::{ShipAsk, ShipStatus};
pub use sign_in::{
    DESKTOP_VARIABLES, DeploymentSignedOut, PastedCallback, SignInAsk, SignInEvent, SignOutAsk,
    SignOutReply, SignedOut, desktop,
};
pub use status::{
    AgentStatus, ComingLogout, DeploymentStatus, HorizonReply, Horizons, OwedRevocation,
    ProfileStatus, Status, Who,
};
pub use store_use::{StoreUseAsk, StoreUseReply};
pub use token::{Recorded, TokenAsk, TokenReply};
pub use try_it::{AudienceShown, NotVisible, TryAsk, TryReply};

/// Sent with every request: scripts in a browser cannot set a header whose name begins `Sec-`.
pub const GUARD_HEADER: &str = "Sec-Dagpass";
/// The one value of [`GUARD_HEADER`].
pub const GUARD_VALUE: &str = "1";

/// Any refusal: RFC 6749 §5.2 plus the command that helps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReply {
    /// A standard's code, as `dagpass_core::error::ErrorCode` spells it.
    pub error: String,
    pub error_description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Of `approval_pending` and `approval_refused`: which approval it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Box<str>>,
}
