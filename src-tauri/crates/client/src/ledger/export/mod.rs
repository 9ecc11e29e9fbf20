//! The ledger for other programs: events of OCSF, rows of CSV. Pure: a line in, its text out; what goes
//! where is the command line's. Never a token: no line has one.

mod csv;
mod ocsf;

pub use csv::{COLUMNS, cells, head, row};
pub use ocsf::{OCSF_VERSION, Ocsf};
