//! The decision: who gets which token, and when Ping is asked for a new one. Pure: no sockets,
//! files, environment, clock reads or task spawning; the world comes in through [`ports`].
//!
//! The data path of one request, in order:
//! 1. [`principal`]: who asks, made once at the door: kind, rights, narrowing, the pinned process
//! 2. [`policy::Action`]: what is asked, by the route table's row
//! 3. [`request`]: for what. Names are looked up and scopes settled ([`effective`]); nothing is
//!    open-ended after this
//! 4. [`policy`]: a `Permit` that carries what was judged, or `Denied`; on the record either way, a token's
//!    permit with what came of it. Where a rule asks for a person's word: [`approvals`]
//! 5. [`typed`]: a target that no config names takes one of few places
//! 6. [`broker`]: spends the permit, asks the session what to do; what leaves is a lease of the process tree
//!    that asks, and one that was taken back is refused ([`leases`])
//! 7. [`session`]: reads its [`cache`]; is that good enough, and until when ([`freshness`]); does it rest
//!    ([`rest`])
//! 8. `refresh`: else, behind a line of what was permitted, one flight to Ping per (session, target), which
//!    waits for the session's turn and is judged anew when it comes; what is received is saved, then judged,
//!    then published
//! 9. [`deployment`]: an Airflow deployment's own token, given for the session's
//! 10. [`audit`]: is it still the process that asked? Then it goes on the record, one line with the decision,
//!     and then it leaves
//!
//! [`sign_in`] makes sessions, by way of [`pending`]; `sign_out` ends them and leaves what is [`owed`];
//! [`logout`] says when that is without anybody asking; `clockwork` keeps them in between; `found` takes a
//! token that lies about out of use; [`endpoints`] says where their tokens may go. [`runs`] ties what was
//! served to Airflow's tasks, and compares a session's end with a DAG's past.

mod alarm;
pub mod answers;
pub mod approvals;
pub mod audit;
pub mod broker;
pub mod cache;
mod clockwork;
pub mod deployment;
pub mod effective;
pub mod endpoints;
pub mod error;
#[cfg(any(test, feature = "fakes"))]
pub mod fakes;
mod found;
pub mod freshness;
pub mod groups;
mod issuer_limit;
pub mod lanes;
pub mod leases;
mod load;
pub mod locked;
pub mod logout;
pub mod owed;
pub mod pending;
pub mod policy;
pub mod ports;
pub mod principal;
pub mod profile;
mod race;
mod refresh;
mod refresh_token;
pub mod refusals;
pub mod request;
pub mod rest;
pub mod runs;
#[cfg(test)]
mod scenarios;
pub mod session;
pub mod sign_in;
pub mod sign_out;
pub mod time;
pub mod token;
mod typed;
