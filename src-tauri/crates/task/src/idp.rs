//! The independent OpenID provider: its Node modules, and its own tests, each a fact that the
//! end-to-end tests lean on.

use std::fs;

use crate::Outcome;
use crate::again;
use crate::house::House;
use crate::setup::{self, For};
use crate::shell::{Failure, Shell, has, say};

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    setup::packages(For::Rig)?;
    node_modules(house)?;
    let tests = Shell::new("npm").words("test --silent").inside(house.at("tests/idp"));
    again::part(house, "the provider's own tests", || tests.run())?;
    Ok(Outcome::Done)
}

/// `npm ci` for the provider rig, where its lock has changed since.
pub(crate) fn node_modules(house: &House) -> Result<(), Failure> {
    modules_of(house, "tests/idp", "the independent OpenID provider")
}

/// The environment of the second provider, PyPI's, from its lock: else the first test that wants it makes it.
pub(crate) fn second(house: &House) -> Result<(), Failure> {
    let start = house.at("tests/idp/django/start.py");
    let prepared = Shell::new("python3").arg(start).arg("--prepare");
    prepared.env("DAGPASS_CACHE", &house.cache).run()
}

/// The same as [`node_modules`] for any folder with a committed lock.
pub(crate) fn modules_of(house: &House, folder: &str, what: &str) -> Result<(), Failure> {
    let rig = house.at(folder);
    let lock = rig.join("package-lock.json");
    let lock = fs::read_to_string(&lock).map_err(|e| Failure::at(&lock, &e))?;
    let mark = rig.join("node_modules/.dagpass-lock");
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    if !has("npm") {
        return Err(Failure::new("npm is missing").hint("install Node 20 or later"));
    }
    say(&format!("{what} (npm, from the committed lock)"));
    Shell::new("npm").words("ci --no-audit --no-fund --ignore-scripts").inside(&rig).run()?;
    fs::write(&mark, &lock).map_err(|e| Failure::at(&mark, &e))
}
