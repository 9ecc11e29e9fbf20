//! `dagpass relay`: carries a connection between standard input and output and the agent; with a
//! command, listens where the agent would listen here and carries each connection through it. For a
//! WSL2 distribution whose agent is on the Windows side. Reads nothing of what it carries.

#[cfg_attr(unix, path = "relay/unix.rs")]
#[cfg_attr(windows, path = "relay/windows.rs")]
mod near;

use std::ffi::OsString;
use std::io;

use clap::Args;
use dagpass_client::place::Place;
use dagpass_client::wire::RelayAsk;

use crate::exit::Failure;
use crate::output;
use crate::world::World;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    dagpass relay                                       # what the far side starts\n  \
    dagpass relay --connection warehouse_api            # the same, for tokens of that connection alone\n  \
    dagpass relay -- /mnt/c/Users/me/bin/dagpass.exe relay   # in WSL2: the agent is on the Windows side")]
pub(crate) struct Relay {
    /// Only tokens of this profile; several times for several
    #[arg(long, value_name = "PROFILE")]
    profile: Vec<String>,
    /// Only this connection; several times for several
    #[arg(long, value_name = "CONN_ID")]
    connection: Vec<String>,
    /// Listen here, and carry each connection through this command
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(crate) fn run(world: &World, relay: &Relay) -> Result<(), Failure> {
    match relay.command.split_first() {
        None => carry(world, relay),
        Some(_) if !relay.profile.is_empty() || !relay.connection.is_empty() => {
            let what = "what narrows a relay is said where the agent is";
            Err(Failure::usage(what).hint("put it into COMMAND: `… relay --connection CONN_ID`"))
        }
        Some((program, args)) => listen(world, program, args),
    }
}

fn carry(world: &World, relay: &Relay) -> Result<(), Failure> {
    let ask = RelayAsk { profiles: relay.profile.clone(), connections: relay.connection.clone() };
    world.ask(|agent| agent.carry(&ask, io::stdin(), io::stdout().lock()))
}

fn listen(world: &World, program: &OsString, args: &[OsString]) -> Result<(), Failure> {
    let agent = world.find()?;
    if let Some(place) = agent.place_in_use() {
        let what = format!("something answers at {place} already");
        return Err(Failure::new("conflict", what)
            .hint("end it with `dagpass agent stop`, or give another place with --socket"));
    }
    let Some(Place::Socket(path)) = agent.places().first() else {
        return Err(Failure::usage("a relay listens at a socket, and this system has pipes")
            .hint("run `dagpass relay -- COMMAND` on the Linux side"));
    };
    let carried = |error: io::Error| {
        Failure::new("io", format!("{} cannot be listened at", path.display())).because(error)
    };
    let listener = near::listen(path).map_err(carried)?;
    output::say(&format!(
        "carrying {} through {}; Ctrl-C ends it",
        path.display(),
        program.display()
    ));
    near::carry_each(&listener, program, args).map_err(carried)
}
