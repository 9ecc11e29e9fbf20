//! The decision: who gets which token, and when Ping is asked for a new one. Pure: no sockets,
//! files, environment, clock reads or task spawning; the world comes in through [`ports`].
//!
//! The data path of one request, in order:
//! 1. [`principal`]: who asks, made once at the door: kind, rights, narrowing, the pinned process
//! 2. [`policy::Action`]: what is asked, by the route table's row
//! 3. [`request`]: for what. Names are looked up and scopes settled ([`effective`]); nothing is
//!    open-ended after this
//! 4. [`policy`]: a `Permit` that carries what was judged, or `Denied`; on the record either way
//! 5. [`typed`]: a target that no config names takes one of few places
//! 6. [`broker`]: spends the permit, reads the [`cache`]
//! 7. [`freshness`]: is the cached token good enough, and until when
//! 8. [`refresh`]: else one flight to Ping per (session, target), unless it rests ([`rest`]); what a
//!    failure does is in `failure.rs`
//! 9. [`session`]: what that does to the session
//! 10. [`deployment`]: an Airflow deployment's own token, bought with the session's
//! 11. [`audit`]: is it still the process that asked? Then it goes on the record, and then it leaves
//!
//! [`sign_in`] makes sessions; everything else keeps them, and [`endpoints`] says where their tokens may
//! go. [`runs`] ties what was served to Airflow's
//! tasks, and compares a session's end with a DAG's past.

pub mod audit;
pub mod broker;
pub mod cache;
pub mod deployment;
pub mod effective;
pub mod endpoints;
pub mod error;
mod failure;
#[cfg(any(test, feature = "fakes"))]
pub mod fakes;
pub mod freshness;
pub mod groups;
mod keep;
mod lanes;
pub mod owed;
pub mod policy;
pub mod ports;
pub mod principal;
pub mod profile;
mod program_path;
mod race;
mod refresh;
pub mod refusals;
pub mod request;
pub mod rest;
pub mod runs;
#[cfg(test)]
mod scenarios;
pub mod session;
pub mod sign_in;
mod slot;
pub mod time;
pub mod token;
mod token_exchange;
mod typed;
