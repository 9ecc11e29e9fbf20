//! Clippy over everything. Always the whole workspace: naming one package would change the features of
//! its dependencies, and every one of them would be built again. The window is left out, and that is
//! said, on a machine without WebKit's headers.

use crate::Outcome;
use crate::desktop;
use crate::house::House;
use crate::shell::{Failure, Shell};

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    let missing = desktop::headers_missing();
    let window = if missing.is_none() { "--workspace" } else { "" };
    // Its tests are no everyday target, and so are named.
    for targets in ["--all-targets", "--test desktop"] {
        Shell::new("cargo")
            .words(&format!("clippy {window} {targets} --locked -- -D warnings"))
            .inside(&house.root)
            .run()?;
    }
    Ok(missing.map_or(Outcome::Done, Outcome::Skipped))
}
