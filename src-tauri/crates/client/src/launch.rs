//! Starting an agent where none runs. Decides what it inherits from its first caller: a cleaned
//! environment and nothing else; never gives it a capability, a working directory or an open file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::endpoint::Agent;
use crate::error::ClientError;
use crate::instance::TAKEN;
use crate::{limited, owner, place, system};

/// How long may an agent take until its socket answers?
const START_LIMIT: Duration = Duration::from_secs(5);
/// How often do we look?
const START_POLL: Duration = Duration::from_millis(10);
/// An agent that ends at once may have lost a race: how long may the winner take to listen?
const RACE_LIMIT: Duration = Duration::from_millis(500);

/// Starts `dagpass-agent run` and waits until `agent` can be reached.
pub fn start(agent: &Agent) -> Result<(), ClientError> {
    if let Some(home) = owner::foreign_home() {
        return Err(home.into());
    }
    let program = agent_program()?;
    let mut env = cleaned(std::env::vars_os());
    if let Some(place) = agent.named_place() {
        env.insert("DAGPASS_SOCKET".into(), place.to_string().into());
    }
    let names: Vec<&str> = env.keys().filter_map(|name| name.to_str()).collect();
    if let Some(mut service) = system::service_command(&program, &names) {
        service.env_clear().envs(&env).stdin(Stdio::null()).stdout(Stdio::null());
        service.stderr(Stdio::null());
        let started = limited::status(&mut service, limited::SERVICE_LIMIT);
        if started.is_ok_and(|status| status.success()) && wait(agent, None)? {
            return Ok(());
        }
    }
    let log = place::state_dir()?.join("agent.log");
    let until = Instant::now() + START_LIMIT;
    loop {
        let mut child = spawn(&program, &env, &log)?;
        if wait(agent, Some(&mut child))? {
            return Ok(());
        }
        // Whoever has the lock and answers nobody is on its way out: the next one may take it.
        if Instant::now() >= until || !lost(&mut child)? {
            break;
        }
    }
    let why = last_line(&log)
        .unwrap_or_else(|| format!("it did not listen within {} seconds", START_LIMIT.as_secs()));
    Err(ClientError::Launch(why))
}

/// Beside our own program, else by `PATH`.
pub fn agent_program() -> Result<PathBuf, ClientError> {
    program("dagpass-agent").ok_or_else(|| {
        let what = "`dagpass-agent` is neither beside `dagpass` nor on the PATH";
        ClientError::Launch(what.to_owned())
    })
}

/// The window, where it is installed.
pub fn panel_program() -> Option<PathBuf> {
    program("dagpass-panel")
}

/// The stage for people without a tenant, where it is installed: nobody types its name, so a package
/// keeps it away from the commands.
pub fn sandbox_program() -> Option<PathBuf> {
    program("dagpass-sandbox").or_else(|| {
        let ours = std::env::current_exe().ok()?;
        let kept = ours.parent()?.parent()?.join("libexec/dagpass/dagpass-sandbox");
        kept.is_file().then_some(kept)
    })
}

fn program(name: &str) -> Option<PathBuf> {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let ours = std::env::current_exe().ok();
    let beside = ours.and_then(|ours| Some(ours.parent()?.join(&name)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(&name));
    beside.into_iter().chain(on_path).find(|file| file.is_file())
}

fn spawn(
    program: &Path,
    env: &BTreeMap<OsString, OsString>,
    log: &Path,
) -> Result<Child, ClientError> {
    if let Some(folder) = log.parent() {
        system::create_private_folder(folder).map_err(|error| owner::named(folder, error))?;
    }
    let log = system::create_private(log).map_err(|error| owner::named(log, error))?;
    let mut command = Command::new(program);
    command.arg("run").env_clear().envs(env).stdin(Stdio::null());
    command.stdout(log.try_clone()?).stderr(log);
    system::detach(&mut command)?;
    command.spawn().map_err(|error| ClientError::Launch(format!("{}: {error}", program.display())))
}

/// Waits for the socket; gives up early once the child has ended and nobody else listens.
fn wait(agent: &Agent, mut child: Option<&mut Child>) -> Result<bool, ClientError> {
    let mut until = Instant::now() + START_LIMIT;
    let mut ended = false;
    loop {
        match agent.answers() {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            // The one before, on its way out.
            Err(error) if error.is_busy() => {}
            Err(error) => return Err(error),
        }
        if Instant::now() >= until {
            return Ok(false);
        }
        let gone =
            !ended && matches!(child.as_mut().map(|child| child.try_wait()), Some(Ok(Some(_))));
        if gone {
            ended = true;
            until = until.min(Instant::now() + RACE_LIMIT);
        }
        sleep(START_POLL);
    }
}

/// Did it end because another agent has the home?
fn lost(child: &mut Child) -> Result<bool, ClientError> {
    Ok(child.try_wait()?.is_some_and(|status| status.code() == Some(TAKEN.into())))
}

/// What an agent may know of the shell that happened to start it.
fn cleaned(env: impl Iterator<Item = (OsString, OsString)>) -> BTreeMap<OsString, OsString> {
    env.filter(|(name, _)| name.to_str().is_some_and(is_kept)).collect()
}

fn is_kept(name: &str) -> bool {
    const KEPT: [&str; 15] = [
        "HOME",
        "PATH",
        "USER",
        "LOGNAME",
        "LANG",
        "TZ",
        "DBUS_SESSION_BUS_ADDRESS",
        "DISPLAY",
        "WAYLAND_DISPLAY",
        "XAUTHORITY",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
        "BROWSER",
    ];
    /// Without these no Windows program finds its libraries or folders.
    const KEPT_ON_WINDOWS: [&str; 10] = [
        "SYSTEMROOT",
        "SYSTEMDRIVE",
        "WINDIR",
        "USERPROFILE",
        "APPDATA",
        "LOCALAPPDATA",
        "USERNAME",
        "TEMP",
        "TMP",
        "COMSPEC",
    ];
    let upper = name.to_ascii_uppercase();
    let proxy = upper.ends_with("_PROXY") && KEPT.contains(&upper.as_str());
    let windows = cfg!(windows)
        && (KEPT.contains(&upper.as_str()) || KEPT_ON_WINDOWS.contains(&upper.as_str()));
    KEPT.contains(&name)
        || proxy
        || windows
        || ["SSL_CERT_FILE", "SSL_CERT_DIR"].contains(&name)
        || name.starts_with("LC_")
        || name.starts_with("XDG_")
        || (name.starts_with("DAGPASS_") && name != "DAGPASS_CAPABILITY")
}

pub(crate) fn last_line(log: &Path) -> Option<String> {
    let text = std::fs::read(log).ok()?;
    let text = String::from_utf8_lossy(&text);
    text.lines().rev().find(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn the_agent_inherits_its_session_and_no_more() {
        let kept = [
            "HOME",
            "PATH",
            "LC_ALL",
            "XDG_RUNTIME_DIR",
            "DISPLAY",
            "https_proxy",
            "NO_PROXY",
            "SSL_CERT_FILE",
            "DAGPASS_CONFIG",
        ];
        let dropped = [
            "DAGPASS_CAPABILITY",
            "RUST_LOG",
            "SSLKEYLOGFILE",
            "AWS_SECRET_ACCESS_KEY",
            "LD_PRELOAD",
            "SSH_CONNECTION",
            "AIRFLOW_HOME",
            "MY_PROXY",
            // Windows knows no difference between this and the real one.
            if cfg!(windows) { "house" } else { "home" },
        ];
        let pairs = kept.iter().chain(&dropped).map(|name| ((*name).into(), "x".into()));
        let env = cleaned(pairs);
        for name in kept {
            assert!(env.contains_key(OsStr::new(name)), "{name}");
        }
        for name in dropped {
            assert!(!env.contains_key(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn the_last_line_of_a_log_is_what_the_agent_said_last() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "starting\nerror: no keychain\n\n").unwrap();
        assert_eq!(last_line(file.path()).as_deref(), Some("error: no keychain"));
        std::fs::write(file.path(), "\n").unwrap();
        assert_eq!(last_line(file.path()), None);
    }
}
