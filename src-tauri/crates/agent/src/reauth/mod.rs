//! Has the system ask the person who answers to prove who they are: by polkit on Linux. What counts without it
//! is [`dagpass_core::approvals`]'s to judge; on which systems nobody asks is said in words, by each of them.

use std::time::Duration;

use dagpass_core::approvals::{PROVING, Proof};
use dagpass_core::principal::Process;

#[cfg_attr(target_os = "linux", path = "polkit.rs")]
#[cfg_attr(not(target_os = "linux"), path = "unasked.rs")]
mod here;

/// How long may the system take to say what it can?
const LOOK: Duration = Duration::from_secs(2);
/// How much longer than the person may the system take?
const MARGIN: Duration = Duration::from_secs(2);

/// Whom to ask about.
#[derive(Clone, Debug)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nobody is asked there"))]
pub(crate) struct Answerer {
    /// It gives the answer, and is held meanwhile.
    pub(crate) process: Process,
    pub(crate) uid: Option<u32>,
}

/// Waits for the person.
pub(crate) async fn prove(answerer: Answerer) -> Proof {
    let asked = tokio::task::spawn_blocking(move || here::prove(&answerer));
    match tokio::time::timeout(PROVING + MARGIN, asked).await {
        Ok(Ok(proof)) => proof,
        Ok(Err(ended)) => unproven(format!("the system could not be asked ({ended})"), AGAIN),
        Err(_) => unproven("the system does not answer", AGAIN),
    }
}

/// By whom it could be; what is missing where nobody can.
pub(crate) async fn able() -> Result<&'static str, String> {
    let looked = tokio::time::timeout(LOOK, tokio::task::spawn_blocking(here::able)).await;
    match looked {
        Ok(Ok(able)) => able,
        Ok(Err(ended)) => Err(ended.to_string()),
        Err(_) => Err("the system does not answer".to_owned()),
    }
}

const AGAIN: &str = "answer it again";

fn unproven(why: impl Into<String>, hint: &'static str) -> Proof {
    Proof::Unproven { why: why.into(), hint }
}
