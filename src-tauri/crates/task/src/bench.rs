//! The benchmark beside oidc-agent, on an optimised build. Prints figures and goals; a goal that is
//! missed fails nothing, since what else the machine does is in every figure.

use crate::Outcome;
use crate::house::House;
use crate::shell::{Failure, Shell};

/// What `verify --release` says of it.
pub(crate) const ADDS: &str = "an optimised build, measured beside Debian's oidc-agent";

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    if !cfg!(target_os = "linux") {
        return Ok(Outcome::Skipped("it reads /proc, so Linux only".to_owned()));
    }
    Shell::new("cargo").words("bench --bench peers --locked").inside(&house.root).run()?;
    Ok(Outcome::Done)
}
