//! Formatting, all crates at once.

use crate::Outcome;
use crate::house::House;
use crate::shell::{Failure, Shell};

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    let shell = Shell::new("cargo").words("fmt --all").inside(&house.root);
    let shell = if house.asks_for("--check") { shell.arg("--check") } else { shell };
    shell.run()?;
    Ok(Outcome::Done)
}

pub(crate) fn check(house: &House) -> Result<Outcome, Failure> {
    Shell::new("cargo").words("fmt --all --check").inside(&house.root).run()?;
    Ok(Outcome::Done)
}
