//! The window, built and driven on a screen that nobody sees: a private X server and bus, the real
//! agent, the independent provider. Writes pictures of every view to `target/desktop`.

use crate::Outcome;
use crate::again;
use crate::builds::{self, Builds};
use crate::house::House;
use crate::idp;
use crate::setup::{self, For};
use crate::shell::{Failure, Shell};
use crate::{macos, windows};

pub(crate) const CORNERS_ADDS: &str = "every state of the view, wide and light, narrow and dark";
pub(crate) const ELSEWHERE_ADDS: &str = "the window's program for Windows and macOS, by its types";

/// The view's own tests, and the window's.
const VIEW: &str = "tests/desktop";

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    if !cfg!(target_os = "linux") {
        return Ok(Outcome::Skipped("it is driven by WebKitWebDriver, so Linux only".to_owned()));
    }
    setup::packages(For::Desktop)?;
    setup::packages(For::Rig)?;
    idp::node_modules(house)?;
    idp::modules_of(house, VIEW, "what reads and walks the window's view")?;
    // The view by itself, in another browser: every state of it, which no real agent is in at will. It needs
    // nothing that is built, and in a gate others build meanwhile.
    let view = Shell::new("npm").words("test --silent").inside(house.at(VIEW));
    again::part(house, "the view's own tests", || view.run())?;
    builds::programs_and_tests(house)?;
    builds::window(house)?;
    if house.builds == Builds::Everyday {
        builds::cargo(house, "test --package dagpass-panel --lib").run()?;
    }
    let window = builds::cargo(house, "test --test desktop");
    again::cargo(house, &window, "--test-threads 1 --nocapture")?;
    Ok(Outcome::Done)
}

/// Each state of the view in both its corners, of which an everyday check reads one.
pub(crate) fn corners(house: &House) -> Result<Outcome, Failure> {
    setup::packages(For::Desktop)?;
    idp::modules_of(house, VIEW, "what reads and walks the window's view")?;
    Shell::new("node")
        .words("--test view.test.mjs")
        .env("DAGPASS_EVERY_CORNER", "1")
        .inside(house.at(VIEW))
        .run()?;
    Ok(Outcome::Done)
}

/// The window for the systems that cannot show it here: type-checked, no more.
pub(crate) fn elsewhere(house: &House) -> Result<Outcome, Failure> {
    match (windows::window(house)?, macos::window(house)?) {
        (Outcome::Done, Outcome::Done) => Ok(Outcome::Done),
        (Outcome::Skipped(why), _) | (_, Outcome::Skipped(why)) => Ok(Outcome::Skipped(why)),
    }
}

/// Why the window cannot be built here, where it cannot.
pub(crate) fn headers_missing() -> Option<String> {
    let there = || Shell::new("pkg-config").words("--exists webkit2gtk-4.1").read().is_ok();
    if !cfg!(target_os = "linux") || there() {
        return None;
    }
    Some("the window: libwebkit2gtk-4.1-dev is not installed (`cargo task setup` does)".to_owned())
}
