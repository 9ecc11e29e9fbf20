//! What happens in the agent, told to the page as it happens: one stream, on a thread of its own, taken
//! up again whenever it breaks. Decides when the agent counts as away; never starts one.

use std::time::Duration;

use dagpass_client::wire::{AgentEvent, ErrorReply};
use dagpass_client::{Agent, ClientError};
use serde::Serialize;
use tauri::{AppHandle, Emitter as _};

use crate::refusal::{refused, reply};

/// How soon is an agent looked for that was there a moment ago?
const SOON: Duration = Duration::from_millis(250);
/// And how seldom one that has been away for long?
const SELDOM: Duration = Duration::from_secs(4);

/// Of the event `agent`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Standing {
    Up,
    Down { reason: String },
}

pub(crate) fn begin(app: &AppHandle) -> std::io::Result<()> {
    let app = app.clone();
    let run = move || {
        let mut pause = SOON;
        let mut told = None;
        loop {
            let ended = follow(&app, &mut told, &mut pause);
            tell(&app, &mut told, Standing::Down { reason: words(&ended) });
            std::thread::sleep(pause);
            pause = (pause * 2).min(SELDOM);
        }
    };
    std::thread::Builder::new().name("panel-follow".to_owned()).spawn(run).map(drop)
}

/// Until the stream ends, and why it did.
fn follow(app: &AppHandle, told: &mut Option<Standing>, pause: &mut Duration) -> ErrorReply {
    let events = Agent::find(None).and_then(|agent| agent.events());
    let events = match events {
        Ok(events) => events,
        Err(ClientError::Refused { reply, status: 404 }) => {
            let hint = "the running agent is older than the window: run `dagpass agent restart`";
            return ErrorReply { hint: Some(hint.to_owned()), ..reply };
        }
        Err(error) => return refused(error),
    };
    for event in events {
        match event {
            Ok(event) => {
                *pause = SOON;
                tell(app, told, Standing::Up);
                pass_on(app, event);
            }
            Err(error) => return refused(error),
        }
    }
    reply("agent_not_running", "the agent has stopped")
}

/// Only a page that has gone does not hear it.
fn pass_on(app: &AppHandle, event: AgentEvent) {
    match event {
        AgentEvent::Status { status } => drop(app.emit("status", status)),
        AgentEvent::Record { record } => drop(app.emit("record", record)),
        AgentEvent::Missed => drop(app.emit("missed", ())),
        AgentEvent::Beat => {}
    }
}

fn tell(app: &AppHandle, told: &mut Option<Standing>, now: Standing) {
    if told.as_ref() != Some(&now) {
        drop(app.emit("agent", &now));
        *told = Some(now);
    }
}

fn words(reply: &ErrorReply) -> String {
    match &reply.hint {
        Some(hint) => format!("{}: {hint}", reply.error_description),
        None => reply.error_description.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_reads_the_agent_s_standing_as_the_contract_has_it() {
        let json = |standing| serde_json::to_value::<Standing>(standing).unwrap();
        assert_eq!(json(Standing::Up), serde_json::json!({"state": "up"}));
        assert_eq!(
            json(Standing::Down { reason: "no agent".to_owned() }),
            serde_json::json!({"state": "down", "reason": "no agent"})
        );
    }
}
