//! Which Airflow roles a person's groups give, by `airflow-roles.json`, the one file that this machine
//! and the API server share. Pure: reads no file and asks nobody.
//!
//! `file` is what was typed, `client` one of its services, `preview` what it gives a person, `server` what a deployment says of itself,
//! `drift` how the two differ.

mod client;
mod drift;
mod file;
mod preview;
mod server;
#[cfg(test)]
mod tests;

pub use drift::{Drift, compare};
pub use file::{RolesFault, RolesFile};
pub use preview::Preview;
pub use server::{ServerRoles, Untold, told};
