//! A job that outlives many tokens: one `AgentAuth` session in LocalExecutor and in `airflow dags test`
//! at once on four-second tokens, and the plain secrets backend on fifteen-second ones beside it, each at
//! an independent provider of its own. Any 401, or too many refreshes at an issuer, fails it.

use super::stage::Stage;
use super::steps::Steps;
use super::{AIRFLOW, prepared};
use crate::Outcome;
use crate::airflow::runner;
use crate::house::House;
use crate::idp;
use crate::setup::{self, For};
use crate::shell::{Failure, say};

/// How long do the sessions call in a release's verification?
const SECONDS: u32 = 300;
/// And every day?
const SHORT_SECONDS: u32 = 32;

pub(crate) const ADDS: &str = "five minutes of calls on tokens of four and of fifteen seconds";

/// Who calls, and how long a token lives there.
const WAYS: [(&str, u32); 2] = [("both", 4), ("plain", 15)];

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    play(house, SECONDS)
}

pub(crate) fn short(house: &House) -> Result<Outcome, Failure> {
    play(house, SHORT_SECONDS)
}

fn play(house: &House, seconds: u32) -> Result<Outcome, Failure> {
    prepared(house, AIRFLOW)?;
    setup::packages(For::Rig)?;
    idp::node_modules(house)?;
    let ended = std::thread::scope(|scope| {
        let ways = WAYS.map(|way| scope.spawn(move || one(house, way, seconds)));
        ways.map(|way| way.join().unwrap_or_else(|_| Err(Failure::new("a way has panicked"))))
    });
    ended.into_iter().collect::<Result<Vec<()>, _>>()?;
    Ok(Outcome::Done)
}

fn one(house: &House, (way, lifetime): (&str, u32), seconds: u32) -> Result<(), Failure> {
    let steps = Steps::new(house, &format!("long-{way}"))?;
    let stage = Stage::independent(house, lifetime, steps.log())?;
    // A token a lifetime, the last one not yet in use, and the start of the task after the first.
    let tokens = (seconds / lifetime).saturating_sub(1).max(2);
    let judged = stage
        .inside_world(runner(house))
        .words(&format!("long {way} --airflow {AIRFLOW} --seconds {seconds} --tokens {tokens}"))
        .words(&format!("--lifetime {lifetime} --control {}", stage.control()))
        .words(&format!("--api {}", stage.api()))
        .env("DAGPASS_PROGRAM", house.target.join("debug/dagpass"))
        .run();
    if judged.is_err() {
        say(&format!("the {way} way did not hold"));
    }
    judged
}
