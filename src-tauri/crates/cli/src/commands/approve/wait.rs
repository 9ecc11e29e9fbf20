//! A command at a terminal waits for the person who is asked: in the tray, the window, or another terminal.
//! It asks again what it asked, and meets the answer.

use std::thread::sleep;
use std::time::Duration;

use dagpass_client::wire::ErrorReply;
use dagpass_client::{Agent, ClientError};

use super::words;
use crate::{output, time};

/// The agent's word for what a person has not answered yet.
pub(crate) const PENDING: &str = "approval_pending";
/// How long is one waited for, in seconds, where it does not show when it ends? A little less than the agent
/// keeps the question, so that asking again makes no new one.
const PATIENCE: i64 = 55;
/// How often is it asked for? As the agent's `Retry-After` has it.
const PAUSE: Duration = Duration::from_secs(2);
/// How long before its end, in seconds, is a question asked for last?
const MARGIN: i64 = 3;

pub(crate) fn for_answer<T>(
    agent: &Agent,
    first: ErrorReply,
    question: impl Fn(&Agent) -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    let last = say(agent, &first);
    let mut waited = first;
    while time::now() < last {
        sleep(PAUSE);
        match question(agent) {
            // Another id is another question: nobody answered this one.
            Err(ClientError::Refused { reply, .. })
                if reply.error == PENDING && reply.approval == waited.approval =>
            {
                tell_of_more(&waited, &reply);
                waited = reply;
            }
            answer => return answer,
        }
    }
    let cause = Some("nobody answered in time".to_owned());
    Err(ClientError::Refused { reply: ErrorReply { cause, ..waited }, status: 403 })
}

/// Somebody answered, and it does not count: what the rule says is followed by why.
fn tell_of_more(before: &ErrorReply, now: &ErrorReply) {
    if let Some(cause) = now.cause.as_ref().filter(|_| before.cause != now.cause) {
        output::say(&format!("  still waiting: {cause}"));
    }
}

/// Until when is it asked for?
fn say(agent: &Agent, reply: &ErrorReply) -> i64 {
    let id = reply.approval.as_deref().unwrap_or_default();
    // A run may not look at it, and hears the same in fewer words.
    let asked = agent.approvals().ok();
    let asked = asked.and_then(|list| list.pending.into_iter().find(|one| one.id == id));
    let now = time::now();
    let (text, last) = match asked {
        Some(question) => (words::facts(&question, now), question.expires_at - MARGIN),
        None => (reply.cause.clone().unwrap_or_default(), now + PATIENCE),
    };
    output::say(&format!("waiting for an approval: {text}"));
    output::say(&format!(
        "  answer it in the tray or the window, or in another terminal: dagpass approve {id}"
    ));
    last
}
