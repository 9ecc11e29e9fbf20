//! Trying it without a tenant: the stage, an embedded Ping look-alike, runs beside the agent as a
//! program of its own, where it is installed. Decides when it is started; the agent never knows.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use dagpass_client::wire::{ConfigEdit, DiscoverAsk, ErrorReply, SignInAsk};
use dagpass_client::{Agent, launch};
use serde::Deserialize;
use serde_json::json;

use super::{Answer, aside, sign_in};
use crate::refusal::{refused, reply};

const PROFILE: &str = "sandbox";
/// How long does it run? A day of trying.
const MINUTES: &str = "480";
/// Who signs in there, by themselves.
const PERSON: &str = "alice";

/// What the stage says of itself, in its first line.
#[derive(Debug, Deserialize)]
struct Told {
    issuer: String,
    client_id: String,
}

#[tauri::command]
pub(crate) async fn start_sandbox() -> Answer<()> {
    aside(|| {
        let agent = Agent::find(None).map_err(refused)?;
        if !agent.answers().map_err(refused)? {
            launch::start(&agent).map_err(refused)?;
        }
        if !still_runs(&agent) {
            write_profile(&agent, &start()?)?;
        }
        sign_in::through(SignInAsk {
            profile: Some(PROFILE.to_owned()),
            flow: Some("device".to_owned()),
            ..SignInAsk::default()
        })
    })
    .await
}

/// One of an earlier click may still be there.
fn still_runs(agent: &Agent) -> bool {
    let Ok(status) = agent.status() else { return false };
    let profile = status.profiles.into_iter().find(|profile| profile.name == PROFILE);
    profile.is_some_and(|profile| {
        let ask = DiscoverAsk { url: profile.issuer, ..DiscoverAsk::default() };
        agent.discover(&ask).is_ok()
    })
}

fn start() -> Answer<Told> {
    let Some(program) = launch::sandbox_program() else {
        return Err(ErrorReply {
            hint: Some(
                "the package `dagpass-panel` brings it; in the source tree run `cargo demo`"
                    .to_owned(),
            ),
            ..reply("not_available", "the sandbox is not installed")
        });
    };
    let failed = |cause: String| ErrorReply {
        cause: Some(cause),
        ..reply("server_error", "the sandbox did not start")
    };
    let mut command = Command::new(program);
    command.args(["--family", "pingone", "--at-ttl", "300", "--minutes", MINUTES]);
    command.args(["--auto-approve", PERSON]).stdin(Stdio::null());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = child.map_err(|error| failed(error.to_string()))?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).map_err(|error| failed(error.to_string()))?;
    }
    serde_json::from_str(&line).map_err(|_| failed("it does not say where it is".to_owned()))
}

fn write_profile(agent: &Agent, told: &Told) -> Answer<()> {
    let of = |name: &str| format!("profile.{PROFILE}.{name}");
    let set = BTreeMap::from([
        (of("issuer"), json!(told.issuer)),
        (of("client-id"), json!(told.client_id)),
        (of("scopes"), json!(["openid", "profile"])),
    ]);
    let edit = ConfigEdit { set, ..ConfigEdit::default() };
    agent.edit_config(&edit).map(drop).map_err(refused)
}
