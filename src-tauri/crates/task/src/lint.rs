//! Clippy over everything, as it builds: what it calls for is then there for the tests, where `cargo clippy`
//! would read some five hundred dependencies only to throw them away (figures: 12 minutes of a core for
//! that, 3 for this). The window is left out, which is said, on a machine without WebKit's headers.

use crate::Outcome;
use crate::builds::{cargo, programs_and_tests};
use crate::desktop;
use crate::house::House;
use crate::shell::Failure;

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    let house = house.gated();
    programs_and_tests(&house)?;
    // Its tests are no everyday target, and so are named.
    cargo(&house, "build --test desktop").run()?;
    Ok(desktop::headers_missing().map_or(Outcome::Done, Outcome::Skipped))
}
