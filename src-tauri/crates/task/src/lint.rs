//! Clippy over everything, as it builds: what it calls for is then there for the tests, where `cargo clippy`
//! would read some five hundred dependencies only to throw them away (figures: 12 minutes of a core for
//! that, 3 for this). The window is built by itself, as everywhere, and is left out, which is said, on a
//! machine without WebKit's headers.

use crate::Outcome;
use crate::desktop;
use crate::house::House;
use crate::shell::{Failure, Shell};

/// What `cargo clippy -- -D warnings` tells clippy by itself: words between these marks.
const WARNINGS_ARE_ERRORS: &str = "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__";

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    linted(house, "--all-targets")?;
    let missing = desktop::headers_missing();
    if missing.is_none() {
        linted(house, "--package dagpass-panel --all-targets")?;
    }
    // Its tests are no everyday target, and so are named.
    linted(house, "--test desktop")?;
    Ok(missing.map_or(Outcome::Done, Outcome::Skipped))
}

fn linted(house: &House, targets: &str) -> Result<(), Failure> {
    Shell::new("cargo")
        .words("build --locked")
        .words(targets)
        .env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver")
        .env("CLIPPY_ARGS", WARNINGS_ARE_ERRORS)
        .inside(&house.root)
        .run()
}
