//! `dagpass agent`: run, start, stop, restart, pause, status of the daemon.

use std::ffi::OsString;
use std::process::{Command, ExitCode};
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Subcommand;
use dagpass_client::wire::AgentStatus;
use dagpass_client::{ClientError, launch, login_item as item};
use zeroize::Zeroizing;

use crate::exit::Failure;
use crate::world::{World, compare_version, home_is_ours};
use crate::{output, system};

/// How long may an agent take to save what it holds and end?
const STOP_LIMIT: Duration = Duration::from_secs(15);
const STOP_POLL: Duration = Duration::from_millis(20);

#[derive(Debug, Subcommand)]
pub(crate) enum Agent {
    /// Be the agent, in the foreground
    Run {
        /// Handed on to `dagpass-agent run`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Start it in the background
    Start,
    /// Stop it; sessions are kept
    Stop,
    /// Stop and start; sessions are kept
    Restart,
    /// Whether it runs, since when and where
    Status,
    /// Hand out no token and refresh nothing, until resumed
    Pause,
    /// Hand out tokens again
    Resume,
    /// Switch your own policy off for an hour, and say why: it is on the record, and the icon says so
    ///
    /// Repositories' policies are off with it. The machine's stays in force, and may forbid this.
    BreakGlass {
        /// Why
        #[arg(required_unless_present = "end")]
        reason: Option<String>,
        /// Switch it on again
        #[arg(long, conflicts_with = "reason")]
        end: bool,
    },
    /// Start it with the desktop, from the next login on
    Enable,
    /// No longer start it with the desktop
    Disable,
    /// Open the store: a passphrase comes by stdin, a keychain of the system asks by itself
    Unlock,
}

pub(crate) fn run(world: &World, command: Agent) -> Result<ExitCode, Failure> {
    match command {
        Agent::Run { args } => return foreground(world, &args),
        Agent::Start => start(world)?,
        Agent::Stop => stop(world)?,
        Agent::Restart => {
            match stop(world) {
                Err(failure) if failure.reply.error == "not_running" => {}
                stopped => stopped?,
            }
            start(world)?;
        }
        Agent::Status => status(world)?,
        Agent::Pause => paused(world, true)?,
        Agent::Resume => paused(world, false)?,
        Agent::BreakGlass { reason, .. } => break_glass(world, reason.as_deref())?,
        Agent::Enable => login_item(world, true)?,
        Agent::Disable => login_item(world, false)?,
        Agent::Unlock => unlock(world)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn foreground(world: &World, args: &[OsString]) -> Result<ExitCode, Failure> {
    let mut command = Command::new(launch::agent_program()?);
    command.arg("run").args(args);
    if let Some(place) = world.find()?.named_place() {
        command.env("DAGPASS_SOCKET", place.to_string());
    }
    let agent = world.find()?;
    let stop = Box::new(move || match agent.stop() {
        // It may end before its answer is out; one that is not there yet is asked again.
        Ok(()) | Err(_) => {}
    });
    system::become_program(command, stop)
        .map_err(|error| Failure::new("io", "the agent's program cannot be run").because(error))
}

fn start(world: &World) -> Result<(), Failure> {
    let agent = world.find()?;
    if agent.answers()? {
        output::say("the agent is running already");
        world.notice_config();
    } else {
        launch::start(&agent)?;
        output::say("the agent is running");
    }
    let about = world.ask_running(|agent| agent.status())?.agent;
    warnings(&about).iter().for_each(|warning| output::say(warning));
    Ok(())
}

fn break_glass(world: &World, reason: Option<&str>) -> Result<(), Failure> {
    let told = world.ask_running(|agent| agent.break_glass(reason))?;
    if world.json {
        return output::json(&told);
    }
    output::say(match told.until {
        Some(_) => {
            "your own policy is off for an hour: `dagpass agent break-glass --end` ends that"
        }
        None => "your own policy is in force",
    });
    Ok(())
}

/// It runs, and something keeps it from serving: one line each.
fn warnings(about: &AgentStatus) -> Vec<String> {
    let config = about.config_error.as_ref().map(|error| {
        let then =
            if about.config_state == "outdated" { "; the last good one is in force" } else { "" };
        format!("warning: the config is wrong: {error}{then}; run `dagpass config check`")
    });
    let store = about.store_detail.as_ref().filter(|_| about.store_state == "changed");
    let store = store.map(|detail| format!("warning: sessions are in {}: {detail}", about.store));
    config.into_iter().chain(store).collect()
}

pub(super) fn stop(world: &World) -> Result<(), Failure> {
    let agent = world.find()?;
    match agent.stop() {
        // It may end before its answer is out.
        Ok(()) | Err(ClientError::Protocol(_) | ClientError::Io(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let until = Instant::now() + STOP_LIMIT;
    while !agent.is_gone()? {
        if Instant::now() >= until {
            return Err(Failure::new("agent_unreachable", "the agent does not end"));
        }
        sleep(STOP_POLL);
    }
    output::say("the agent has stopped");
    Ok(())
}

fn status(world: &World) -> Result<(), Failure> {
    let agent = world.ask_running(|agent| agent.status())?.agent;
    compare_version(&agent.version);
    let item = item::look();
    if world.json {
        let mut shown = serde_json::to_value(&agent).unwrap_or_default();
        shown["login_item"] = serde_json::to_value(&item).unwrap_or_default();
        return output::json(&shown);
    }
    let at_login = if item.enabled {
        format!("\nstarts at login: {}", item.path)
    } else if item.available {
        "\ndoes not start at login: `dagpass agent enable`".to_owned()
    } else {
        String::new()
    };
    let since = crate::duration::show(crate::time::now() - agent.started_at);
    warnings(&agent).iter().for_each(|warning| output::say(warning));
    output::out(&format!(
        "running for {since}: {}, pid {}\nsocket {}\nTCP 127.0.0.1:{}{at_login}",
        agent.version, agent.pid, agent.socket, agent.tcp_port
    ))
}

/// By the files themselves: it needs no agent that runs.
fn login_item(world: &World, enabled: bool) -> Result<(), Failure> {
    if enabled {
        home_is_ours()?;
    }
    let item = item::set(enabled).map_err(|error| {
        Failure::new("not_available", "the start at login was not changed").because(error)
    })?;
    if world.json {
        return output::json(&item);
    }
    output::say(&match item.enabled {
        true => format!("the agent starts at login: {}", item.path),
        false => "the agent does not start at login".to_owned(),
    });
    Ok(())
}

/// Of an agent that runs: one that is started for it would have nothing to hand out yet.
fn paused(world: &World, paused: bool) -> Result<(), Failure> {
    world.ask_running(|agent| if paused { agent.pause() } else { agent.resume() })?;
    if world.json {
        return output::json(&serde_json::json!({ "paused": paused }));
    }
    output::say(match paused {
        true => "the agent is paused: `dagpass agent resume` has it hand out tokens again",
        false => "the agent hands out tokens",
    });
    Ok(())
}

/// A keychain of the system asks for itself what it wants to know.
fn unlock(world: &World) -> Result<(), Failure> {
    let asks = world.ask(|agent| agent.status())?.agent.store == "passphrase-file";
    let passphrase = if asks { passphrase("passphrase: ")? } else { Zeroizing::default() };
    let status = world.ask(|agent| agent.unlock(&passphrase))?;
    output::say(&format!("the store is {}", status.agent.store_state));
    Ok(())
}

/// From the terminal without showing it, else the first line of stdin.
pub(super) fn passphrase(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    let mut typed = Zeroizing::new(String::new());
    let read = if output::stdin_is_terminal() {
        let read = system::without_echo(|| {
            output::ask(prompt);
            std::io::stdin().read_line(&mut typed)
        });
        output::say("");
        read
    } else {
        std::io::stdin().read_line(&mut typed)
    };
    read.map_err(|error| Failure::new("io", "the passphrase cannot be read").because(error))?;
    Ok(Zeroizing::new(typed.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_that_runs_and_cannot_serve_says_why_in_a_line_each() {
        let about = |changes: serde_json::Value| {
            let mut about = serde_json::json!({
                "version": "0.1.0", "pid": 7, "started_at": 1, "socket": "/s", "tcp_port": 1,
                "paused": false, "store": "key-file", "store_state": "ok", "config_path": "/c.toml",
                "config_state": "in_force", "default_profile": null
            });
            let changes = changes.as_object().unwrap().clone();
            about.as_object_mut().unwrap().extend(changes);
            serde_json::from_value::<AgentStatus>(about).unwrap()
        };
        for (changes, said) in [
            (serde_json::json!({}), [].as_slice()),
            (
                serde_json::json!({"config_state": "wrong", "config_error": "/c.toml:3: x"}),
                &["warning: the config is wrong: /c.toml:3: x; run `dagpass config check`"],
            ),
            (
                serde_json::json!({"config_state": "outdated", "config_error": "/c.toml:3: x"}),
                &[concat!(
                    "warning: the config is wrong: /c.toml:3: x; the last good one is in force; ",
                    "run `dagpass config check`"
                )],
            ),
            (
                serde_json::json!({"store_state": "changed", "store_detail": "run `x`"}),
                &["warning: sessions are in key-file: run `x`"],
            ),
        ] {
            assert_eq!(warnings(&about(changes)), said);
        }
    }
}
