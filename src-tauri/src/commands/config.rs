//! The config: the agent reads, checks and writes it; here it only passes by.

use dagpass_client::preset::Preset;
use dagpass_client::wire::{ConfigEdit, ConfigReply, DiscoverAsk, DiscoverReply, ErrorReply};
use serde::Deserialize;

use super::{Answer, ask as of_agent};
use crate::refusal::reply;

#[tauri::command]
pub(crate) async fn config() -> Answer<ConfigReply> {
    of_agent(|agent| agent.config()).await
}

#[tauri::command]
pub(crate) async fn edit_config(edit: ConfigEdit) -> Answer<ConfigReply> {
    of_agent(move |agent| agent.edit_config(&edit)).await
}

#[tauri::command]
pub(crate) async fn save_config(text: String) -> Answer<ConfigReply> {
    of_agent(move |agent| {
        agent.put_config(&text)?;
        agent.config()
    })
    .await
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
