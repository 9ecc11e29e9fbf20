//! `dagpass airflow`: what wires Airflow to the agent, and what its server makes of a person's groups.

use std::process::ExitCode;

use clap::Subcommand;

use super::files;
use crate::exit::Failure;
use crate::world::World;

mod backend;
mod cfg;
mod compose;
mod diff;
mod doctor;
mod door;
mod dotenv;
mod find;
mod import;
mod interpreter;
mod jsonc;
mod layout;
mod receipt;
mod roles;
pub(crate) mod scan;
mod server;
mod setup;
mod shadow;
mod shell;
mod standing;
mod undo;
mod wheel;
pub(crate) mod wiring;

pub(crate) use undo::{take_back, wired};

#[derive(Debug, Subcommand)]
pub(crate) enum Airflow {
    /// Print or write the settings that wire the secrets backend
    #[command(
        after_help = "Examples:\n  dagpass airflow setup --for venv --dry-run   # what would change\n  \
        dagpass airflow setup --for venv             # airflow.cfg, and the package into its interpreter\n  \
        dagpass airflow setup --for vscode --python .venv\n  \
        dagpass airflow setup --for astro --dir my-project\n  \
        dagpass airflow setup --for pytest --undo\n  \
        dagpass airflow setup --for compose --wheel \"$(dagpass airflow wheel --out ~)\"\n  \
        dagpass airflow setup                        # looks what stands here, and asks; else prints the settings\n  \
        dagpass airflow setup --write env --file airflow.sh\n  \
        dagpass airflow setup --server --url https://airflow.corp.example --out ./airflow-ping"
    )]
    Setup(Box<setup::Setup>),
    /// Write the provider's wheel, which is part of this program
    #[command(after_help = "Examples:\n  dagpass airflow wheel --out dist\n  \
        pip install --no-index --no-deps \"$(dagpass airflow wheel --out dist)\"")]
    Wheel(wheel::Wheel),
    /// Take over connections with a pasted token: their tables for config.toml, and what to revoke
    #[command(
        after_help = "Examples:\n  dagpass airflow import --dry-run          # what is pasted where, and what would be written\n  \
        dagpass airflow import                    # .env, AIRFLOW_CONN_… of this shell, Airflow's database\n  \
        dagpass airflow import --from connections.json --profile prod\n  \
        dagpass airflow import --undo"
    )]
    Import(import::Import),
    /// Show which Airflow roles a person's groups give, and why
    #[command(
        after_help = "Examples:\n  dagpass airflow roles                    # for the person signed in\n  \
        dagpass airflow roles prod --group data-eng --group ops\n  \
        dagpass airflow roles prod --check       # fails where the server maps otherwise"
    )]
    Roles(roles::Roles),
    /// Look for what leaks: tokens in XCom, connections in logs, static secrets dagpass can replace
    #[command(
        after_help = "Examples:\n  dagpass airflow doctor                   # the Airflow of this shell or of .venv\n  \
        dagpass airflow doctor --python /opt/airflow --dags ./dags --json"
    )]
    Doctor(doctor::Doctor),
    /// Look for tokens that were issued in task logs and DAG files, or in the folders named
    ///
    /// What was issued is known by its fingerprint on the ledger, and each word of a text that is as long as a
    /// token is hashed. Says where and never what; the leases that hold a token that is found end. One that is cut
    /// or encoded is not found, nor an opaque one that is part of a longer word. Ends with 1 where one is found.
    #[command(
        after_help = "Examples:\n  dagpass airflow scan                     # the logs and DAGs of this shell's Airflow\n  \
        dagpass airflow scan /srv/airflow/logs ./dags --since 7d\n  \
        dagpass airflow scan --json | jq '.hits[].place'"
    )]
    Scan(scan::Scan),
}

pub(crate) fn run(world: &World, command: Airflow) -> Result<ExitCode, Failure> {
    match command {
        Airflow::Doctor(command) => return doctor::run(world, &command),
        Airflow::Scan(command) => return scan::run(world, &command),
        Airflow::Setup(command) => setup::run(world, &command)?,
        Airflow::Import(command) => import::run(world, &command)?,
        Airflow::Wheel(command) => wheel::run(world, &command)?,
        Airflow::Roles(command) => roles::run(world, command)?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
#[path = "airflow/tests.rs"]
mod tests;
