//! The daemon: sign-in, keychain, refresh and the local endpoint. The only crate that may name
//! oauth2, reqwest, keyring and webbrowser.
//!
//! 1. [`run`]: the program; `start.rs` serves until told to stop, `wiring.rs` sets the adapters behind the core
//! 2. [`config`]: what is wanted; `adopt.rs` hands it on
//! 3. `local_api`: who may ask, and what is answered
//! 4. [`ping`]: the authorization server, to which `credentials` prove who we are; `airflow`: deployments; both ask by [`http`] and read by `token`;
//!    [`callback`] and [`browser`]: the person's way to sign in
//!    `identity_proxy`: what requests look like that are sent on with a token
//! 5. [`keychain`]: where refresh tokens live
//! 6. `task_runs`: which tokens went to which of Airflow's tasks, and how long a DAG takes
//! 7. `witness`, `ledger`, `cosigning`, `scheduler`, `power`, `presence`, [`instance`], `loopback`, [`system`]: the
//!    record, the clockwork, the machine's sleep, the person before it, the floor
//! 8. `tray`: the icon, where there is a desktop

mod adopt;
mod airflow;
mod approvals;
pub mod browser;
pub mod callback;
mod clock;
pub mod config;
mod cosigning;
mod credentials;
pub mod doctor;
pub mod http;
mod identity_proxy;
pub mod instance;
pub mod keychain;
mod ledger;
mod like;
mod local_api;
mod loopback;
mod outgoing_proxy;
pub mod ping;
pub mod policy;
mod power;
mod presence;
mod program;
mod random;
mod reauth;
pub mod roles;
mod scheduler;
mod start;
pub mod system;
mod task_runs;
mod tasks;
mod telemetry;
mod token;
mod tray;
mod wiring;
mod witness;

pub use program::run;
