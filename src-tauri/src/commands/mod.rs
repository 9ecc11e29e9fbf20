//! What the page may ask for: one file a subject, each command one call of a route. None answers with
//! a token, a refresh token, a capability or a callback's code.

pub(crate) mod about;
pub(crate) mod agent;
pub(crate) mod approvals;
pub(crate) mod config;
pub(crate) mod leases;
pub(crate) mod look;
pub(crate) mod sandbox;
pub(crate) mod sign_in;

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use dagpass_client::wire::ErrorReply;
use dagpass_client::{Agent, ClientError, launch, limited};

use crate::refusal::{refused, reply};

pub(crate) type Answer<T> = Result<T, ErrorReply>;

/// One question to the agent, off the window's own thread.
async fn ask<T: Send + 'static>(
    question: impl FnOnce(&Agent) -> Result<T, ClientError> + Send + 'static,
) -> Answer<T> {
    aside(move || Agent::find(None).and_then(|agent| question(&agent)).map_err(refused)).await
}

/// What blocks, on a thread that may.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Answer<T> + Send + 'static) -> Answer<T> {
    match tauri::async_runtime::spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(error) => Err(reply("server_error", error.to_string())),
    }
}

/// How long may a browser take to be opened?
const OPEN_LIMIT: Duration = Duration::from_secs(60);

/// Shows an address in the person's browser, by the agent's own program: one place decides what may be
/// opened and how. The address goes by stdin, as arguments are for all to see.
fn open_in_browser(url: &str) -> Answer<()> {
    let failed = |cause: String| ErrorReply {
        cause: Some(cause),
        hint: Some("set $BROWSER to your browser, and start the window anew".to_owned()),
        ..reply("no_browser", "no browser could be opened")
    };
    let program = launch::agent_program().map_err(refused)?;
    let mut opener = Command::new(program);
    opener.arg("open-browser").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = opener.spawn().map_err(|error| failed(error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(url.as_bytes()).map_err(|error| failed(error.to_string()))?;
    }
    match limited::wait(&mut child, OPEN_LIMIT) {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(status.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}
