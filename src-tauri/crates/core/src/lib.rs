//! The decision: who gets which token, and when Ping is asked for a new one. Pure: no sockets,
//! files, environment, clock reads or task spawning; the world comes in through [`ports`].
//!
//! The data path of one request, in order:
//! 1. [`request`]: what is asked, and who asks
//! 2. [`profile`]: the OpenID client it is for
//! 3. [`policy`]: a `Permit`, or `Denied`
//! 4. [`broker`]: records the decision, reads the [`cache`], issues
//! 5. [`freshness`]: is the cached token good enough, and until when
//! 6. [`refresh`]: else one flight to Ping per (session, target)
//! 7. [`session`]: what that does to the session
//! 8. [`deployment`]: an Airflow deployment's own token, bought with the session's
//! 9. [`audit`]: what goes on the record before the token leaves
//!
//! [`sign_in`] makes sessions; everything else keeps them. [`runs`] ties what was served to Airflow's
//! tasks, and compares a session's end with a DAG's past.

pub mod audit;
pub mod broker;
pub mod cache;
pub mod deployment;
pub mod error;
#[cfg(any(test, feature = "fakes"))]
pub mod fakes;
pub mod freshness;
pub mod groups;
mod keep;
mod lanes;
pub mod owed;
pub mod policy;
pub mod ports;
pub mod profile;
mod race;
mod refresh;
pub mod refusals;
pub mod request;
pub mod runs;
#[cfg(test)]
mod scenarios;
pub mod session;
pub mod sign_in;
mod slot;
pub mod time;
pub mod token;
mod token_exchange;
