//! The override's text: one anchor with what every service gets, and a line for each. Pure.

use std::path::Path;

use dagpass_client::wire::MOUNT;

/// Where the wheel is mounted.
const WHEELS: &str = "/opt/dagpass";

/// What is wired, to whom, and how.
#[derive(Debug)]
pub(super) struct Wiring<'a> {
    pub(super) services: &'a [String],
    /// Who is asked for connections, and who next.
    pub(super) backends: &'a [(String, String)],
    /// The door's folder.
    pub(super) folder: &'a str,
    pub(super) reach: Reach<'a>,
    pub(super) env: Option<&'a str>,
    /// What the services have installed at their start already, as the compose file writes it.
    pub(super) requirements: &'a str,
    pub(super) wheel: &'a Path,
}

/// How a service comes to the agent.
#[derive(Debug)]
pub(in crate::commands::airflow) enum Reach<'a> {
    Socket,
    /// `bridge`: the address that the host's name must stand for, where the engine does not say so.
    Port {
        host: &'a str,
        port: u16,
        bridge: Option<String>,
    },
}

pub(super) fn override_file(wiring: &Wiring<'_>) -> String {
    format!(
        "# Written by `dagpass airflow setup --for compose`; with `--undo` it goes again.\n{}",
        block(wiring)
    )
}

/// The same without the first line, for an override that is there.
pub(super) fn block(wiring: &Wiring<'_>) -> String {
    let mut text = String::from("x-dagpass: &dagpass\n  environment:\n");
    for (name, value) in environment(wiring) {
        text += &format!("    {name}: {}\n", quoted(&value));
    }
    text += "  volumes:\n";
    text += &mount(wiring.folder, MOUNT);
    text += &mount(&wiring.wheel.display().to_string(), &installed(wiring.wheel));
    text += &bridge(&wiring.reach);
    text += &taken(wiring.services);
    text
}

/// The door alone, for services that have their settings from elsewhere.
pub(in crate::commands::airflow) fn door_alone(
    services: &[String],
    folder: &str,
    reach: &Reach<'_>,
) -> String {
    let mut text = String::from("x-dagpass: &dagpass\n  volumes:\n");
    text += &mount(folder, MOUNT);
    text += &bridge(reach);
    text += &taken(services);
    text
}

fn bridge(reach: &Reach<'_>) -> String {
    match reach {
        Reach::Port { host, bridge: Some(address), .. } => {
            format!("  extra_hosts:\n    - {}\n", quoted(&format!("{host}:{address}")))
        }
        Reach::Port { .. } | Reach::Socket => String::new(),
    }
}

fn taken(services: &[String]) -> String {
    let each = services.iter().map(|service| format!("  {service}:\n    <<: *dagpass\n"));
    format!("services:\n{}", each.collect::<String>())
}

/// How the provider inside is told where the agent is.
pub(in crate::commands::airflow) fn reached(reach: &Reach<'_>) -> (&'static str, String) {
    match reach {
        Reach::Socket => ("DAGPASS_SOCKET", format!("{MOUNT}/agent.sock")),
        Reach::Port { host, port, .. } => ("DAGPASS_TCP", format!("{host}:{port}")),
    }
}

fn environment(wiring: &Wiring<'_>) -> Vec<(String, String)> {
    let place = reached(&wiring.reach);
    let wheel = format!("{} {}", wiring.requirements, installed(wiring.wheel));
    let env = wiring.env.map(|env| ("DAGPASS_ENV", env.replace('$', "$$")));
    let ours = [place, ("_PIP_ADDITIONAL_REQUIREMENTS", wheel)].into_iter().chain(env);
    let ours = ours.map(|(name, value)| (name.to_owned(), value));
    wiring.backends.iter().cloned().chain(ours).collect()
}

fn installed(wheel: &Path) -> String {
    let name = wheel.file_name().unwrap_or_default().to_string_lossy();
    format!("{WHEELS}/{name}")
}

/// Read-only, and an error where the source is gone: compose would else make it, as root's.
fn mount(source: &str, target: &str) -> String {
    format!(
        "    - type: bind\n      source: {}\n      target: {}\n      read_only: true\n      \
         bind:\n        create_host_path: false\n",
        quoted(&source.replace('$', "$$")),
        quoted(target)
    )
}

/// JSON's strings are YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
