//! A no, as the page reads it: code, words, cause and hint. Decides what helps where the agent itself
//! could not say.

use dagpass_client::ClientError;
use dagpass_client::wire::ErrorReply;

pub(crate) fn reply(code: &str, what: impl Into<String>) -> ErrorReply {
    ErrorReply {
        error: code.to_owned(),
        error_description: what.into(),
        cause: None,
        hint: None,
        approval: None,
    }
}

pub(crate) fn refused(error: ClientError) -> ErrorReply {
    let text = error.to_string();
    let away = |cause: String, hint: &str| ErrorReply {
        cause: Some(cause),
        hint: Some(hint.to_owned()),
        ..reply("agent_not_running", "no agent is running")
    };
    match error {
        ClientError::Refused { reply, .. } => reply,
        ClientError::NotRunning { tried } => {
            away(format!("nobody listens at {}", tried.join(" or ")), "start the agent")
        }
        ClientError::Launch(why) => away(why, "run `dagpass agent run` to see what it says"),
        ClientError::Io(_) | ClientError::TimedOut { .. } => {
            let hint = Some("run `dagpass agent restart`".to_owned());
            ErrorReply { hint, ..reply("agent_unreachable", text) }
        }
        ClientError::Protocol(_) => {
            let hint = "the agent may be older than the window: run `dagpass agent restart`";
            ErrorReply { hint: Some(hint.to_owned()), ..reply("protocol", text) }
        }
        ClientError::ForeignHome(home) => {
            ErrorReply { hint: Some(home.hint()), ..reply("foreign_home", text) }
        }
        ClientError::Untrusted { .. } => reply("untrusted", text),
        ClientError::Place(_) | ClientError::NoPanel | ClientError::Panel(_) => {
            reply("no_place", text)
        }
    }
}
