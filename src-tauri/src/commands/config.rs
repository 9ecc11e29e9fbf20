//! The config: the agent reads, checks and writes it; here it only passes by, without its logins.

use dagpass_client::ClientError;
use dagpass_client::preset::Preset;
use dagpass_client::wire::{ConfigEdit, ConfigReply, DiscoverAsk, DiscoverReply, ErrorReply};
use serde::Deserialize;

use super::{Answer, ask as of_agent};
use crate::logins;
use crate::refusal::reply;

#[tauri::command]
pub(crate) async fn config() -> Answer<ConfigReply> {
    of_agent(|agent| agent.config().map(logins::hidden)).await
}

#[tauri::command]
pub(crate) async fn edit_config(edit: ConfigEdit) -> Answer<ConfigReply> {
    of_agent(move |agent| agent.edit_config(&edit).map(logins::hidden)).await
}

/// `digest` is of the file that the page's text was made from.
#[tauri::command]
pub(crate) async fn save_config(text: String, digest: String) -> Answer<ConfigReply> {
    of_agent(move |agent| {
        let there = agent.config()?;
        // Of another file the agent says so; its logins are not this text's.
        let whole = if there.digest == digest {
            logins::put_back(&text, &there).map_err(no_login)?
        } else {
            text
        };
        agent.put_config(&whole, &ConfigReply { digest, ..ConfigReply::default() })?;
        agent.config().map(logins::hidden)
    })
    .await
}

fn no_login(line: usize) -> ClientError {
    let what = "`***` stands for a login that is not known at this address";
    let reply = ErrorReply {
        cause: Some(format!("line {line}: proxy: {what}")),
        hint: Some("type the login anew, or take `***@` out".to_owned()),
        ..reply("config_invalid", "the config was not taken")
    };
    ClientError::Refused { reply, status: 400 }
}

/// Where somebody signs in, as a person knows it, and how it is reached.
#[derive(Debug, Deserialize)]
pub(crate) struct Where {
    #[serde(flatten)]
    preset: Preset,
    #[serde(default)]
    ca_file: Option<String>,
    #[serde(default)]
    proxy: Option<String>,
}

#[tauri::command]
pub(crate) async fn discover(ask: Where) -> Answer<DiscoverReply> {
    let url = ask.preset.discovery_url().map_err(|error| ErrorReply {
        hint: Some("write https://…".to_owned()),
        ..reply("invalid_request", error.to_string())
    })?;
    let ask = DiscoverAsk { url, ca_file: ask.ca_file, proxy: ask.proxy };
    of_agent(move |agent| agent.discover(&ask)).await
}
