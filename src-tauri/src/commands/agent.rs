//! The agent itself: started, paused, opened, and whether it starts with the desktop.

use dagpass_client::launch;
use dagpass_client::wire::LoginItem;
use zeroize::Zeroizing;

use super::{Answer, ask};

#[tauri::command]
pub(crate) async fn start_agent() -> Answer<()> {
    ask(|agent| if agent.answers()? { Ok(()) } else { launch::start(agent) }).await
}

#[tauri::command]
pub(crate) async fn unlock(passphrase: String) -> Answer<()> {
    let passphrase = Zeroizing::new(passphrase);
    ask(move |agent| agent.unlock(&passphrase).map(drop)).await
}

#[tauri::command]
pub(crate) async fn pause() -> Answer<()> {
    ask(|agent| agent.pause()).await
}

#[tauri::command]
pub(crate) async fn resume() -> Answer<()> {
    ask(|agent| agent.resume()).await
}

#[tauri::command]
pub(crate) async fn login_item() -> Answer<LoginItem> {
    ask(|agent| agent.login_item()).await
}

#[tauri::command]
pub(crate) async fn set_login_item(enabled: bool) -> Answer<LoginItem> {
    ask(move |agent| agent.set_login_item(enabled)).await
}
