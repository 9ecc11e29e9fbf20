//! `GET` and `PUT /v1/agent/login-item`: whether the agent starts with the desktop.

use std::io;

use dagpass_client::login_item;
use dagpass_client::wire::{LoginItem, LoginItemAsk};
use dagpass_core::error::{ErrorCode, Refusal};

use super::Asked;
use super::reply::{self, Reply};

pub(super) async fn look() -> Result<Reply, Refusal> {
    apart(|| Ok(login_item::look())).await
}

pub(super) async fn set(asked: &Asked) -> Result<Reply, Refusal> {
    let LoginItemAsk { enabled } = asked.parse()?;
    apart(move || login_item::set(enabled)).await
}

/// It waits for files, and on Linux for `systemctl`.
async fn apart(
    work: impl FnOnce() -> io::Result<LoginItem> + Send + 'static,
) -> Result<Reply, Refusal> {
    let failed = |cause: String| {
        Refusal::new(ErrorCode::ServerError, "the start at login was not changed").because(cause)
    };
    let done =
        tokio::task::spawn_blocking(work).await.map_err(|ended| failed(ended.to_string()))?;
    done.map(|item| reply::json(&item)).map_err(|error| failed(error.to_string()))
}
