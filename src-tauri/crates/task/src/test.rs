//! The tests of everything but the window, which `cargo task desktop` has. Built whole first, so that the
//! end-to-end tests find every program beside their own.

use crate::Outcome;
use crate::house::House;
use crate::shell::{Failure, Shell};

pub(crate) fn build(house: &House) -> Result<Outcome, Failure> {
    Shell::new("cargo").words("build --all-targets --locked").inside(&house.root).run()?;
    Ok(Outcome::Done)
}

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    build(house)?;
    Shell::new("cargo")
        .words("test --lib --bins --tests --locked --no-fail-fast")
        .inside(&house.root)
        .run()?;
    Ok(Outcome::Done)
}
