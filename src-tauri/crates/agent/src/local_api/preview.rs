//! `POST /v1/config/preview`: a config that somebody hands out, fetched where it is a URL, and what is
//! wrong with it. Writes nothing.

use dagpass_client::wire::ConfigPreviewAsk;
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::ports::TokenFailure;

use super::reply::{self, Reply};
use super::{Api, Asked};
use crate::config;

pub(super) async fn preview(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: ConfigPreviewAsk = asked.parse()?;
    let text = match ask.text {
        Some(text) => text,
        None => fetch(api, &ask.source, ask.ca_file).await?,
    };
    Ok(reply::json(&config::preview(text, &ask.source)))
}

async fn fetch(api: &Api, url: &str, ca_file: Option<String>) -> Result<String, Refusal> {
    let mut network = api.config.current().network.clone();
    network.ca_file = ca_file.map(Into::into).or(network.ca_file);
    api.ping.text(&network, url).await.map_err(|failure| {
        let (code, hint) = match &failure {
            TokenFailure::Unreachable { cause, .. } => (
                ErrorCode::TemporarilyUnavailable,
                cause.remedy.as_deref().unwrap_or("check the address, the network or the VPN"),
            ),
            _ => (ErrorCode::ServerError, "give the https address of the file itself"),
        };
        Refusal::new(code, format!("there is no config at {url}"))
            .because(failure.to_string())
            .hint(hint)
    })
}
