//! Airflow's runs as its listener tells them: what an event must look like, which tokens belong to
//! it, and whether a session lasts as long as a DAG does. Functions of values; no decision about a
//! token is ever made by what a caller says of itself.

pub mod event;
pub mod outlook;
pub mod ties;

pub use event::{Happening, RunEvent, RunKind, TaskKey};
pub use outlook::{Outlook, Past};
pub use ties::{Served, Tie, Tied, Used};
