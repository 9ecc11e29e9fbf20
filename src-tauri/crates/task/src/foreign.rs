//! What nobody here wrote, built from its Go module at the versions of its go.sum, and the end-to-end tests with it:
//! a collector that the ledger is shipped to, a witness that cosigns it and a reader of its log.

use std::path::PathBuf;

use crate::Outcome;
use crate::builds;
use crate::house::House;
use crate::idp;
use crate::setup::{self, For};
use crate::shell::{Failure, Shell, has, say};

/// What `verify --release` says of them.
pub(crate) const COLLECTOR_ADDS: &str =
    "the ledger shipped to the OpenTelemetry Collector, built from its Go module";
pub(crate) const WITNESS_ADDS: &str = "the ledger cosigned by transparency.dev's witness and read by others' C2SP, from their Go \
     modules; rewritten with the signing key";

/// Which Go do the modules ask for?
const GO: (u32, u32) = (1, 26);

pub(crate) fn collector(house: &House) -> Result<Outcome, Failure> {
    beside(house, "collector", &["."], "foreign::collected")
}

pub(crate) fn witness(house: &House) -> Result<Outcome, Failure> {
    beside(house, "log", &[".", "tool"], "foreign::cosigned")
}

/// The tests of that room, beside programs that are built from that folder's module.
fn beside(house: &House, module: &str, what: &[&str], room: &str) -> Result<Outcome, Failure> {
    if let Some(why) = missing() {
        return Ok(Outcome::Skipped(why));
    }
    setup::packages(For::Rig)?;
    idp::node_modules(house)?;
    let programs = built(house, module, what)?;
    builds::programs_and_tests(house)?;
    builds::cargo(house, "test --test e2e")
        .arg(room)
        .words("-- --ignored --nocapture --test-threads 1")
        .env("DAGPASS_FOREIGN", programs)
        .run()?;
    Ok(Outcome::Done)
}

/// Go takes nothing that is not in the module's go.sum, so no list of checksums is asked.
fn built(house: &House, module: &str, what: &[&str]) -> Result<PathBuf, Failure> {
    let programs = house.target.join("foreign");
    say(&format!("{module} (Go, from the committed go.sum)"));
    let build = Shell::new("go").words("build -mod=readonly -o").arg(&programs);
    let build = what.iter().fold(build, |build, what| build.arg(*what));
    // A folder that is not there yet would be taken for the name of a program.
    std::fs::create_dir_all(&programs).map_err(|e| Failure::at(&programs, &e))?;
    build.inside(house.at("tests/foreign").join(module)).run()?;
    Ok(programs)
}

/// Why they cannot be built here, where they cannot.
fn missing() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("the end-to-end tests are for Linux only".to_owned());
    }
    let (major, minor) = GO;
    if !has("go") {
        return Some(format!(
            "there is no Go here: {major}.{minor} or later builds what others wrote"
        ));
    }
    let said = Shell::new("go").words("env GOVERSION").read().unwrap_or_default();
    (version(&said) < Some(GO)).then(|| {
        format!("Go {major}.{minor} or later builds what others wrote, and here is `{said}`")
    })
}

/// `go1.26.8`
fn version(said: &str) -> Option<(u32, u32)> {
    let mut parts = said.strip_prefix("go")?.split(['.', '-', 'r', ' ']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_go_and_what_is_none_are_told_from_a_newer_one() {
        for (said, well) in [
            ("go1.26.8", true),
            ("go1.26rc1", true),
            ("go1.27-devel_abc", true),
            ("go1.24.4", false),
            ("devel", false),
            ("", false),
        ] {
            assert_eq!(version(said) >= Some(GO), well, "{said}");
        }
    }
}
