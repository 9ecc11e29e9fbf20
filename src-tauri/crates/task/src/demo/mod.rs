//! The main job on the embedded sandbox: sign in once, run a real DAG, and show what the protected
//! API saw. Fails under three distinct tokens or on any 401.

mod api_log;
mod stage;

use crate::Outcome;
use crate::house::House;
use crate::setup::{self, For};
use crate::shell::{Failure, Shell, say};
use api_log::ApiLog;
use stage::Stage;

/// How long do the demo's access tokens live? Short, so that a run of seconds outlives three.
const TOKEN_SECONDS: u32 = 5;
/// How long does the task call the API?
const TASK_SECONDS: u32 = 16;
/// How many tokens must it have been served?
const TOKENS: usize = 3;
const AIRFLOW: &str = "3.3";

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    setup::packages(For::Build)?;
    setup::packages(For::Airflow)?;
    say("building dagpass, its agent and the sandbox");
    // With the features of the test builds (which `--examples` asks for, there being none), so that
    // `cargo verify` builds nothing again.
    Shell::new("cargo")
        .words("build --workspace --lib --bins --examples --quiet --locked")
        .inside(&house.root)
        .minutes(20)
        .run()?;
    say(&format!("Airflow {AIRFLOW} from PyPI, in an environment of its own (once)"));
    airflow(house).words(&format!("prepare --airflow {AIRFLOW}")).run()?;
    let stage = Stage::set(house, TOKEN_SECONDS)?;
    say("\nsign in: the sandbox's Alice approves the code by herself");
    stage.dagpass("login --device").run()?;
    stage.dagpass("whoami").run()?;
    say(&format!(
        "\na DAG whose task calls the protected API for {TASK_SECONDS} s through a connection that only dagpass knows"
    ));
    stage
        .inside_world(airflow(house))
        .words(&format!("dag dagpass_hook --airflow {AIRFLOW} --connection sandbox_api"))
        .words(&format!("--seconds {TASK_SECONDS} --tokens {TOKENS} --api {}", stage.api()))
        .run()?;
    let log = ApiLog::read(stage.control())?;
    say("\nthe protected API's own log:");
    log.lines().iter().for_each(|line| say(line));
    say("\nthe last lines of the ledger:");
    stage.dagpass("audit tail -n 4").run()?;
    stage.dagpass("logout").run()?;
    log.verdict(TOKENS)?;
    say(&format!("\ndemo: {}", log.summary()));
    Ok(Outcome::Done)
}

fn airflow(house: &House) -> Shell {
    Shell::new("python3")
        .arg(house.at("tests/airflow/run.py"))
        .env("DAGPASS_CACHE", &house.cache)
        .minutes(15)
}
