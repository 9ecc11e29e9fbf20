//! What must hold after a blow, by the agent's own words and by the provider's log.

use std::collections::{BTreeMap, BTreeSet};

use super::blows::Blow;
use super::provider::{Answer, Call, Place};
use super::stage::Stage;
use super::steps::{Reached, Step, Work};
use crate::world::Ended;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Must {
    /// The session works, and nobody had to sign in.
    Works,
    /// Nobody is signed in, that is said, and no refresh token of it is left alive.
    Nobody,
    /// `Works` where the provider's answer to the code was delivered, else `Nobody`.
    AsRedeemed,
    /// What the provider issued is nowhere, and that is said. After a SIGKILL alone.
    Lost,
    /// The SIGKILL fell between the answer and the save: `Works` or `Lost`.
    KeptOrLost,
    /// Signed in by a client that the config no longer had: `Works` once it has it again, or `Nobody`.
    KeptOrRevoked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Works,
    Said,
    Lost,
}

impl Outcome {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Works => "✓",
            Self::Said => "said",
            Self::Lost => "lost by SIGKILL",
        }
    }
}

/// Why nobody is signed in.
pub(super) const SIGNED_OUT: &str = "is not signed in";
const LOST: &str = "lost in rotation";

/// Whoever asked is answered where the agent lives to do so, and is never left without a word.
pub(super) fn asker(stage: &Stage, (step, blow): (Step, Blow), reached: &mut Reached) {
    reached.browser_ends();
    let ended = reached.client.ended();
    let answered = step.work() != Work::SignIn && !matches!(blow, Blow::Kill | Blow::HangUp);
    if ended.code() == 0 && step.work() == Work::Refresh {
        stage.world.secret("access token", ended.stdout.trim());
    }
    stage.world.keep_text("stderr of whoever asked", &ended.stderr);
    if blow != Blow::HangUp && ended.code() != 0 {
        assert!(ended.stderr.contains("error: "), "not a word: {ended:?}");
        assert!(!answered, "the answer came and was not passed on: {}", ended.stderr);
    }
}

pub(super) fn says_why(refused: &Ended, why: &str) {
    assert_eq!(refused.code(), 3, "{}", refused.stderr);
    assert!(refused.stdout.is_empty(), "something in a token's place: {}", refused.stdout);
    let said = refused.stderr.contains(why) && refused.stderr.contains("hint: run `dagpass login");
    assert!(said, "it does not say `{why}`: {}", refused.stderr);
}

pub(super) fn judge(stage: &Stage, (step, blow): (Step, Blow), must: Must) -> Outcome {
    let killed = blow == Blow::Kill;
    // What is not in the store was not kept, whoever still has it in memory.
    if !killed && !blow.ends_it_kindly() {
        stage.world.restart_agent();
    }
    let told = stage.world.token(&[]);
    stage.provider.wait_answered();
    let calls = &stage.provider.calls(killed)[stage.before..];
    let (token, outcome) = match (as_it_came(must, calls), told) {
        (Must::Works | Must::KeptOrLost | Must::KeptOrRevoked, Ok(token)) => {
            (Some(token), Outcome::Works)
        }
        (Must::Lost | Must::KeptOrLost, Err(refused)) => {
            assert!(killed, "{blow:?} loses nothing");
            says_why(&refused, if step.work() == Work::Refresh { LOST } else { SIGNED_OUT });
            (None, Outcome::Lost)
        }
        (Must::Nobody | Must::KeptOrRevoked, Err(refused)) => {
            says_why(&refused, SIGNED_OUT);
            assert_eq!(alive(calls), Vec::<&str>::new(), "nobody is signed in: {calls:#?}");
            (None, Outcome::Said)
        }
        (must, told) => {
            let told = told.map(|_| "a token").map_err(|refused| refused.stderr);
            panic!("{must:?}, and it came to {told:?} after {calls:#?}")
        }
    };
    if let Some(token) = token {
        assert_eq!(stage.provider.call_api(&token), 200);
        if let Some(ask) = step.ask() {
            stage.world.token(ask).unwrap_or_else(|refused| panic!("{ask:?}: {}", refused.stderr));
        }
    } else {
        stage.sign_in();
        let token = stage.world.token(&[]).expect("a sign-in mends it");
        assert_eq!(stage.provider.call_api(&token), 200);
    }
    let calls = &stage.provider.calls(killed)[stage.before..];
    assert_eq!(again(calls, outcome), Vec::<&str>::new(), "presented again: {calls:#?}");
    assert_eq!(by_another(calls), Vec::<&str>::new(), "by another client: {calls:#?}");
    assert!(killed || all_were_heard(calls), "an answer was let fall: {calls:#?}");
    the_record_holds(stage, blow);
    outcome
}

fn as_it_came(must: Must, calls: &[Call]) -> Must {
    let redeemed = |call: &Call| {
        matches!(call.place, Place::Code | Place::Device) && call.answer == Answer::Delivered(200)
    };
    match must {
        Must::AsRedeemed if calls.iter().any(redeemed) => Must::Works,
        Must::AsRedeemed => Must::Nobody,
        must => must,
    }
}

/// No refresh token is presented again after an answer, which may have spent it; after none it is tried
/// once more, and so it is after one that died with the agent that heard it. A revocation is never
/// repeated, and what was sent to be revoked is not used.
fn again(calls: &[Call], outcome: Outcome) -> Vec<&str> {
    let unheard = |call: &Call| match call.answer {
        Answer::Delivered(_) => outcome == Outcome::Lost,
        Answer::Unserved | Answer::Undelivered => true,
    };
    let mut by_token: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    for call in calls {
        if let Some(token) = &call.presented {
            by_token.entry(token).or_default().push(call);
        }
    }
    let wrong = by_token.into_iter().filter(|(_, times)| {
        let earlier = &times[..times.len() - 1];
        let may = |call: &&Call| unheard(call) && call.place != Place::Revocation;
        times.len() > 2 || !earlier.iter().all(may)
    });
    wrong.map(|(token, _)| token).collect()
}

/// What one client was given is presented by that one alone.
fn by_another(calls: &[Call]) -> Vec<&str> {
    let issued = calls.iter().filter_map(|call| Some((call.issued.as_deref()?, &call.client)));
    let owners: BTreeMap<&str, &String> = issued.collect();
    let presented = calls.iter().filter_map(|call| Some((call.presented.as_deref()?, call)));
    let wrong = presented
        .filter(|(token, call)| owners.get(token).is_some_and(|owner| **owner != call.client));
    wrong.map(|(token, _)| token).collect()
}

/// Refresh tokens that reached us and have not gone back, one way or the other.
fn alive(calls: &[Call]) -> Vec<&str> {
    let issued: BTreeSet<&str> = calls.iter().filter_map(|call| call.issued.as_deref()).collect();
    let back: BTreeSet<&str> = calls.iter().filter_map(|call| call.presented.as_deref()).collect();
    issued.difference(&back).copied().collect()
}

fn all_were_heard(calls: &[Call]) -> bool {
    calls.iter().all(|call| matches!(call.answer, Answer::Delivered(_)))
}

fn the_record_holds(stage: &Stage, blow: Blow) {
    stage.world.cli(&["audit", "verify"]).expect(0);
    if blow.ends_it_kindly() {
        let ledger = std::fs::read_to_string(stage.world.state().join("ledger.jsonl")).unwrap();
        let last = ledger.lines().rfind(|line| line.contains("\"agent-stop\"")).unwrap();
        assert!(last.contains("nothing was under way any more"), "{last}");
    }
}

#[test]
fn what_is_wrong_in_a_provider_s_log_is_found() {
    use Answer::{Delivered, Undelivered, Unserved};
    use Place::{Code, Refresh, Revocation};
    let call = |place, (presented, issued): (&str, &str), answer| Call {
        place,
        client: "agent".to_owned(),
        presented: (!presented.is_empty()).then(|| presented.to_owned()),
        issued: (!issued.is_empty()).then(|| issued.to_owned()),
        answer,
    };
    let signed_in = call(Code, ("", "a"), Delivered(200));
    let rotated = call(Refresh, ("a", "b"), Delivered(200));
    let refused = call(Refresh, ("a", ""), Delivered(400));
    let unheard = |answer| call(Refresh, ("a", ""), answer);
    let revoked = |token, answer| call(Revocation, (token, ""), answer);
    for (calls, outcome, wrong) in [
        (vec![rotated.clone(), revoked("b", Delivered(200))], Outcome::Said, false),
        (vec![unheard(Unserved), rotated.clone()], Outcome::Works, false),
        (vec![unheard(Undelivered), refused.clone()], Outcome::Lost, false),
        (vec![rotated.clone(), refused.clone()], Outcome::Lost, false),
        (vec![rotated.clone(), refused.clone()], Outcome::Works, true),
        (vec![unheard(Unserved), unheard(Unserved), rotated.clone()], Outcome::Works, true),
        (vec![rotated.clone(), revoked("a", Delivered(200))], Outcome::Said, true),
        (vec![revoked("a", Unserved), revoked("a", Delivered(200))], Outcome::Said, true),
        (vec![revoked("a", Undelivered), refused.clone()], Outcome::Said, true),
    ] {
        assert_eq!(!again(&calls, outcome).is_empty(), wrong, "{outcome:?}: {calls:#?}");
    }
    assert_eq!(alive(&[signed_in.clone(), rotated.clone()]), ["b"]);
    assert!(alive(&[signed_in.clone(), revoked("a", Unserved)]).is_empty());
    let stranger = Call { client: "another".to_owned(), ..rotated };
    assert_eq!(by_another(&[signed_in.clone(), stranger]), ["a"]);
    assert!(by_another(&[signed_in, refused]).is_empty());
}
