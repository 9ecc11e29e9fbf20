//! What a person is asked, and answers.

use super::{LIMIT, SLOW_LIMIT, of_id};
use crate::endpoint::Agent;
use crate::error::ClientError;
use crate::wire::{ApprovalAnswer, ApprovalList, ApprovalReply};

impl Agent {
    /// What a person is asked, and the answers that hold.
    pub fn approvals(&self) -> Result<ApprovalList, ClientError> {
        self.get("/v1/approvals", LIMIT)
    }

    /// The system may have the person prove who they are meanwhile.
    pub fn answer_approval(&self, id: &str, answer: &str) -> Result<ApprovalReply, ClientError> {
        let answer = ApprovalAnswer { answer: answer.to_owned() };
        self.post(&of_id("/v1/approvals/", id)?, &answer, SLOW_LIMIT)
    }

    pub fn revoke_approval(&self, id: &str) -> Result<(), ClientError> {
        self.delete("/v1/approvals/", id)
    }
}
