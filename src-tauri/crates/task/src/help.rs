//! The list of verbs: what each is for, and the function behind its name.

use crate::house::House;
use crate::shell::{Failure, say};
use crate::{
    Outcome, Verb, airflow, bench, demo, deny, desktop, fmt, foreign, icons, idp, ledger, lint,
    macos, packages, release, setup, test, verify, windows,
};

const VERBS: [(&str, Verb, &str); 26] = [
    ("demo", demo::run, "sign in on the embedded sandbox, run a real DAG, show what the API saw"),
    ("demo-2.11", demo::on_older_airflow, "the same on Airflow 2.11"),
    ("live", demo::live::run, "the Airflow provider with the real agent, and its figures"),
    (
        "long",
        demo::long::short,
        "a job that outlives its tokens, on LocalExecutor and in `dags test`",
    ),
    ("long-300", demo::long::run, "the same for five minutes"),
    (
        "verify",
        verify::run,
        "every check and every test, three at a time (--release adds the long ones, --one-by-one takes one)",
    ),
    ("setup", setup::run, "install what is missing, saying what and why"),
    ("fmt", fmt::run, "format every crate (--check only looks)"),
    ("lint", lint::run, "clippy over the workspace, warnings are errors"),
    ("deny", deny::run, "licences, banned crates and sources of every dependency"),
    ("test", test::run, "the tests of the workspace"),
    (
        "desktop",
        desktop::run,
        "the window and the tray on a screen of their own, and their figures",
    ),
    ("elsewhere", desktop::elsewhere, "type-check the window's program for Windows and macOS"),
    ("ledger", ledger::run, "the ledger's long runs: its readers fuzzed, and millions of lines"),
    (
        "collector",
        foreign::collector,
        "the ledger shipped to the OpenTelemetry Collector (Go builds it)",
    ),
    (
        "witness",
        foreign::witness,
        "the ledger cosigned by a witness, and read by programs, of others (Go builds them)",
    ),
    ("bench", bench::run, "figures of the optimised build, beside Debian's oidc-agent"),
    ("idp", idp::run, "the independent OpenID provider's own tests"),
    ("airflow", airflow::run, "the Airflow provider's tests, in real Airflow"),
    (
        "windows",
        windows::run,
        "build the headless programs for Windows, run their tests under Wine",
    ),
    ("icons", icons::run, "draw every icon anew from icons/source.svg"),
    ("release", release::run, "the two programs as they ship, and their sizes"),
    (
        "packages",
        packages::run,
        "make .deb, .rpm and .msi, install, run and remove each (--release: as they ship)",
    ),
    ("macos", macos::run, "type-check the headless programs for macOS"),
    ("help", run, "this list"),
    ("--help", run, "this list"),
];

pub(crate) fn run(_: &House) -> Result<Outcome, Failure> {
    say("cargo task VERB\n");
    for (name, _, purpose) in VERBS.iter().filter(|(name, ..)| !name.starts_with('-')) {
        say(&format!("  {name:<10}  {purpose}"));
    }
    say(
        "\n`cargo demo` and `cargo verify` are short for `cargo task demo` and `cargo task verify`.",
    );
    Ok(Outcome::Done)
}

/// What one verb is for, where it was asked and not told to run.
pub(crate) fn of(name: &str) -> Result<Outcome, Failure> {
    let purpose = VERBS.iter().find(|(known, ..)| *known == name).map(|(.., purpose)| *purpose);
    say(&format!(
        "cargo task {name}: {}\n`cargo task help` lists the others",
        purpose.unwrap_or_default()
    ));
    Ok(Outcome::Done)
}

pub(crate) fn verb(name: &str) -> Option<Verb> {
    VERBS.iter().find(|(known, ..)| *known == name).map(|(_, run, _)| *run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_found_by_its_name_and_nothing_else_is() {
        assert!(VERBS.iter().all(|(name, ..)| verb(name).is_some()));
        assert!(verb("verfy").is_none());
    }
}
