//! What a ledger shows of a period to somebody who has to judge it (`dagpass audit evidence`): each line in one
//! table, what is not shown as gaps, and which control of SOC 2 and ISO/IEC 27001 finds what where. Pure:
//! lines in, tables out. Claims nothing that no line says.
//!
//! 1. [`period`]: which lines; [`Pseudonyms`]: persons by other names, before anything else sees a line
//! 2. [`tables`]: where each line stands; [`issued`]: to whom what was issued, summed up
//! 3. [`gaps`]: what the lines and their proofs leave open; [`seen`]: what single lines do; [`life`]: when the agent ran
//! 4. [`controls`]: what speaks for which control, and what does not
//! 5. [`seal`]: what is signed of a pack

mod controls;
mod gaps;
mod issued;
mod life;
mod period;
mod pseudonyms;
mod seal;
mod seen;
mod tables;
#[cfg(test)]
mod tests;

pub use controls::{CONTROLS, Control};
pub use gaps::{Begun, Gap, Kind, Scene, gaps};
pub use issued::{Issued, Issuing, What};
pub use life::{Life, Off};
pub use period::{Heads, Period, millis};
pub use pseudonyms::Pseudonyms;
pub use seal::{Seal, digest};
pub use seen::Seen;
pub use tables::{Entry, Table, Tables};
