//! The ledger's long runs, optimised: its readers against bytes of no kind, and as many lines as it takes in a
//! minute. Prints how many, and what a line costs.

use crate::Outcome;
use crate::house::House;
use crate::shell::{Failure, Shell};

/// What `verify --release` says of it.
pub(crate) const ADDS: &str = "the ledger's readers fuzzed for ten minutes each, and three million lines written with none lost";

/// How long is each reader fuzzed? The everyday tests have some thousands of readings.
const FUZZED: u64 = 10 * 60;

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    Shell::new("cargo")
        .words("test --release --locked --package dagpass-client --lib ledger::fuzz")
        .words("-- --nocapture --test-threads 4")
        .env("DAGPASS_FUZZ_SECONDS", FUZZED.to_string())
        .inside(&house.root)
        .minutes(60)
        .run()?;
    Shell::new("cargo")
        .words("test --release --locked --package dagpass-agent --lib ledger::load_tests")
        .words("-- --include-ignored --nocapture --test-threads 1")
        .inside(&house.root)
        .minutes(60)
        .run()?;
    Ok(Outcome::Done)
}
