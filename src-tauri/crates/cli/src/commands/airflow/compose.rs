//! `dagpass airflow setup --for compose`: writes `docker-compose.override.yml`, which mounts the
//! project's door into every service that runs Airflow's code. Never touches docker-compose.yaml, a
//! Dockerfile, or an override that is somebody's: that one's owner is shown the block to paste.

mod former;
mod services;
mod text;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use dagpass_client::wire::{Container, ContainerAsk, ContainerPort};

use super::layout::Layout;
use super::receipt::{Change, Receipt};
use super::{files, setup, wheel};
use crate::exit::Failure;
use crate::world::World;
use crate::{output, system};
use services::Service;
use text::{Reach, Wiring};

/// What compose reads, in the order in which it looks.
const BASES: [&str; 4] =
    ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];

#[derive(Debug, Args)]
pub(crate) struct Compose {
    /// compose: the services that run Airflow's code, where they cannot be told; repeat for several
    #[arg(long, value_name = "NAME", requires = "layout")]
    service: Vec<String>,
    /// compose: another wheel of the provider than the one that is part of this program
    #[arg(long, value_name = "PATH", requires = "layout")]
    wheel: Option<PathBuf>,
}

pub(super) fn run(
    world: &World,
    args: &Compose,
    env: Option<&str>,
    (project, state): (&Path, &Path),
) -> Result<(), Failure> {
    let (base, text) = base(project)?;
    let file = beside(&base);
    let services = chosen(args, &text)?;
    let backends = former::variables(project, &text)?;
    let receipt = Receipt::new(state, Layout::Compose.name(), project);
    let earlier = receipt.earlier()?;
    let (wheel, ours) = match &args.wheel {
        Some(given) => (theirs(given)?, None),
        None => {
            let path = receipt.beside(WHEELS).join(wheel::NAME);
            let change = Change { path, before: None, after: wheel::BYTES.to_vec() };
            (change.path.clone(), Some(change))
        }
    };
    let door = door(world, project)?;
    let wiring = Wiring {
        services: &services,
        backends: &backends,
        folder: &door.folder,
        reach: reach(&door),
        env,
        wheel: &wheel,
    };
    let new = text::override_file(&wiring).into_bytes();
    let before = match &earlier {
        Some(earlier) => earlier.base(&file)?,
        None => files::read(&file)?,
    };
    if before.is_some() {
        output::out(&text::block(&wiring))?;
        return Err(Failure::new("conflict", format!("{} is there already", file.display()))
            .because("it would lose its comments if it were taken apart")
            .hint("paste the block above into it, or move it away"));
    }
    let written = Change { path: file.clone(), before, after: new };
    let changes: Vec<Change> = ours.into_iter().chain([written]).collect();
    let mut same = earlier.as_ref().is_some_and(|earlier| earlier.files.len() == changes.len());
    for change in &changes {
        same &= files::read(&change.path)?.as_ref() == Some(&change.after);
    }
    if same {
        return setup::report(world, "unchanged", &[&file]);
    }
    if let Some(mut earlier) = earlier {
        earlier.restore()?;
    }
    receipt.write(&changes)?;
    if args.wheel.is_none() {
        let readable = system::readable_by_all(&wheel);
        readable.map_err(|error| files::cannot_write(&wheel, error))?;
    }
    setup::report(world, "written", &[&file])
}

/// The file that compose would take in the project's folder.
fn base(project: &Path) -> Result<(PathBuf, String), Failure> {
    let base = BASES.iter().map(|name| project.join(name)).find(|path| path.exists());
    let Some(base) = base else {
        return Err(Failure::new(
            "not_found",
            format!("{} has no compose file", project.display()),
        )
        .hint("go to the folder with docker-compose.yaml, or give --dir"));
    };
    let text = fs::read_to_string(&base).map_err(|error| {
        Failure::new("not_found", format!("{} cannot be read", base.display()))
            .because(dagpass_client::owner::why(&base, &error))
    })?;
    Ok((base, text))
}

/// The override that compose takes with this base: one that is there under any of its names, else ours.
fn beside(base: &Path) -> PathBuf {
    let name = base.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.split('.').next().unwrap_or_default();
    let named = |end: &str| base.with_file_name(format!("{stem}.override.{end}"));
    Some(named("yaml")).filter(|path| path.exists()).unwrap_or_else(|| named("yml"))
}

fn chosen(args: &Compose, text: &str) -> Result<Vec<String>, Failure> {
    if !args.service.is_empty() {
        return Ok(args.service.clone());
    }
    let found = services::of_airflow(text);
    let (as_root, wired): (Vec<Service>, Vec<Service>) =
        found.into_iter().partition(|service| service.as_root);
    for service in as_root {
        output::say(&format!("note: {} runs as root and is left as it is", service.name));
    }
    if wired.is_empty() {
        return Err(Failure::new(
            "not_found",
            "no service here is Airflow's, as far as can be told",
        )
        .hint("name them: `--service NAME`"));
    }
    Ok(wired.into_iter().map(|service| service.name).collect())
}

/// Where the wheel goes that is part of this program, one for each project.
const WHEELS: &str = "airflow-wheels";

fn theirs(given: &Path) -> Result<PathBuf, Failure> {
    let named = given.extension().is_some_and(|end| end == "whl");
    let found = fs::canonicalize(given).ok().filter(|path| named && path.is_file());
    found.ok_or_else(|| Failure::usage(format!("{} is no wheel", given.display())))
}

/// The project's door as it stands, with whatever rules it was given; else a new one.
fn door(world: &World, folder: &Path) -> Result<Container, Failure> {
    let project = folder.display().to_string();
    let doors = world.ask(|agent| agent.containers())?.containers;
    let own = |door: &Container| !door.rules.remote && door.rules.project == project;
    if let Some(door) = doors.into_iter().find(own) {
        return Ok(door);
    }
    let port = (!system::SHARES_SOCKETS).then(|| ContainerPort {
        bind: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        port: 0,
        hosts: Vec::new(),
    });
    let uids = uids(&fs::read_to_string(folder.join(".env")).unwrap_or_default());
    let ask = ContainerAsk { project, uids, port, ..ContainerAsk::default() };
    world.ask(|agent| agent.open_container(&ask))
}

/// `AIRFLOW_UID` of the project's `.env`, as Airflow's own compose file has it; else the usual ones.
fn uids(env_file: &str) -> Vec<u32> {
    let value = env_file.lines().find_map(|line| line.trim().strip_prefix("AIRFLOW_UID="));
    let uid = value.and_then(|value| value.trim().trim_matches(['"', '\'']).parse().ok());
    uid.filter(|uid| *uid != 0).into_iter().collect()
}

fn reach(door: &Container) -> Reach<'_> {
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

    const STOCK: &str = include_str!("../../../../../../tests/cases/compose/docker-compose.yaml");
    const WRITTEN: &str =
        include_str!("../../../../../../tests/cases/compose/docker-compose.override.yml");

    #[test]
    fn the_override_of_airflow_s_own_compose_file_is_this_one() {
        let services = chosen(&Compose { service: Vec::new(), wheel: None }, STOCK).unwrap();
        let backends = former::variables(Path::new("/nowhere"), STOCK).unwrap();
        let wiring = Wiring {
            services: &services,
            backends: &backends,
            folder: "/home/ada $/.local/state/dagpass/containers/etl-0a1b2c3d",
            reach: Reach::Socket,
            env: Some("dev"),
            wheel: Path::new("/home/ada/airflow_provider_dagpass-0.1.0-py3-none-any.whl"),
        };
        let text = text::override_file(&wiring);
        assert_eq!(text, WRITTEN, "{text}");
    }

    #[test]
    fn a_port_is_named_to_the_services_and_a_bridge_gets_its_name_too() {
        let services = ["airflow-scheduler".to_owned()];
        let text = |bridge: Option<&str>| {
            let bridge = bridge.map(str::to_owned);
            let reach = Reach::Port { host: "host.docker.internal", port: 21_300, bridge };
            let wheel = Path::new("/w.whl");
            text::override_file(&Wiring {
                services: &services,
                backends: &[],
                folder: "/f",
                reach,
                env: None,
                wheel,
            })
        };
        let near = text(None);
        assert!(near.contains("DAGPASS_TCP: \"host.docker.internal:21300\""), "{near}");
        assert!(!near.contains("DAGPASS_SOCKET") && !near.contains("extra_hosts"), "{near}");
        let far = text(Some("172.17.0.1"));
        assert!(far.contains("- \"host.docker.internal:172.17.0.1\""), "{far}");
    }

    #[test]
    fn an_override_is_named_like_its_base_and_one_that_is_there_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let named = |name: &str| folder.path().join(name);
        for (base, name) in [
            ("docker-compose.yaml", "docker-compose.override.yml"),
            ("docker-compose.yml", "docker-compose.override.yml"),
            ("compose.yaml", "compose.override.yml"),
        ] {
            assert_eq!(beside(&named(base)), named(name));
        }
        fs::write(named("compose.override.yaml"), "").unwrap();
        assert_eq!(beside(&named("compose.yaml")), named("compose.override.yaml"));
    }

    #[test]
    fn airflow_s_uid_is_read_from_the_project_s_env() {
        assert_eq!(uids("A=1\nAIRFLOW_UID=1000\n"), [1000]);
        assert_eq!(uids("AIRFLOW_UID='50000'"), [50_000]);
        for none in ["", "AIRFLOW_UID=", "AIRFLOW_UID=0", "#AIRFLOW_UID=7"] {
            assert!(uids(none).is_empty(), "{none}");
        }
    }
}
