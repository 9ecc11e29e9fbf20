//! `dagpass container`: a door of its own for a project's containers, or for a machine that ssh
//! forwards a socket to. Says what to mount and what to set; never shows a capability.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use dagpass_client::wire::{self, ContainerAsk, ContainerPort, MOUNT};

use crate::exit::Failure;
use crate::output;
use crate::world::World;

#[derive(Debug, Subcommand)]
pub(crate) enum Container {
    /// Open a door, or change it; prints the folder to mount
    #[command(after_help = "Examples:\n  dagpass container up --connection warehouse_api\n  \
        dagpass container up --uid 50000 --uid \"$(id -u)\"\n  \
        dagpass container up --port                      # where sockets cannot be mounted\n  \
        dagpass container up --port --bind 172.17.0.1    # Docker's bridge: beyond loopback\n  \
        dagpass container up --ssh box                   # for ssh -R")]
    Up(Box<Up>),
    /// Close a door at once, and remove its folder
    #[command(after_help = "Examples:\n  dagpass container down\n  \
        dagpass container down etl-0a1b2c3d\n  dagpass container down --ssh box")]
    Down {
        /// The door's name, as `status` has it
        id: Option<String>,
        #[command(flatten)]
        whose: Whose,
    },
    /// The doors that stand, and who was turned away
    #[command(
        after_help = "Examples:\n  dagpass container status\n  dagpass container status --json"
    )]
    Status,
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    whose: Whose,
    /// Who may connect, as this machine numbers them; 50000 and yourself where absent
    #[arg(long, value_name = "N", conflicts_with = "ssh")]
    uid: Vec<u32>,
    /// Only tokens of this profile; repeat for several
    #[arg(long)]
    profile: Vec<String>,
    /// Only this connection's tokens; repeat for several
    #[arg(long, value_name = "CONN_ID")]
    connection: Vec<String>,
    /// Listen on a TCP port too; any free one, which is kept
    #[arg(long, num_args = 0..=1, default_missing_value = "0", conflicts_with = "ssh")]
    port: Option<u16>,
    /// On this address of a bridge instead of 127.0.0.1: beyond loopback
    #[arg(long, value_name = "ADDRESS", requires = "port")]
    bind: Option<IpAddr>,
    /// What the container calls this machine; the engines' names where absent
    #[arg(long, value_name = "NAME", requires = "port")]
    host: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Whose {
    /// The project's folder; the current one where absent
    #[arg(long, value_name = "DIR")]
    project: Option<PathBuf>,
    /// For the socket that `ssh -R` forwards to this machine
    #[arg(long, value_name = "NAME", conflicts_with = "project")]
    ssh: Option<String>,
}

pub(crate) fn run(world: &World, command: Container) -> Result<(), Failure> {
    match command {
        Container::Up(up) => open(world, *up),
        Container::Down { id: Some(id), .. } => close(world, &id),
        Container::Down { id: None, whose } => {
            let (project, remote) = named(&whose)?;
            let doors = world.ask_running(|agent| agent.containers())?.containers;
            let own = |door: &&wire::Container| {
                door.rules.project == project && door.rules.remote == remote
            };
            let door = doors.iter().find(own).ok_or_else(|| {
                Failure::new("not_found", format!("{project} has no door"))
                    .hint("`dagpass container status` lists them")
            })?;
            close(world, &door.id)
        }
        Container::Status => status(world),
    }
}

fn open(world: &World, up: Up) -> Result<(), Failure> {
    let (project, remote) = named(&up.whose)?;
    let ask = ContainerAsk {
        project,
        remote,
        uids: up.uid,
        profiles: up.profile,
        connections: up.connection,
        port: up.port.map(|port| ContainerPort {
            bind: up.bind.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            port,
            hosts: up.host,
        }),
    };
    let door = world.ask(|agent| agent.open_container(&ask))?;
    if let Some(bind) = door.beyond_loopback() {
        output::say(&format!(
            "warning: this door listens on {bind}, beyond loopback: whoever reaches that address may \
             knock, and what goes through is not encrypted; `dagpass container down` closes it"
        ));
    }
    if world.json {
        return output::json(&door);
    }
    output::say(&lines(&door));
    output::say(&if remote { forwarding(&door) } else { mounting(&door) });
    output::out(&door.folder)
}

fn close(world: &World, id: &str) -> Result<(), Failure> {
    world.ask_running(|agent| agent.close_container(id))?;
    if world.json {
        return output::json(&serde_json::json!({ "id": id, "ended": true }));
    }
    output::say(&format!("{id} is closed"));
    Ok(())
}

fn status(world: &World) -> Result<(), Failure> {
    let list = world.ask_running(|agent| agent.containers())?;
    if world.json {
        return output::json(&list);
    }
    if list.containers.is_empty() {
        output::say("no door is open: `dagpass container up` opens one for this folder's project");
        return Ok(());
    }
    output::out(&list.containers.iter().map(lines).collect::<Vec<_>>().join("\n\n"))
}

/// One door, for a person.
pub(super) fn lines(door: &wire::Container) -> String {
    let rules = &door.rules;
    let kind = if rules.remote { "ssh " } else { "" };
    let mut lines = vec![format!("{}: {kind}{}", door.id, rules.project)];
    let mut row =
        |name: &str, text: String| lines.push(format!("  {name:<12}{}", output::word(&text)));
    if let Some(problem) = &door.problem {
        row("shut", problem.clone());
    }
    row("folder", door.folder.clone());
    row("uids", rules.uids.iter().map(u32::to_string).collect::<Vec<_>>().join(", "));
    if let Some(port) = &rules.port {
        let beyond = if port.bind.is_loopback() { "" } else { " (beyond loopback)" };
        let place = SocketAddr::new(port.bind, port.port);
        row("port", format!("{place}{beyond} as {}", port.hosts.join(", ")));
    }
    for (name, list) in [("profiles", &rules.profiles), ("connections", &rules.connections)] {
        if !list.is_empty() {
            row(name, list.join(", "));
        }
    }
    for stranger in &door.refused {
        let (uid, times) = (stranger.uid, stranger.times);
        row("refused", format!("uid {uid}, {times} times; let it in with `--uid {uid}`"));
    }
    lines.join("\n")
}

fn mounting(door: &wire::Container) -> String {
    let folder = &door.folder;
    let place = match &door.rules.port {
        Some(port) => {
            let host = port.hosts.first().map_or("host.docker.internal", String::as_str);
            format!("-e DAGPASS_TCP={host}:{}", port.port)
        }
        None => format!("-e DAGPASS_SOCKET={MOUNT}/agent.sock"),
    };
    format!("  give your container: -v '{folder}':{MOUNT}:ro {place}")
}

fn forwarding(door: &wire::Container) -> String {
    let (machine, folder) = (&door.rules.project, &door.folder);
    format!(
        "  forward it: ssh -R /run/user/UID/dagpass-fwd.sock:'{folder}/agent.sock' {machine}\n  \
         and set there: DAGPASS_SOCKET=/run/user/UID/dagpass-fwd.sock"
    )
}

fn named(whose: &Whose) -> Result<(String, bool), Failure> {
    if let Some(machine) = &whose.ssh {
        return Ok((machine.clone(), true));
    }
    let folder = whose.project.as_deref().unwrap_or(Path::new("."));
    // One project has one name, whichever way it is reached.
    let folder = std::fs::canonicalize(folder).map_err(|error| {
        Failure::usage(format!("{} is no folder", folder.display())).because(error)
    })?;
    Ok((folder.display().to_string(), false))
}
