//! The tests of everything but the window, which `cargo task desktop` has. Built whole first, so that the
//! end-to-end tests find every program beside their own.

use crate::Outcome;
use crate::house::House;
use crate::shell::{Failure, Shell};

pub(crate) fn build(house: &House) -> Result<Outcome, Failure> {
    Shell::new("cargo").words("build --all-targets --locked").inside(&house.root).run()?;
    Ok(Outcome::Done)
}

/// How many tests go on at once? Twice the cores it is made for: half of an end-to-end test is waiting, for a
/// program to start or a token to end.
const AT_ONCE: &str = "4";

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    build(house)?;
    Shell::new("cargo")
        .words("test --lib --bins --tests --locked --no-fail-fast -- --test-threads")
        .arg(AT_ONCE)
        .inside(&house.root)
        .run()?;
    Ok(Outcome::Done)
}
