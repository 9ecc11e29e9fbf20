//! The contract of the local API: wire types, finding and trusting the endpoint, one function per
//! route, launching the agent, reading its ledger, looking for tokens that lie about. No runtime, no TLS.

#[cfg(unix)]
pub mod bind;
pub mod descriptors;
mod endpoint;
mod error;
pub mod folders;
pub mod harmful;
mod http;
pub mod instance;
pub mod launch;
pub mod ledger;
pub mod limited;
pub mod login_item;
pub mod owner;
pub mod panel;
pub mod place;
pub mod preset;
mod relay;
mod routes;
pub mod tripwire;
pub mod wire;

#[cfg_attr(target_os = "linux", path = "system/linux.rs")]
#[cfg_attr(target_os = "macos", path = "system/macos.rs")]
#[cfg_attr(windows, path = "system/windows.rs")]
mod system;

pub use endpoint::Agent;
pub use error::ClientError;
pub use routes::{Events, LIMIT, SLOW_LIMIT, SignIn, Within};
