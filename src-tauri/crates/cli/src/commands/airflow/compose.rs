//! `dagpass airflow setup --for compose`: `docker-compose.override.yml`, which mounts the project's door into
//! every service that runs Airflow's code. Never touches docker-compose.yaml, a Dockerfile, or an override
//! that is somebody's: that one's owner is shown the block to paste.

mod former;
mod services;
mod text;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::backend::Unwirable;
use super::layout::{Edit, Layout, Place, Plan};
use super::receipt::Receipt;
use super::{door, files, wheel};
use crate::exit::Failure;
use crate::output;
use services::Service;
use text::Wiring;

pub(super) use text::{Reach, door_alone, reached};

/// What compose reads, in the order in which it looks.
const BASES: [&str; 4] =
    ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];

#[derive(Clone, Debug, Args)]
pub(crate) struct Compose {
    /// compose and astro: the services that run Airflow's code, where they cannot be told; repeat for several
    #[arg(long, value_name = "NAME", requires = "layout")]
    pub(super) service: Vec<String>,
    /// compose: another wheel of the provider than the one that is part of this program
    #[arg(long, value_name = "PATH", requires = "layout")]
    wheel: Option<PathBuf>,
}

pub(super) fn plan(place: &Place<'_>) -> Result<Plan, Failure> {
    let project = files::real(&place.project)?;
    let (base, compose) = base(&project)?;
    let services = chosen(&place.compose.service, &compose)?;
    let backends = former::variables(&project, &compose)?;
    let requirements = former::requirements(&compose)?;
    let receipt = Receipt::new(&place.state, Layout::Compose.name(), &project);
    let mut edits = Vec::new();
    let wheel = match &place.compose.wheel {
        Some(given) => theirs(given)?,
        None => {
            let path = receipt.beside(WHEELS).join(wheel::NAME);
            edits.push(Edit::wheel(path.clone()));
            path
        }
    };
    let door = place.doors.of(&project)?;
    let wiring = Wiring {
        services: &services,
        backends: &backends,
        folder: &door.folder,
        reach: door::reach(&door),
        env: place.env.as_deref(),
        requirements: &requirements,
        wheel: &wheel,
    };
    edits.push(new_override(beside(&base), text::override_file(&wiring), text::block(&wiring)));
    Ok(Plan { target: project, edits, notes: Vec::new() })
}

/// A file that is there would lose its comments if it were taken apart: its owner gets the block.
pub(super) fn new_override(path: PathBuf, text: String, block: String) -> Edit {
    let rewrite = move |before: Option<&[u8]>| match before {
        None => Ok(text.clone().into_bytes()),
        Some(_) => Err(Unwirable::Paste(block.clone())),
    };
    Edit { path, rewrite: Box::new(rewrite), for_all: false }
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

fn chosen(named: &[String], text: &str) -> Result<Vec<String>, Failure> {
    if !named.is_empty() {
        return Ok(named.to_vec());
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

#[cfg(test)]
mod tests {
    use super::*;

    const STOCK: &str = include_str!("../../../../../../tests/cases/compose/docker-compose.yaml");
    const WRITTEN: &str =
        include_str!("../../../../../../tests/cases/compose/docker-compose.override.yml");

    #[test]
    fn the_override_of_airflow_s_own_compose_file_is_this_one() {
        let services = chosen(&[], STOCK).unwrap();
        let backends = former::variables(Path::new("/nowhere"), STOCK).unwrap();
        let wiring = Wiring {
            services: &services,
            backends: &backends,
            folder: "/home/ada $/.local/state/dagpass/containers/etl-0a1b2c3d",
            reach: Reach::Socket,
            env: Some("dev"),
            requirements: &former::requirements(STOCK).unwrap(),
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
                requirements: "six==1",
                wheel,
            })
        };
        let near = text(None);
        assert!(
            near.contains("_PIP_ADDITIONAL_REQUIREMENTS: \"six==1 /opt/dagpass/w.whl\""),
            "{near}"
        );
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
}
