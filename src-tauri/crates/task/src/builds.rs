//! cargo for this machine. In a gate everything is built once: every step asks for the same packages, since
//! cargo joins the features of what is asked for together, and what clippy read as it was built is what the
//! tests run. By itself a verb builds plainly, and all but the window, which not everyone can build.

use crate::desktop;
use crate::house::House;
use crate::shell::{Failure, Shell, say};

/// What `cargo clippy -- -D warnings` tells clippy by itself: words between these marks.
const WARNINGS_ARE_ERRORS: &str = "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Builds {
    /// The default members, by rustc.
    Everyday,
    /// The whole workspace, by clippy: rustc that also reads, and simplifies nothing that it was not asked to.
    Gate,
}

/// `cargo`, with the packages that every step of this run builds; `verb` may name targets too.
pub(crate) fn cargo(house: &House, verb: &str) -> Shell {
    let shell = Shell::new("cargo").words(verb).arg("--locked").inside(&house.root);
    if house.builds == Builds::Everyday {
        return shell;
    }
    let shell = shell
        .arg("--workspace")
        .env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver")
        .env("CLIPPY_ARGS", WARNINGS_ARE_ERRORS);
    if desktop::headers_missing().is_some() {
        shell.words("--exclude dagpass-panel")
    } else {
        shell
    }
}

/// Whole, so that the end-to-end tests find every program beside their own.
pub(crate) fn programs_and_tests(house: &House) -> Result<(), Failure> {
    cargo(house, "build --all-targets").run()
}

/// What a person starts, and no more where that is all that is asked for: a gate has the tests too, and asked
/// for programs alone cargo would build them again, without the features that tests join to theirs.
pub(crate) fn programs(house: &House) -> Shell {
    cargo(house, if house.builds == Builds::Gate { "build --all-targets" } else { "build --bins" })
}

/// The window's program, beside all others.
pub(crate) fn window(house: &House) -> Result<(), Failure> {
    match house.builds {
        // As a packager builds it: the other programs stay as they are.
        Builds::Everyday => cargo(house, "build --package dagpass-panel --bins").run(),
        Builds::Gate => programs(house).run(),
    }
}

/// Says why not, where not.
pub(crate) fn can_have_window() -> bool {
    desktop::headers_missing().inspect(|why| say(&format!("left out: {why}"))).is_none()
}
