//! The supply chain: licences, banned crates and sources of every dependency for every target. The
//! advisories need a database from the network and are left out, which is said each time.

use std::path::PathBuf;

use crate::Outcome;
use crate::house::House;
use crate::shell::{Failure, Shell, say};

/// Which cargo-deny? Its check of a lock file changes between versions, so the cache is keyed by it.
const VERSION: &str = "0.20.2";

pub(crate) const LEFT_OUT: &str = "security advisories: `cargo deny check advisories` needs its database from the network; \
     run it on a connected machine before a release";

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    let tool = installed(house)?;
    // Crates of other systems are read too, and none of them was needed for a build here.
    Shell::new("cargo").words("fetch --locked").inside(&house.root).run()?;
    Shell::new(tool)
        .words("--config .deny.toml check licenses bans sources")
        .inside(&house.root)
        .run()?;
    say(&format!("not checked: {LEFT_OUT}"));
    Ok(Outcome::Done)
}

pub(crate) fn installed(house: &House) -> Result<PathBuf, Failure> {
    let place = house.cache.join(format!("cargo-deny-{VERSION}"));
    let tool = place.join("bin/cargo-deny");
    if !tool.is_file() {
        say(&format!("cargo-deny {VERSION}: reads the licences of all dependencies; built once"));
        Shell::new("cargo")
            .words("install --locked --debug --version")
            .arg(VERSION)
            .arg("--root")
            .arg(&place)
            .arg("--target-dir")
            .arg(place.join("build"))
            .arg("cargo-deny")
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .run()?;
        let built = place.join("build");
        std::fs::remove_dir_all(&built).map_err(|e| Failure::at(&built, &e))?;
    }
    Ok(tool)
}
