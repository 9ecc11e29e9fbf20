//! The stage: an embedded Ping look-alike for the demo and for tests. It imitates what Ping documents
//! and is never evidence that Ping does so. Never linked into the agent.

mod api;
mod authorize;
mod call;
mod clients;
mod control;
mod device;
mod encode;
mod exchange;
mod family;
mod faults;
mod grants;
mod groups;
mod keys;
mod log;
mod pages;
mod quirks;
mod refresh;
mod routes;
mod sandbox;
mod scopes;
mod server;
mod service;
mod tls;
mod tokens;
mod world;

#[cfg(test)]
mod tests;

pub use authorize::callback_member;
pub use encode::fingerprint;
pub use family::{ENVIRONMENT, Endpoint, Family};
pub use faults::{Fault, Kind};
pub use log::{ApiEntry, Entry, HandedOut};
pub use quirks::{
    AccessFormat, DevicePkce, ErrorShape, GroupsShape, Quirks, RedirectMatch, RefreshAttributes,
    RefreshFormat, RefreshPolicy, RefreshScope, Replay, Rfc9207, Rotate, SignWith, Unrotated,
    UserinfoShape,
};
pub use sandbox::{Options, Sandbox};
pub use world::CLIENT_ID;
