//! The daemon: sign-in, keychain, refresh and the local endpoint.

pub mod browser;
pub mod callback;
pub mod config;
pub mod doctor;
pub mod instance;
pub mod keychain;
pub mod ping;
pub mod system;
