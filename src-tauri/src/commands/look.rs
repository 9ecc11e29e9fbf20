//! Looking: what stands, what happened, what would be served. Nothing here changes anything, but that a
//! token may be fetched for `try_it`; it stays in the agent.

use dagpass_client::wire::{
    ActivityAsk, ActivityReply, ConnectionList, DoctorAsk, Finding, RolesAsk, RolesReply, Status,
    TryAsk, TryReply,
};

use super::{Answer, ask as of_agent};

#[tauri::command]
pub(crate) async fn status() -> Answer<Status> {
    of_agent(|agent| agent.status()).await
}

#[tauri::command]
pub(crate) async fn activity(query: ActivityAsk) -> Answer<ActivityReply> {
    of_agent(move |agent| agent.activity(&query)).await
}

#[tauri::command]
pub(crate) async fn airflow_connections() -> Answer<ConnectionList> {
    of_agent(|agent| agent.airflow_connections()).await
}

#[tauri::command]
pub(crate) async fn try_it(what: TryAsk) -> Answer<TryReply> {
    of_agent(move |agent| agent.try_it(&what)).await
}

#[tauri::command]
pub(crate) async fn roles(ask: RolesAsk) -> Answer<RolesReply> {
    of_agent(move |agent| agent.airflow_roles(&ask)).await
}

#[tauri::command]
pub(crate) async fn doctor() -> Answer<Vec<Finding>> {
    // The desktop's own, which the agent compares with those it was started with.
    let ask = DoctorAsk::of(|name| std::env::var(name).ok());
    of_agent(move |agent| agent.doctor(&ask)).await
}
