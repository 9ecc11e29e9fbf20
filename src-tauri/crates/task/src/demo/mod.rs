//! The main job on the embedded sandbox: sign in once, run a real DAG, and show what the protected
//! API saw. Fails under three distinct tokens or on any 401.

mod api_log;
pub(crate) mod live;
pub(crate) mod long;
mod stage;

use crate::Outcome;
use crate::airflow::runner;
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
const OLDER_AIRFLOW: &str = "2.11";

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    play(house, AIRFLOW)
}

/// The same on the Airflow that many companies still run.
pub(crate) fn on_older_airflow(house: &House) -> Result<Outcome, Failure> {
    play(house, OLDER_AIRFLOW)
}

fn play(house: &House, version: &str) -> Result<Outcome, Failure> {
    prepared(house, version)?;
    let stage = Stage::set(house, TOKEN_SECONDS)?;
    say("\nsign in: the sandbox's Alice approves the code by herself");
    stage.dagpass("login --device").run()?;
    stage.dagpass("whoami").run()?;
    say("\na DAG with the stock HttpOperator, whose connection only dagpass knows");
    let dag = |name: &str| {
        stage
            .inside_world(runner(house))
            .words(&format!("dag {name} --airflow {version} --connection sandbox_api"))
            .words(&format!("--seconds {TASK_SECONDS} --tokens {TOKENS} --api {}", stage.api()))
            .run()
    };
    dag("dagpass_operator")?;
    say(&format!("\na task that calls for {TASK_SECONDS} s with {TOKEN_SECONDS} s tokens"));
    dag("dagpass_hook")?;
    let log = ApiLog::read(stage.control())?;
    say("\nthe protected API's own log:");
    log.lines().iter().for_each(|line| say(line));
    say("\nwho ran which task, with which connection and audience:");
    let record = stage.dagpass("audit tail --dag dagpass_hook --task call -n 2").read()?;
    say(&record);
    on_record(&record)?;
    stage.dagpass("logout").run()?;
    log.verdict(TOKENS)?;
    say(&format!("\ndemo on Airflow {version}: {}", log.summary()));
    Ok(Outcome::Done)
}

/// The programs, and an Airflow that sees the provider.
fn prepared(house: &House, version: &str) -> Result<(), Failure> {
    setup::packages(For::Build)?;
    setup::packages(For::Airflow)?;
    say("building dagpass, its agent and the sandbox");
    // All but the window, as the tests do: one choice of features, so that they build nothing again.
    Shell::new("cargo").words("build --bins --quiet --locked").inside(&house.root).run()?;
    say(&format!("Airflow {version} from PyPI, in an environment of its own (once)"));
    runner(house).words(&format!("prepare --airflow {version}")).run()
}

/// The task's end stands on the record with the connection whose tokens it was served.
fn on_record(record: &str) -> Result<(), Failure> {
    let tied = |row: &&str| row.contains("task success") && row.contains("sandbox_api");
    match record.lines().find(tied) {
        Some(_) => Ok(()),
        None => Err(Failure::new("the record does not tie the task to the tokens it was served")),
    }
}
