//! Which Airflow roles a person's groups give, by `airflow-roles.json`, the one file that this machine
//! and the API server share. Pure: reads no file and asks nobody.
//!
//! `file` is what was typed, `preview` what it gives a person, `drift` how it differs from the server's.

mod drift;
mod file;
mod preview;
#[cfg(test)]
mod tests;

pub use drift::{Drift, compare};
pub use file::{RolesFault, RolesFile};
pub use preview::Preview;
