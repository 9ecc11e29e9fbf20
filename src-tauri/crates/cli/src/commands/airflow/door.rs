//! The door by which a project's containers reach the agent: as it stands, else opened. A dry run opens none.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use dagpass_client::wire::{Container, ContainerAsk, ContainerPort};

use super::compose::Reach;
use super::files;
use crate::exit::Failure;
use crate::system;
use crate::world::World;

/// What stands in a dry run for the folder of a door that is not open yet.
const TO_COME: &str = "(the folder of the project's door, which is opened when this is written)";

/// Where a plan gets its project's door from.
pub(super) struct Doors<'a> {
    pub(super) world: &'a World,
    pub(super) dry_run: bool,
}

impl Doors<'_> {
    /// The project's door with whatever rules it was given; else a new one.
    pub(super) fn of(&self, project: &Path) -> Result<Container, Failure> {
        let name = project.display().to_string();
        let doors = self.world.ask(|agent| agent.containers())?.containers;
        let own = |door: &Container| !door.rules.remote && door.rules.project == name;
        if let Some(door) = doors.into_iter().find(own) {
            return Ok(door);
        }
        let port = (!system::SHARES_SOCKETS).then(|| ContainerPort {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            hosts: Vec::new(),
        });
        let uids = uids(&files::read_text(&project.join(".env"))?.unwrap_or_default());
        let ask = ContainerAsk { project: name, uids, port, ..ContainerAsk::default() };
        if self.dry_run {
            return Ok(to_come(ask));
        }
        self.world.ask(|agent| agent.open_container(&ask))
    }
}

fn to_come(rules: ContainerAsk) -> Container {
    let folder = TO_COME.to_owned();
    Container { id: String::new(), folder, socket: None, problem: None, rules, refused: Vec::new() }
}

/// `AIRFLOW_UID` of the project's `.env`, as Airflow's own compose file has it; else the usual ones.
fn uids(env_file: &str) -> Vec<u32> {
    let value = env_file.lines().find_map(|line| line.trim().strip_prefix("AIRFLOW_UID="));
    let uid = value.and_then(|value| value.trim().trim_matches(['"', '\'']).parse().ok());
    uid.filter(|uid| *uid != 0).into_iter().collect()
}

pub(super) fn reach(door: &Container) -> Reach<'_> {
    match &door.rules.port {
        None => Reach::Socket,
        Some(port) => Reach::Port {
            host: port.hosts.first().map_or("host.docker.internal", String::as_str),
            port: port.port,
            bridge: (!port.bind.is_loopback()).then(|| port.bind.to_string()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn airflow_s_uid_is_read_from_the_project_s_env() {
        assert_eq!(uids("A=1\nAIRFLOW_UID=1000\n"), [1000]);
        assert_eq!(uids("AIRFLOW_UID='50000'"), [50_000]);
        for none in ["", "AIRFLOW_UID=", "AIRFLOW_UID=0", "#AIRFLOW_UID=7"] {
            assert!(uids(none).is_empty(), "{none}");
        }
    }
}
