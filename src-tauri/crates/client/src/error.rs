//! What can go wrong between a client and the agent, by who is at fault.

use std::io;

use crate::owner::ForeignHome;
use crate::place::PlaceError;
use crate::wire::ErrorReply;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens at any place that was tried.
    #[error("no agent is running (tried {})", tried.join(", "))]
    NotRunning { tried: Vec<String> },
    /// Something is there, and it may belong to somebody else: nothing was sent.
    #[error("{path} is not to be trusted: {why}")]
    Untrusted { path: String, why: String },
    /// The agent answered, and said no.
    #[error("{}", reply.error_description)]
    Refused { reply: ErrorReply, status: u16 },
    #[error("the agent cannot be reached: {0}")]
    Io(#[from] io::Error),
    #[error("the agent did not answer within {seconds} seconds")]
    TimedOut { seconds: u64 },
    /// What came back is not an answer of the local API.
    #[error("the agent's answer makes no sense: {0}")]
    Protocol(String),
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Nothing is made in another user's home, and no agent is started for it.
    #[error(transparent)]
    ForeignHome(#[from] ForeignHome),
    /// The window is a package of its own, and it is not here.
    #[error("`dagpass-panel` is neither beside this program nor on the PATH")]
    NoPanel,
    /// The window was started and did not open.
    #[error("the window did not open: {0}")]
    Panel(String),
    /// An agent was started and did not come up.
    #[error("the agent did not start: {0}")]
    Launch(String),
}

impl ClientError {
    pub(crate) fn protocol(what: impl Into<String>) -> Self {
        Self::Protocol(what.into())
    }

    /// Somebody is there and took nobody in time; a socket says `WouldBlock` where its time runs out.
    pub(crate) fn is_busy(&self) -> bool {
        let kinds = [io::ErrorKind::TimedOut, io::ErrorKind::WouldBlock];
        matches!(self, Self::Io(error) if kinds.contains(&error.kind()))
    }

    /// The standard's code of a refusal.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { reply, .. } => Some(&reply.error),
            Self::NotRunning { .. }
            | Self::Untrusted { .. }
            | Self::Io(_)
            | Self::TimedOut { .. }
            | Self::Protocol(_)
            | Self::Place(_)
            | Self::ForeignHome(_)
            | Self::NoPanel
            | Self::Panel(_)
            | Self::Launch(_) => None,
        }
    }
}
