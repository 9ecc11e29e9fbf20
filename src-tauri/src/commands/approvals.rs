//! What a person is asked and answers. Whose an answer is to give is the agent's to say: it sees which
//! process this is.

use dagpass_client::wire::{ApprovalList, ApprovalReply};

use super::{Answer, ask};

#[tauri::command]
pub(crate) async fn approvals() -> Answer<ApprovalList> {
    ask(|agent| agent.approvals()).await
}

#[tauri::command]
pub(crate) async fn answer_approval(id: String, answer: String) -> Answer<ApprovalReply> {
    ask(move |agent| agent.answer_approval(&id, &answer)).await
}

#[tauri::command]
pub(crate) async fn revoke_approval(id: String) -> Answer<()> {
    ask(move |agent| agent.revoke_approval(&id)).await
}
