//! The contract of the local API: wire types, finding and trusting the endpoint, one function per
//! route, launching the agent. No runtime, no TLS.

pub mod place;
pub mod wire;

#[cfg_attr(unix, path = "system/unix.rs")]
#[cfg_attr(windows, path = "system/windows.rs")]
mod system;
