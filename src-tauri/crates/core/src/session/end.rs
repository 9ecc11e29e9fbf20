//! Why a session ended, and how that is said.

use crate::answers::in_words;
use crate::time::Timestamp;

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The server refused the refresh token.
    Rejected { error: String, description: String },
    /// A rotation was sent, its answer never came, and the old token is dead.
    LostInRotation { since: Timestamp },
    /// The server never gave a refresh token, and the access token is over.
    NoRefreshToken,
    /// A refresh answered for somebody else.
    SubjectChanged { now: String },
    /// A sign-in was received, and the agent ended before it was judged.
    BrokeOff { cause: String },
    /// The config would send its tokens to a host that the sign-in never knew. The record stays, and no
    /// token of it leaves: mend the config, and it lives on.
    Elsewhere { was: String, is: String },
}

impl EndReason {
    /// The clause that follows "you must sign in again:".
    pub fn sentence(&self) -> String {
        match self {
            Self::Rejected { error, description } => {
                format!("Ping refused the refresh token ({})", in_words(error, description))
            }
            Self::LostInRotation { .. } => {
                "lost in rotation: Ping's answer to a refresh never arrived, and the refresh token it replaced is refused"
                    .to_owned()
            }
            Self::NoRefreshToken => {
                "Ping gave no refresh token at sign-in, and the access token has expired".to_owned()
            }
            Self::SubjectChanged { now } => {
                format!("the last refresh was answered for another person (`{now}`)")
            }
            Self::BrokeOff { cause } => {
                format!("the last sign-in broke off before it was checked: {cause}")
            }
            Self::Elsewhere { was, is } => {
                format!("the config sends its token to another host (was {was}, is {is})")
            }
        }
    }
}
