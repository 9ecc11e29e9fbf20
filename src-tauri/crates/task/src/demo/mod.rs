//! The main job on the embedded sandbox: sign in once, run a real DAG, and show what the protected
//! API saw. Fails under three distinct tokens or on any 401.

mod api_log;
pub(crate) mod live;
pub(crate) mod long;
mod stage;
mod steps;

use crate::Outcome;
use crate::again;
use crate::airflow::runner;
use crate::builds;
use crate::house::House;
use crate::setup::{self, For};
use crate::shell::{Failure, Shell, say};
use api_log::ApiLog;
use stage::Stage;
use steps::Steps;

/// How long do the demo's access tokens live? Short, so that a run of seconds outlives three.
const TOKEN_SECONDS: u32 = 5;
/// How long does the task call the API?
const TASK_SECONDS: u32 = 16;
/// How many tokens must it have been served?
const TOKENS: usize = 3;
const AIRFLOW: &str = "3.3";
const OLDER_AIRFLOW: &str = "2.11";

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    again::part(house, "demo", || play(house, AIRFLOW))
}

pub(crate) const OLDER_ADDS: &str = "the demo on Airflow 2.11";

/// The same on the Airflow that many companies still run.
pub(crate) fn on_older_airflow(house: &House) -> Result<Outcome, Failure> {
    again::part(house, "demo", || play(house, OLDER_AIRFLOW))
}

fn play(house: &House, version: &str) -> Result<Outcome, Failure> {
    setup::packages(For::Build)?;
    setup::packages(For::Airflow)?;
    let steps = Steps::new(house, &format!("airflow-{version}"))?;
    say(&format!("dagpass on Airflow {version}; what the programs say: {}", steps.log().display()));
    steps.run("building dagpass, its agent and the sandbox", &build(house))?;
    steps
        .run("Airflow from PyPI, in an environment of its own (once)", &airflow(house, version))?;
    let stage = steps.step("a sandbox of Ping, and an agent with a store of its own", || {
        Stage::set(house, TOKEN_SECONDS, steps.log())
    })?;
    let sign_in = stage.dagpass("login --device");
    steps.run("one sign-in: the sandbox's Alice approves the code by herself", &sign_in)?;
    let who = stage.dagpass("whoami").read()?;
    let dag = |name: &str| {
        stage
            .inside_world(runner(house))
            .words(&format!("dag {name} --airflow {version} --connection sandbox_api"))
            .words(&format!("--seconds {TASK_SECONDS} --tokens {TOKENS} --api {}", stage.api()))
    };
    let what = "a DAG with the stock HttpOperator, whose connection only dagpass knows";
    steps.run(what, &dag("dagpass_operator"))?;
    let what = format!("a task that calls for {TASK_SECONDS} s with tokens of {TOKEN_SECONDS} s");
    steps.run(&what, &dag("dagpass_hook"))?;
    let record = stage.dagpass("audit tail --dag dagpass_hook --task call -n 2").read()?;
    stage.dagpass("logout").logged(steps.log())?;
    let log = ApiLog::read(stage.control())?;
    show(&who, &log, &record);
    on_record(&record)?;
    log.verdict(TOKENS)?;
    say(&format!("\ndemo on Airflow {version}: {}", log.summary()));
    Ok(Outcome::Done)
}

/// All that a newcomer wants to see, on one screen.
fn show(who: &str, log: &ApiLog, record: &str) {
    say("\nwho signed in:");
    who.lines().for_each(|line| say(&format!("  {line}")));
    say("\nwhat the protected API saw, by its own log:");
    log.lines().iter().for_each(|line| say(line));
    say("\nwho ran which task, with which connection and audience, by dagpass's ledger:");
    ended(record).iter().for_each(|line| say(&format!("  {line}")));
}

/// The head of the ledger's table and the task's end, as far as a terminal is wide: which process asked comes
/// last, and is this demo's own.
fn ended(record: &str) -> Vec<String> {
    let head = record.lines().next().unwrap_or_default();
    let width = head.find(" BY").unwrap_or(head.len());
    let wanted = record.lines().filter(|line| *line == head || line.contains("Task success"));
    wanted.map(|line| line.chars().take(width).collect::<String>().trim_end().to_owned()).collect()
}

/// The programs, and an Airflow that sees the provider.
fn prepared(house: &House, version: &str) -> Result<(), Failure> {
    setup::packages(For::Build)?;
    setup::packages(For::Airflow)?;
    say("building dagpass, its agent and the sandbox");
    build(house).run()?;
    say(&format!("Airflow {version} from PyPI, in an environment of its own (once)"));
    airflow(house, version).run()
}

fn build(house: &House) -> Shell {
    builds::programs(house).arg("--quiet")
}

fn airflow(house: &House, version: &str) -> Shell {
    runner(house).words(&format!("prepare --airflow {version}"))
}

/// The task's end stands on the record with the connection whose tokens it was served.
fn on_record(record: &str) -> Result<(), Failure> {
    let tied = |row: &&str| row.contains("Task success") && row.contains("sandbox_api");
    match record.lines().find(tied) {
        Some(_) => Ok(()),
        None => Err(Failure::new("the record does not tie the task to the tokens it was served")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_record_the_task_s_end_is_shown_without_its_process() {
        let record = "TIME  WHAT          TASK  BY\n01:2  issue         call  pid=1\n\
                      01:3  Task success  call  pid=1 by=/usr/bin/python3";
        assert_eq!(ended(record), ["TIME  WHAT          TASK", "01:3  Task success  call"]);
        assert_eq!(ended(""), [] as [String; 0]);
    }
}
