//! `dagpass policy`: what is in force, what is wrong with it, and how a request is judged. The engine is the
//! agent's; here it is asked and shown.

mod dags;
mod shown;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use dagpass_client::owner;
use dagpass_client::wire::{PolicyCheckAsk, PolicySimulateAsk, PolicyWhyAsk};

use crate::exit::{CHECK_FAILED, Failure};
use crate::output;
use crate::world::World;

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Name file, line and column of everything that is wrong with a policy
    #[command(after_help = "Examples:\n  dagpass policy check\n  dagpass policy check new.cedar")]
    Check {
        /// Another file than what stands beside the config
        file: Option<PathBuf>,
    },
    /// Print all that is in force, layer by layer, in Cedar
    #[command(after_help = "Examples:\n  dagpass policy show\n  dagpass policy show --json")]
    Show,
    /// Print Cedar's schema of what a policy can be about
    #[command(after_help = "Examples:\n  dagpass policy schema > dagpass.cedarschema")]
    Schema,
    /// How a request is judged: by which rule, on which facts, and what would turn the answer
    Why(Why),
    /// How each connection that a folder of DAGs names is judged
    Simulate(Simulate),
    /// What a policy says that its author can hardly mean
    #[command(after_help = "Examples:\n  dagpass policy lint\n  dagpass policy lint --json")]
    Lint,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dagpass policy why 4711\n  dagpass policy why --connection warehouse_api\n  \
                  dagpass policy why --connection warehouse_api --as-if who=container,dag=etl,hour=22"
)]
pub(crate) struct Why {
    /// A line of the ledger, by its number
    seq: Option<u64>,
    /// A connection of the config
    #[arg(long, value_name = "CONN_ID", required_unless_present_any = ["seq", "as_if"])]
    connection: Option<String>,
    /// What is so: action, who, profile, deployment, env, audience, upstream, method, path, scopes,
    /// reach, remote, group, signed-in-age, hour, weekday, program, parent, cwd, terminal, cgroup, dag, task
    #[arg(long, value_name = "WORD=VALUE,…", value_delimiter = ',', value_parser = pair)]
    as_if: Vec<(String, String)>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dagpass policy simulate --dags dags/\n  \
                  dagpass policy simulate --dags dags/ --as-if who=run --fail-on ask\n\n\
                  Exits with 1 where a connection is judged as --fail-on says, or more strictly.")]
pub(crate) struct Simulate {
    /// Whose `.py` files are searched for connections; every connection of the config where absent
    #[arg(long, value_name = "FOLDER")]
    dags: Option<PathBuf>,
    /// What is said of every request, as for `dagpass policy why`
    #[arg(long, value_name = "WORD=VALUE,…", value_delimiter = ',', value_parser = pair)]
    as_if: Vec<(String, String)>,
    /// What fails
    #[arg(long, value_enum, default_value_t = FailOn::Deny)]
    fail_on: FailOn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// A connection that is denied
    Deny,
    /// One that somebody has to approve, too
    Ask,
    /// Nothing
    Never,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((word, value)) if !word.is_empty() && !value.is_empty() => {
            Ok((word.to_owned(), value.to_owned()))
        }
        _ => Err("expected WORD=VALUE".to_owned()),
    }
}

pub(crate) fn run(world: &World, command: Policy) -> Result<ExitCode, Failure> {
    match command {
        Policy::Check { file } => return check(world, file.as_deref()),
        Policy::Show => {
            let policy = world.ask(|agent| agent.policy())?;
            match world.json {
                true => output::json(&policy)?,
                false => output::out(&shown::policy(&policy))?,
            }
        }
        Policy::Schema => output::out(world.ask(|agent| agent.policy())?.schema.trim_end())?,
        Policy::Why(args) => why(world, args)?,
        Policy::Simulate(args) => return simulate(world, args),
        Policy::Lint => {
            let found = world.ask(|agent| agent.lint_policy())?;
            match world.json {
                true => output::json(&found)?,
                false => output::out(&shown::findings(&found))?,
            }
            return Ok(exit(found.iter().any(|one| one.verdict == "problem")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn exit(bad: bool) -> ExitCode {
    if bad { ExitCode::from(CHECK_FAILED) } else { ExitCode::SUCCESS }
}

fn check(world: &World, file: Option<&Path>) -> Result<ExitCode, Failure> {
    let ask = match file {
        None => PolicyCheckAsk::default(),
        Some(file) => {
            let text = std::fs::read_to_string(file).map_err(|error| {
                Failure::new("not_found", format!("{} cannot be read", file.display()))
                    .because(owner::why(file, &error))
            })?;
            PolicyCheckAsk { file: file.display().to_string(), text: Some(text) }
        }
    };
    let checked = world.ask(|agent| agent.check_policy(&ask))?;
    match world.json {
        true => output::json(&checked)?,
        false if checked.problems.is_empty() => output::say(&shown::checked(&checked)),
        false => output::out(&shown::problems(&checked.problems))?,
    }
    Ok(exit(!checked.problems.is_empty()))
}

fn why(world: &World, args: Why) -> Result<(), Failure> {
    let mut as_if: BTreeMap<String, String> = args.as_if.into_iter().collect();
    as_if.extend(args.connection.map(|id| ("connection".to_owned(), id)));
    let ask = PolicyWhyAsk { seq: args.seq, as_if };
    let why = world.ask(|agent| agent.policy_why(&ask))?;
    if world.json {
        return output::json(&why);
    }
    output::out(&shown::why(&why))
}

fn simulate(world: &World, args: Simulate) -> Result<ExitCode, Failure> {
    let ask = PolicySimulateAsk { as_if: args.as_if.into_iter().collect() };
    let mut simulated = world.ask(|agent| agent.simulate_policy(&ask))?;
    if let Some(folder) = &args.dags {
        let known = simulated.rows.iter().map(|row| row.connection.clone()).collect();
        let named = dags::named(folder, &known).map_err(|error| {
            Failure::new("not_found", format!("{} cannot be read", folder.display())).because(error)
        })?;
        simulated.rows.retain(|row| named.contains(&row.connection));
    }
    match world.json {
        true => output::json(&simulated)?,
        false => output::out(&shown::simulated(&simulated.rows))?,
    }
    let fails = |verdict: &str| match args.fail_on {
        FailOn::Never => false,
        FailOn::Deny => verdict == "deny",
        FailOn::Ask => verdict != "permit",
    };
    Ok(exit(simulated.rows.iter().any(|row| fails(&row.verdict))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_so_is_a_word_and_a_value() {
        assert_eq!(pair("dag=a=b"), Ok(("dag".to_owned(), "a=b".to_owned())));
        for wrong in ["dag", "=x", "dag=", ""] {
            assert!(pair(wrong).is_err(), "{wrong}");
        }
    }
}
