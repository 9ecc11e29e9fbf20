//! The daemon: sign-in, keychain, refresh and the local endpoint.

pub mod instance;
pub mod system;
