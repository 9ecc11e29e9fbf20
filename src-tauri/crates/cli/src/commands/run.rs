//! `dagpass run`: a program with a capability of its own, which dies with it. Exits as the program
//! does; 125 where the failure is ours, 126 and 127 as `env` does.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Child, Command, ExitCode};

use clap::Args;
use dagpass_client::wire::{RunAsk, RunReply};

use crate::exit::{Failure, RUN_FAILED};
use crate::world::World;
use crate::{output, system};

const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dagpass run -- airflow dags test my_dag\n  \
                        dagpass run --env dev --profile dev -- pytest tests/dags")]
pub(crate) struct Run {
    /// Only tokens of this profile; repeat for several
    #[arg(long)]
    profile: Vec<String>,
    /// Which environment's connections the program gets
    #[arg(long)]
    env: Option<String>,
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
    let started = start(world, &args)?;
    let ended = system::attend(started.child);
    // The agent sees the end by itself within a second; asking makes it at once.
    if let Err(failure) = world.ask_running(|agent| agent.end_run(&started.run.id)) {
        match failure.reply.error.as_str() {
            "not_running" | "not_found" => {}
            _ => output::say(&format!("note: {}", failure.reply.error_description)),
        }
    }
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
    let ours = |failure: Failure| failure.exit(RUN_FAILED);
    let ask = RunAsk {
        pid: Some(std::process::id()),
        profiles: args.profile.clone(),
        env: args.env.clone(),
        command: name(program),
    };
    let run = world.ask(|agent| agent.start_run(&ask)).map_err(ours)?;
    let mut command = Command::new(program);
    command.args(arguments).env("DAGPASS_CAPABILITY", run.capability.as_str());
    if let Some(place) = world.find().map_err(ours)?.place_in_use() {
        command.env("DAGPASS_SOCKET", place.to_string());
    }
    if let Some(env) = &args.env {
        command.env("DAGPASS_ENV", env);
    }
    match command.spawn() {
        Ok(child) => Ok(Started { run, child }),
        Err(error) => {
            let exit = if error.kind() == ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE };
            let what = format!("`{}` cannot be run", program.display());
            world.ask_running(|agent| agent.end_run(&run.id)).map_err(ours)?;
            Err(Failure { exit, ..Failure::new("io", what).because(error) })
        }
    }
}

/// The program's name and never its arguments: they may hold secrets, and this goes on the record.
fn name(program: &OsString) -> String {
    let name = Path::new(program).file_name().unwrap_or(program);
    name.to_string_lossy().into_owned()
}
