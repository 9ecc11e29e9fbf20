//! `dagpass run`: a program with a capability of its own, which dies with it. Exits as the program
//! does; 125 where the failure is ours, 126 and 127 as `env` does.

mod lane;
mod outlook;
mod tripwire;

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::time::SystemTime;

use clap::Args;
use dagpass_client::wire::{RunAsk, RunReply, TokenAsk, TokenReply};

use super::proxy;
use crate::exit::{APPROVAL, Failure, NOT_EXECUTABLE, NOT_FOUND, RUN_FAILED};
use crate::world::World;
use crate::{duration, output, system};

/// What `airflowctl` reads before it asks its keyring.
const AIRFLOW_TOKEN: &str = "AIRFLOW_CLI_TOKEN";
/// How long should a token that cannot be renewed live, at least, in seconds?
const FULL_LIFE: u64 = 1800;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dagpass run -- airflow dags test my_dag\n  \
                        dagpass run --env dev --profile dev -- pytest tests/dags\n  \
                        dagpass run --airflow prod -- airflowctl dags list\n  \
                        dagpass run --lane agent -- claude\n  \
                        dagpass run --via warehouse -- ./report.py")]
pub(crate) struct Run {
    /// Only tokens of this profile; repeat for several
    #[arg(long)]
    profile: Vec<String>,
    /// Which environment's connections the program gets
    #[arg(long)]
    env: Option<String>,
    /// Give the program this Airflow deployment's token as AIRFLOW_CLI_TOKEN. It is not renewed
    /// in the program, and every process of yours can read it there
    #[arg(long, value_name = "NAME")]
    airflow: Option<String>,
    /// Put the program into this lane of the config, with all that it starts: it gets tokens, within the
    /// lane's quota, and does nothing else with the agent
    #[arg(long, value_name = "NAME")]
    lane: Option<String>,
    /// Give the program a way to this upstream of the config, as DAGPASS_PROXY_URL_NAME and
    /// DAGPASS_PROXY_BEARER_NAME: the agent adds the token to what it sends there. Repeat for several
    #[arg(long, value_name = "NAME")]
    via: Vec<String>,
    /// The DAG that the program runs, where it is not `airflow dags test DAG`: whether the session
    /// lasts as long as it took before is said before the start
    #[arg(long, value_name = "DAG_ID")]
    dag: Option<String>,
    /// The program and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "CMD"
    )]
    command: Vec<OsString>,
}

pub(crate) fn run(world: &World, args: Run) -> Result<ExitCode, Failure> {
    if let Some(lane) = &args.lane {
        lane::enter(world, lane)?;
    }
    let dag_id = args.dag.clone().or_else(|| outlook::dag_of(&args.command));
    outlook::before(world, dag_id, &args.profile);
    let began = SystemTime::now();
    let started = start(world, &args)?;
    let ended = system::attend(started.child);
    // The agent sees the end by itself within a second; asking makes it at once.
    if let Err(failure) = world.ask_running(|agent| agent.end_run(&started.run.id)) {
        match failure.reply.error.as_str() {
            "not_running" | "not_found" => {}
            _ => output::say(&format!("note: {}", failure.reply.error_description)),
        }
    }
    tripwire::look(world, began);
    ended.map_err(|error| {
        let failure = Failure::new("io", "the program's end was not seen");
        failure.because(error).exit(RUN_FAILED)
    })
}

struct Started {
    run: RunReply,
    child: Child,
}

fn start(world: &World, args: &Run) -> Result<Started, Failure> {
    let [program, arguments @ ..] = args.command.as_slice() else {
        return Err(Failure::usage("no program is named").exit(RUN_FAILED));
    };
    // Whoever waits for a person tells that from a failure of ours.
    let ours = |failure: Failure| match failure.exit {
        APPROVAL => failure,
        _ => failure.exit(RUN_FAILED),
    };
    let ask = RunAsk {
        pid: Some(std::process::id()),
        profiles: args.profile.clone(),
        env: args.env.clone(),
        command: name(program),
        lane: args.lane.clone(),
        via: args.via.clone(),
    };
    // Before the run: where there is no token there is nothing to end.
    let airflow_token = args.airflow.as_deref().map(|name| airflow_token(world, name));
    let airflow_token = airflow_token.transpose().map_err(ours)?;
    let run = world.ask(|agent| agent.start_run(&ask)).map_err(ours)?;
    let mut command = Command::new(program);
    command.args(arguments).env("DAGPASS_CAPABILITY", run.capability.as_str());
    lane::leave(&mut command);
    if let Some(place) = world.find().map_err(ours)?.place_in_use() {
        command.env("DAGPASS_SOCKET", place.to_string());
    }
    for way in &run.upstreams {
        command.envs(proxy::variables(way));
    }
    if let Some(env) = &args.env {
        command.env("DAGPASS_ENV", env);
    }
    if let Some(token) = &airflow_token {
        command.env(AIRFLOW_TOKEN, token.access_token.as_str());
    }
    system::with_own_core(&mut command);
    let begun = system::stand_by().and_then(|()| command.spawn());
    match begun {
        Ok(child) => Ok(Started { run, child }),
        Err(error) => {
            let exit = if error.kind() == ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE };
            let what = format!("`{}` cannot be run", program.display());
            world.ask_running(|agent| agent.end_run(&run.id)).map_err(ours)?;
            Err(Failure { exit, ..Failure::new("io", what).because(error) })
        }
    }
}

/// As fresh as can be had, since the child's copy is never renewed.
fn airflow_token(world: &World, name: &str) -> Result<TokenReply, Failure> {
    let ask = TokenAsk {
        airflow: Some(name.to_owned()),
        min_ttl: Some(FULL_LIFE),
        ..TokenAsk::default()
    };
    let token = world.ask(|agent| agent.token(&ask))?;
    if output::stderr_is_terminal() {
        let life = duration::show(token.expires_in);
        output::say(&format!("note: {AIRFLOW_TOKEN} holds for {life} and is not renewed"));
    }
    Ok(token)
}

/// The program's name and never its arguments: they may hold secrets, and this goes on the record.
fn name(program: &OsString) -> String {
    let name = Path::new(program).file_name().unwrap_or(program);
    name.to_string_lossy().into_owned()
}
