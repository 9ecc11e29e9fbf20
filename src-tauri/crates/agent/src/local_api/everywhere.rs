//! What a sign-out came to as a whole: which tokens stay good until when, what failed, and one line on the
//! record for all of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use dagpass_client::wire::{Lease as Shown, SignOutAsk, SignOutReply, SignedOut};
use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::error::Refusal;
use dagpass_core::leases::Lease;
use dagpass_core::ports::Revocation;
use dagpass_core::request::{Caller, Obtain, SessionKey};
use dagpass_core::time::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::{Api, leases, orphans, patience, reply};

const FAILED: &str = "failed";
/// In the place of a name, where nobody knows whether there is any. No profile is called so.
const UNNAMED: &str = "(what no profile names)";

pub(super) fn failed(key: &SessionKey, refusal: &Refusal) -> SignedOut {
    SignedOut {
        profile: key.account(),
        revocation: FAILED.to_owned(),
        error: Some(reply::error_reply(refusal)),
        ..SignedOut::default()
    }
}

/// Sessions that the config in force does not name, each to its end; none is waited for so long that what the
/// others came to would be lost. Where they could not be looked for that is a row by itself.
pub(super) async fn others(
    api: &Arc<Api>,
    named: &[SessionKey],
    caller: &Caller,
) -> Vec<SignedOut> {
    let until = Instant::now() + patience::SHORT;
    let listed = timeout_at(until, orphans::others(api, named)).await;
    let (keys, unlisted) =
        listed.unwrap_or_else(|_elapsed| (api.broker.unnamed(), Some(patience::of_a_deed())));
    let ends: Vec<_> = keys.iter().map(|key| orphans::end(api, key, caller)).collect();
    let mut ended = Vec::new();
    for (key, end) in keys.iter().zip(ends) {
        let end = timeout_at(until, end).await;
        let end = end.unwrap_or_else(|_elapsed| Err(patience::of_a_deed()));
        ended.push(end.unwrap_or_else(|refusal| failed(key, &refusal)));
    }
    ended.extend(unlisted.map(|refusal| not_looked_for(&refusal)));
    ended
}

fn not_looked_for(refusal: &Refusal) -> SignedOut {
    SignedOut {
        profile: UNNAMED.to_owned(),
        revocation: FAILED.to_owned(),
        error: Some(reply::error_reply(refusal)),
        ..SignedOut::default()
    }
}

/// What was handed out of those sessions and is good for whoever holds it. Of what an Airflow deployment has
/// taken back nothing is.
pub(super) fn outstanding(api: &Api, ask: &SignOutAsk, ended: &[SignedOut]) -> Vec<Shown> {
    let of = |key: &SessionKey| ask.all || ended.iter().any(|one| one.profile == key.account());
    let now = api.clock.now();
    let left = api.broker.outstanding(of);
    left.iter()
        .filter(|lease| !is_taken_back(lease, ended))
        .map(|one| leases::shown(one, now))
        .collect()
}

fn is_taken_back(lease: &Lease, ended: &[SignedOut]) -> bool {
    let Obtain::JwtBearer(deployment) = &lease.target.obtain else { return false };
    let confirmed = Revocation::Confirmed.as_str();
    let mut of_session = ended.iter().filter(|one| one.profile == lease.session.account());
    of_session.any(|one| {
        let mut own = one.deployments.iter().filter(|at| at.name == deployment.name);
        own.any(|at| at.revocation == confirmed)
    })
}

/// What each session came to stands on the record by itself, before. `missing` is what kept it from being looked
/// for at all.
pub(super) fn record(
    api: &Api,
    caller: &Caller,
    (reply, missing): (&SignOutReply, Option<&Refusal>),
) {
    let is_failed = missing.is_some() || reply.profiles.iter().any(|one| one.revocation == FAILED);
    let outcome = if is_failed { Outcome::Failed } else { Outcome::Ok };
    let reason =
        missing.map_or_else(|| summary(reply), |refusal| format!("{}; {refusal}", summary(reply)));
    let mut record = Record::new(Event::SignOutEverywhere, outcome, caller);
    record.reason = Some(&reason);
    record.expires_at = reply.outstanding.first().map(|one| Timestamp::from_secs(one.until));
    if let Err(failure) = api.witness.record(&record) {
        tracing::error!(%failure, "what the sign-out came to is not on the record");
    }
}

/// `2 sessions: 1 confirmed, 1 pending; 3 leases ended, 2 with a token that is still good`.
fn summary(reply: &SignOutReply) -> String {
    let mut words: BTreeMap<&str, usize> = BTreeMap::new();
    let (unknown, ended): (Vec<_>, Vec<_>) =
        reply.profiles.iter().partition(|one| one.profile == UNNAMED);
    for one in &ended {
        *words.entry(&one.revocation).or_default() += 1;
    }
    let unknown: String = unknown
        .iter()
        .filter_map(|one| one.error.as_ref())
        .map(|error| format!("; sessions that no profile names: {}", error.error_description))
        .collect();
    let words: Vec<String> =
        words.iter().map(|(word, times)| format!("{times} {}", word.replace('_', " "))).collect();
    format!(
        "{} sessions: {}; {} leases ended, {} with a token that is still good{unknown}",
        ended.len(),
        if words.is_empty() { "none".to_owned() } else { words.join(", ") },
        reply.leases_ended.unwrap_or_default(),
        reply.outstanding.len(),
    )
}

#[cfg(test)]
mod tests {
    use dagpass_core::ports::StoreFailure;

    use super::*;

    #[test]
    fn the_line_says_what_was_confirmed_what_is_owed_and_what_stays_good() {
        let one = |revocation: &str| SignedOut {
            profile: "prod".into(),
            revocation: revocation.into(),
            ..SignedOut::default()
        };
        let reply = SignOutReply {
            profiles: ["pending", "confirmed", "not_signed_in", "confirmed"].map(one).into(),
            leases_ended: Some(3),
            outstanding: vec![Shown::default()],
        };
        assert_eq!(
            summary(&reply),
            "4 sessions: 2 confirmed, 1 not signed in, 1 pending; 3 leases ended, 1 with a token that is still good"
        );
        assert!(summary(&SignOutReply::default()).starts_with("0 sessions: none; 0 leases"));
    }

    #[test]
    fn that_nobody_could_look_for_others_is_a_row_that_failed_and_stands_in_the_line() {
        let locked = StoreFailure::Locked("the collection is locked".into());
        let row = not_looked_for(&orphans::refusal(&locked));
        assert_eq!((row.revocation.as_str(), row.profile.as_str()), (FAILED, UNNAMED));
        let error = row.error.as_ref().unwrap();
        assert_eq!(error.hint.as_deref(), Some("run `dagpass agent unlock`, then again"));
        let reply = SignOutReply { profiles: vec![row], ..SignOutReply::default() };
        let said = "0 sessions: none; 0 leases ended, 0 with a token that is still good; sessions that no profile names: the stored sessions cannot be ended or removed";
        assert_eq!(summary(&reply), said);
    }
}
