//! The headless programs for macOS: type-checked. Nothing is linked and nothing runs, so what passes
//! here is "type-checked for macOS", no more.

use crate::Outcome;
use crate::cross::{self, Toolchain};
use crate::house::House;
use crate::shell::{Failure, Shell};

const TARGET: &str = "aarch64-apple-darwin";
const NO_COMPILER: &str = include_str!("../cross/no-compiler.sh");

pub(crate) const ADDS: &str = "the headless programs for macOS, by their types";

pub(crate) const LEFT_OUT: &str =
    "a real macOS: nothing of it runs here, and `--release` checks its types";

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    checked(house, |toolchain| toolchain.cargo(house, "check", TARGET))
}

/// The window's program, as far.
pub(crate) fn window(house: &House) -> Result<Outcome, Failure> {
    checked(house, |toolchain| toolchain.window(house, TARGET))
}

fn checked(house: &House, check: impl Fn(&Toolchain) -> Shell) -> Result<Outcome, Failure> {
    let toolchain = match cross::toolchain(house)? {
        Ok(toolchain) => toolchain,
        Err(why) => return Ok(Outcome::Skipped(format!("macOS: {why}"))),
    };
    let nothing = toolchain.tools.join("no-compiler");
    cross::write_script(&nothing, NO_COMPILER)?;
    let tools = ["CC", "CXX", "AR"].iter().fold(check(&toolchain), |shell, tool| {
        shell.env(&format!("{tool}_aarch64_apple_darwin"), &nothing)
    });
    tools.run()?;
    Ok(Outcome::Done)
}
