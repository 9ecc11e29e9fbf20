//! The contract of the local API: wire types, finding and trusting the endpoint, one function per
//! route, launching the agent. No runtime, no TLS.

pub mod wire;
