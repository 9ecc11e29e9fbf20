//! Clippy over everything. Always the whole workspace: naming one package would change the features of
//! its dependencies, and every one of them would be built again.

use crate::Outcome;
use crate::house::House;
use crate::shell::{Failure, Shell};

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    Shell::new("cargo")
        .words("clippy --workspace --all-targets --locked -- -D warnings")
        .inside(&house.root)
        .minutes(20)
        .run()?;
    Ok(Outcome::Done)
}
