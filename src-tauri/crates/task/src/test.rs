//! The tests of everything but the window, which `cargo task desktop` has; in a gate its own too.

use crate::Outcome;
use crate::again;
use crate::builds::{cargo, programs_and_tests};
use crate::house::House;
use crate::shell::Failure;

/// How many tests go on at once? Twice the cores it is made for: half of an end-to-end test is waiting, for a
/// program to start or a token to end.
const AT_ONCE: usize = 4;

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    programs_and_tests(house)?;
    let tests = cargo(house, "test --lib --bins --tests --no-fail-fast");
    again::cargo(house, &tests, &format!("--test-threads {AT_ONCE}"))?;
    Ok(Outcome::Done)
}
