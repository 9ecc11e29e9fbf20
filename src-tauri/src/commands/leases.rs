//! What was handed out to whom, taking it back, and signing out of all of it. Which lease is whose to end is
//! the agent's to say.

use dagpass_client::wire::{LeaseList, LeaseRevokeAsk, LeaseRevokeReply, SignOutAsk, SignOutReply};

use super::{Answer, ask};

#[tauri::command]
pub(crate) async fn leases() -> Answer<LeaseList> {
    ask(|agent| agent.leases()).await
}

#[tauri::command]
pub(crate) async fn revoke_lease(id: String) -> Answer<LeaseRevokeReply> {
    let which = LeaseRevokeAsk { id: Some(id), ..LeaseRevokeAsk::default() };
    ask(move |agent| agent.revoke_leases(&which)).await
}

#[tauri::command]
pub(crate) async fn sign_out_everywhere() -> Answer<SignOutReply> {
    ask(|agent| agent.sign_out(&SignOutAsk { all: true, ..SignOutAsk::default() })).await
}
