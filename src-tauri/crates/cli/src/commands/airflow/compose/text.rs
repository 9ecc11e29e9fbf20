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
    pub(super) wheel: &'a Path,
}

/// How a service comes to the agent.
#[derive(Debug)]
pub(super) enum Reach<'a> {
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
    if let Reach::Port { host, bridge: Some(address), .. } = &wiring.reach {
        text += &format!("  extra_hosts:\n    - {}\n", quoted(&format!("{host}:{address}")));
    }
    text += "services:\n";
    for service in wiring.services {
        text += &format!("  {service}:\n    <<: *dagpass\n");
    }
    text
}

fn environment(wiring: &Wiring<'_>) -> Vec<(String, String)> {
    let place = match &wiring.reach {
        Reach::Socket => ("DAGPASS_SOCKET", format!("{MOUNT}/agent.sock")),
        Reach::Port { host, port, .. } => ("DAGPASS_TCP", format!("{host}:{port}")),
    };
    // What the project asks for itself, by its `.env` or its shell, stays asked for.
    let wheel = format!("${{_PIP_ADDITIONAL_REQUIREMENTS:-}} {}", installed(wiring.wheel));
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
