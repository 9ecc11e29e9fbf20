//! The provider with the real agent, signed in at the sandbox: refusals, a running triggerer, a person's
//! own pytest, `airflow standalone` and the example DAGs; and apart, what it costs Airflow. The tests
//! themselves are `tests/airflow/live`.

use super::stage::Stage;
use super::steps::Steps;
use super::{AIRFLOW, prepared};
use crate::Outcome;
use crate::again;
use crate::airflow::runner;
use crate::house::House;
use crate::shell::Failure;

/// How long does a token live there? Longer than any of these tests counts refreshes.
const TOKEN_SECONDS: u32 = 60;

/// What `verify --release` says of the figures.
pub(crate) const FIGURES_ADD: &str =
    "what the provider costs Airflow: a look-up, a command, its masker";

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    again::part(house, "live", || play(house, ""))
}

pub(crate) fn figures(house: &House) -> Result<Outcome, Failure> {
    play(house, "--figures")
}

fn play(house: &House, only: &str) -> Result<Outcome, Failure> {
    prepared(house, AIRFLOW)?;
    let steps = Steps::new(house, "live")?;
    let stage = Stage::set(house, TOKEN_SECONDS, steps.log())?;
    stage.dagpass("login --device").run()?;
    stage
        .inside_world(runner(house))
        .words(&format!("live --airflow {AIRFLOW} --api {}", stage.api()))
        .words(&format!("--control {} {only}", stage.control()))
        .env("DAGPASS_PROGRAM", house.target.join("debug/dagpass"))
        .run()?;
    Ok(Outcome::Done)
}
