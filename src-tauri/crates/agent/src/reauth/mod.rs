//! Has the system ask the person who answers to prove who they are: by polkit on Linux. What counts without it
//! is [`dagpass_core::approvals`]'s to judge; on which systems nobody asks is said in words, by each of them.

use std::time::Duration;

use dagpass_core::approvals::{PROVING, Proof};
use dagpass_core::principal::Process;
use tokio::sync::Semaphore;

#[cfg_attr(target_os = "linux", path = "polkit.rs")]
#[cfg_attr(not(target_os = "linux"), path = "unasked.rs")]
mod here;

/// How long may the system take to say what it can?
const LOOK: Duration = Duration::from_secs(2);
/// How much longer than the person may the system take?
const MARGIN: Duration = Duration::from_secs(2);

/// How many may be asked about at once? Each keeps a thread for as long as the person takes.
const MOST: usize = 4;
static SEATS: Semaphore = Semaphore::const_new(MOST);

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
    let Ok(seat) = SEATS.try_acquire() else {
        return unproven("the system is asked about others already", "answer it when that is done");
    };
    let asked = tokio::task::spawn_blocking(move || {
        let proof = here::prove(&answerer);
        drop(seat);
        proof
    });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn there_is_an_end_to_what_is_asked_at_once_and_a_seat_is_given_back() {
        // Root is asked for nothing, and nobody else is either where no bus is.
        let root = || Answerer { process: Process::default(), uid: Some(0) };
        let all = SEATS.acquire_many(u32::try_from(MOST).unwrap()).await.unwrap();
        let Proof::Unproven { why, .. } = prove(root()).await else { panic!("it was asked") };
        assert!(why.contains("about others already"), "{why}");
        drop(all);
        for _ in 0..=MOST {
            assert!(matches!(prove(root()).await, Proof::Unable(_)));
        }
    }
}
