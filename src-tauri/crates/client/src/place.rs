//! Where the agent listens and its config lies; the folders of its files are [`folders`](crate::folders)'.
//! Decides places from the environment and a few facts of the system; never opens, makes or trusts
//! anything. The Python client passes the same table, `tests/cases/socket_places.json`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use directories::ProjectDirs;
use serde::Deserialize;

pub use crate::folders::state_dir;
use crate::system;
use crate::wire::{CAPABILITY_FILE, MOUNT};

/// The place for this process, from its own environment.
pub fn socket() -> Result<Place, PlaceError> {
    let env = environment();
    // Every `dagpass token` comes by here: what no place depends on is not looked up.
    let facts = if depends_on_facts(system::OS, &env) { system::facts() } else { Facts::default() };
    socket_place(system::OS, &env, &facts)
}

fn depends_on_facts(os: Os, env: &Environment) -> bool {
    set(env, "DAGPASS_SOCKET").is_none() && (os != Os::Linux || runtime_folder(env).is_none())
}

fn runtime_folder(env: &Environment) -> Option<&str> {
    set(env, "XDG_RUNTIME_DIR").filter(|path| path.starts_with('/'))
}

/// The table of places, pure.
pub fn socket_place(os: Os, env: &Environment, facts: &Facts) -> Result<Place, PlaceError> {
    if let Some(named) = set(env, "DAGPASS_SOCKET") {
        return named_place(os, named);
    }
    let path = match os {
        Os::Windows => return Ok(Place::Pipe(format!(r"\\.\pipe\dagpass-{}", facts.sid))),
        Os::MacOs => {
            format!("{}/Library/Application Support/dagpass/agent.sock", home(env, facts)?)
        }
        Os::Linux => linux_path(env, facts)?,
    };
    within_limit(os, path)
}

/// A place that somebody typed: a socket's absolute path, or a pipe's full name on Windows.
pub fn named_place(os: Os, named: &str) -> Result<Place, PlaceError> {
    match os {
        Os::Windows if is_pipe(named) => Ok(Place::Pipe(named.to_owned())),
        Os::Linux | Os::MacOs if named.starts_with('/') => within_limit(os, named.to_owned()),
        Os::Windows | Os::Linux | Os::MacOs => Err(PlaceError::NotAbsolute(named.to_owned())),
    }
}

/// As [`named_place`], for the system we run on.
pub fn named(named: &str) -> Result<Place, PlaceError> {
    named_place(system::OS, named)
}

/// What can be made again: the window's own files.
pub fn cache_dir() -> Result<PathBuf, PlaceError> {
    Ok(project_dirs()?.cache_dir().to_owned())
}

/// Where a running window listens for the next one, beside the agent's usual socket and never where
/// another agent was named: that folder may be anybody's.
pub fn panel_socket() -> Result<Place, PlaceError> {
    let mut env = environment();
    env.remove("DAGPASS_SOCKET");
    let facts = if depends_on_facts(system::OS, &env) { system::facts() } else { Facts::default() };
    match socket_place(system::OS, &env, &facts)? {
        Place::Socket(path) => {
            within_limit(system::OS, format!("{}", path.with_file_name("panel.sock").display()))
        }
        Place::Pipe(name) => Ok(Place::Pipe(format!("{name}-panel"))),
    }
}

/// `$DAGPASS_CONFIG`, else `config.toml` in the platform's config folder.
pub fn config_path() -> Result<PathBuf, PlaceError> {
    match std::env::var_os("DAGPASS_CONFIG").filter(|path| !path.is_empty()) {
        Some(path) => Ok(PathBuf::from(path)),
        None => Ok(project_dirs()?.config_dir().join("config.toml")),
    }
}

/// The TCP endpoint's file: beside the socket; a pipe has no folder, so then in the state folder.
pub fn endpoint_file(place: &Place) -> Result<PathBuf, PlaceError> {
    let folder = match place {
        Place::Socket(path) => path.parent().unwrap_or(Path::new("/")).to_owned(),
        Place::Pipe(_) => state_dir()?,
    };
    Ok(folder.join("endpoint.json"))
}

/// In a container: what it presents, where this is the socket of the folder mounted there. On any
/// other place files that are not ours are not trusted; [`MOUNT`] lies in a folder of root's.
pub fn mounted_capability(place: &Place) -> Option<PathBuf> {
    let mount = Path::new(MOUNT);
    let mounted = matches!(place, Place::Socket(path) if *path == mount.join("agent.sock"));
    mounted.then(|| mount.join(CAPABILITY_FILE))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Os {
    Linux,
    MacOs,
    Windows,
}

pub type Environment = BTreeMap<String, String>;

/// What only the system knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Facts {
    pub uid: u32,
    pub hostname: String,
    /// `/run/user/UID` is a folder and belongs to `uid`.
    pub run_user_dir_ours: bool,
    /// By the user database, for where `HOME` is not set.
    pub home: Option<String>,
    /// Windows: the user's security identifier.
    pub sid: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Socket(PathBuf),
    /// The full name, `\\.\pipe\…`.
    Pipe(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => path.display().fmt(f),
            Self::Pipe(name) => f.write_str(name),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    #[error("the socket's path has {length} bytes and this system takes {limit}: {path}")]
    PathTooLong { path: String, length: usize, limit: usize },
    #[error("`{0}` is no absolute socket path or pipe name")]
    NotAbsolute(String),
    #[error("the home folder is not known: HOME is not set")]
    NoHome,
}

fn linux_path(env: &Environment, facts: &Facts) -> Result<String, PlaceError> {
    if let Some(runtime) = runtime_folder(env) {
        return Ok(format!("{}/dagpass/agent.sock", runtime.trim_end_matches('/')));
    }
    if facts.run_user_dir_ours {
        return Ok(format!("/run/user/{}/dagpass/agent.sock", facts.uid));
    }
    let home = home(env, facts)?;
    Ok(format!("{home}/.local/state/dagpass/{}/agent.sock", host_folder(&facts.hostname)))
}

/// A home folder may be shared by several machines, so each has a folder; a name is never a path.
fn host_folder(hostname: &str) -> String {
    match hostname {
        "" | "." | ".." => "localhost".to_owned(),
        name => name.replace('/', "_"),
    }
}

fn within_limit(os: Os, path: String) -> Result<Place, PlaceError> {
    // `sun_path` has 108 bytes (macOS 104) and the last one is the terminating zero.
    let limit = if os == Os::MacOs { 103 } else { 107 };
    let length = path.len();
    if length > limit {
        return Err(PlaceError::PathTooLong { path, length, limit });
    }
    Ok(Place::Socket(PathBuf::from(path)))
}

fn home<'a>(env: &'a Environment, facts: &'a Facts) -> Result<&'a str, PlaceError> {
    let home = set(env, "HOME").or(facts.home.as_deref()).ok_or(PlaceError::NoHome)?;
    Ok(home.trim_end_matches('/'))
}

fn is_pipe(name: &str) -> bool {
    let start = r"\\.\pipe\";
    name.len() > start.len()
        && name.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

fn set<'a>(env: &'a Environment, name: &str) -> Option<&'a str> {
    env.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

fn environment() -> Environment {
    let names = ["DAGPASS_SOCKET", "XDG_RUNTIME_DIR", "HOME"];
    names
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
        .collect()
}

fn project_dirs() -> Result<ProjectDirs, PlaceError> {
    ProjectDirs::from("", "", "dagpass").ok_or(PlaceError::NoHome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Case {
        name: String,
        os: String,
        env: Environment,
        facts: Facts,
        expect: serde_json::Value,
    }

    #[test]
    fn every_case_of_the_shared_table_finds_its_place() {
        let table = include_str!("../../../../tests/cases/socket_places.json");
        let cases: Vec<serde_json::Value> = serde_json::from_str(table).unwrap();
        // The others are of folders.
        let cases = cases.into_iter().filter(|case| case.get("facts").is_some());
        let cases: Vec<Case> = cases.map(|case| serde_json::from_value(case).unwrap()).collect();
        assert!(cases.len() > 20);
        for case in cases {
            let os = match case.os.as_str() {
                "linux" => Os::Linux,
                "macos" => Os::MacOs,
                "windows" => Os::Windows,
                other => panic!("{other}"),
            };
            let facts = if depends_on_facts(os, &case.env) { case.facts } else { Facts::default() };
            let found = match socket_place(os, &case.env, &facts) {
                Ok(place @ Place::Socket(_)) => match mounted_capability(&place) {
                    None => serde_json::json!({ "socket": place.to_string() }),
                    Some(file) => {
                        // Joined with the other slash where this test runs on Windows.
                        let file = file.to_string_lossy().replace('\\', "/");
                        serde_json::json!({ "socket": place.to_string(), "capability": file })
                    }
                },
                Ok(Place::Pipe(name)) => serde_json::json!({ "pipe": name }),
                Err(PlaceError::PathTooLong { length, limit, .. }) => {
                    serde_json::json!({"error": "path_too_long", "length": length, "limit": limit})
                }
                Err(PlaceError::NotAbsolute(_)) => serde_json::json!({"error": "not_absolute"}),
                Err(PlaceError::NoHome) => serde_json::json!({"error": "no_home"}),
            };
            assert_eq!(found, case.expect, "{}", case.name);
        }
    }

    #[test]
    fn a_path_that_is_too_long_is_told_with_both_lengths() {
        let path = format!("/{}", "a".repeat(150));
        let error = named_place(Os::Linux, &path).unwrap_err().to_string();
        assert!(error.contains("151 bytes") && error.contains("takes 107"), "{error}");
    }

    #[test]
    fn the_endpoint_file_lies_beside_the_socket() {
        let place = Place::Socket("/run/user/1000/dagpass/agent.sock".into());
        assert_eq!(endpoint_file(&place), Ok("/run/user/1000/dagpass/endpoint.json".into()));
    }
}
