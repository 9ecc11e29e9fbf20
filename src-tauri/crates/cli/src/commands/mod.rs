//! One file a command.

pub(crate) mod agent;
pub(crate) mod airflow;
pub(crate) mod approve;
pub(crate) mod audit;
pub(crate) mod config;
pub(crate) mod container;
mod doctor;
mod files;
pub(crate) mod identity;
pub(crate) mod init;
mod lanes;
pub(crate) mod leases;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod man;
mod panel;
pub(crate) mod policy;
pub(crate) mod proxy;
pub(crate) mod purge;
pub(crate) mod relay;
pub(crate) mod run;
pub(crate) mod secret;
mod status;
pub(crate) mod store;
mod token;
mod whoami;
pub(crate) mod witness;

use std::process::ExitCode;

use crate::args::{Command, Line, tree};
use crate::exit::Failure;
use crate::output;
use crate::world::World;

pub(crate) fn run(line: Line) -> Result<ExitCode, Failure> {
    let Line { json, no_start, socket, command } = line;
    let world = World { json, no_start, socket };
    let done = match command {
        Command::Token(args) => token::run(&world, args),
        Command::Init(args) => init::run(&world, &args),
        Command::Login(args) => login::run(&world, args),
        Command::Logout(args) => logout::run(&world, args),
        Command::Status => status::run(&world),
        Command::Whoami { profile } => whoami::run(&world, profile.as_deref()),
        Command::Run(args) => return run::run(&world, args),
        Command::Agent(args) => return agent::run(&world, args),
        Command::Doctor => return doctor::run(&world),
        Command::Config(args) => return config::run(&world, args),
        Command::Audit(args) => audit::run(&world, &args),
        Command::Witness(args) => witness::run(&world, args),
        Command::Airflow(args) => return airflow::run(&world, args),
        Command::Container(args) => container::run(&world, args),
        Command::Panel { view } => panel::run(view),
        Command::Policy(args) => return policy::run(&world, args),
        Command::Proxy(args) => proxy::run(&world, args),
        Command::Store(args) => store::run(&world, args),
        Command::Identity(args) => identity::run(&world, args),
        Command::Secret(args) => secret::run(&world, args),
        Command::Approve(args) => approve::run(&world, args),
        Command::Leases(args) => leases::run(&world, args),
        Command::Relay(args) => relay::run(&world, &args),
        Command::Purge(args) => purge::run(&world, &args),
        Command::Completions { shell } => completions(shell),
        Command::Man(args) => man::run(&args),
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut tree(), "dagpass", &mut script);
    output::out(&String::from_utf8_lossy(&script))
}
