//! `[airflow.NAME] keychain-item = "production"`: the item of the system's keychain that `airflowctl`
//! reads, written anew before its JWT ends and removed at the sign-out. Decides when; the broker
//! decides whether there is a JWT at all, and each that is written is on the ledger like any other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dagpass_core::broker::Broker;
use dagpass_core::deployment::DeploymentView;
use dagpass_core::error::Refusal;
use dagpass_core::policy::Action;
use dagpass_core::policy::facts::Declared;
use dagpass_core::principal::{Kind, Principal};
use dagpass_core::profile::ProfileName;
use dagpass_core::request::{Caller, TokenRequest, Transport};
use dagpass_core::rest::Rest;
use dagpass_core::session::SessionState;
use dagpass_core::time::Timestamp;
use dagpass_core::token::Fingerprint;

use crate::config::{AirflowConfig, Config};
use crate::keychain::ForeignItems;

/// How long is an item left alone that could not be written, or removed?
const AFTER_FAILURE: Duration = Duration::from_secs(30);
/// How long at most is the next JWT awaited before it is asked for again?
const LONGEST_WAIT: Duration = Duration::from_secs(10);

pub(crate) struct ItemKeeper {
    items: ForeignItems,
    /// By environment, as `airflowctl` calls it.
    kept: Mutex<BTreeMap<String, Kept>>,
    /// Writing and removing take turns: nothing is written behind a sign-out.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Kept {
    written: Option<Fingerprint>,
    rest: Option<Rest>,
    trouble: Option<String>,
}

impl Kept {
    fn rests(&self, now: Timestamp) -> bool {
        self.rest.is_some_and(|rest| !rest.is_over(now))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    Ask,
    Remove,
}

impl ItemKeeper {
    pub(crate) fn new() -> Self {
        Self {
            items: ForeignItems::of_airflowctl(),
            kept: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Looks at every item that the config has, and at those that it has no more.
    pub(crate) async fn tend(&self, broker: &Broker, config: &Config, now: Timestamp) {
        let Ok(_turn) = self.turn.try_lock() else { return };
        let mut wanted = BTreeSet::new();
        for airflow in config.airflow.values() {
            let Some(env) = &airflow.keychain_item else { continue };
            wanted.insert(env.clone());
            match self.step(env, airflow, broker, now) {
                Step::Nothing => {}
                Step::Ask => self.renew(env, airflow, broker, now).await,
                Step::Remove => self.remove(env, now).await,
            }
        }
        let left: Vec<String> = {
            let kept = self.kept();
            let left = kept.iter().filter(|(env, kept)| !wanted.contains(*env) && !kept.rests(now));
            left.map(|(env, _)| env.clone()).collect()
        };
        for env in left {
            self.remove(&env, now).await;
        }
    }

    /// At a sign-out: the profile's items go, whoever wrote them.
    pub(crate) async fn forget(&self, config: &Config, profile: &ProfileName, now: Timestamp) {
        let _turn = self.turn.lock().await;
        for airflow in config.airflow.values().filter(|one| one.profile == *profile) {
            if let Some(env) = &airflow.keychain_item {
                self.remove(env, now).await;
            }
        }
    }

    /// Why the item is not as it should be.
    pub(crate) fn trouble(&self, env: &str) -> Option<String> {
        self.kept().get(env)?.trouble.clone()
    }

    fn step(&self, env: &str, airflow: &AirflowConfig, broker: &Broker, now: Timestamp) -> Step {
        let view = broker.deployment(&airflow.session(), &airflow.target());
        let session = broker.session(&airflow.session());
        let (Ok(view), Ok(session)) = (view, session) else { return Step::Nothing };
        let kept = self.kept();
        let nothing = Kept::default();
        let kept = kept.get(env).unwrap_or(&nothing);
        // Nobody is signed in for it, whatever goes on for runs in flight.
        let state =
            if session.wind_up.is_some() { &SessionState::SignedOut } else { &session.state };
        decide(kept, state, &view, now)
    }

    async fn renew(&self, env: &str, airflow: &AirflowConfig, broker: &Broker, now: Timestamp) {
        let outcome = self.write(env, airflow, broker).await;
        let mut table = self.kept();
        let kept = table.entry(env.to_owned()).or_default();
        match outcome {
            Ok((fingerprint, life)) => {
                // The same bytes, though they near their end: the next are on their way.
                let same = kept.written.as_ref() == Some(&fingerprint);
                let wait = (life / 8).clamp(Duration::from_secs(1), LONGEST_WAIT);
                kept.rest = same.then(|| Rest::new(now, wait));
                kept.written = Some(fingerprint);
                kept.trouble = None;
            }
            Err(trouble) => {
                tracing::warn!(env, trouble, "keychain item not written");
                kept.rest = Some(Rest::new(now, AFTER_FAILURE));
                kept.trouble = Some(trouble);
            }
        }
    }

    /// The JWT that the item has now, and how long it still lives.
    async fn write(
        &self,
        env: &str,
        airflow: &AirflowConfig,
        broker: &Broker,
    ) -> Result<(Fingerprint, Duration), String> {
        let request = TokenRequest {
            deployment: Some(airflow.deployment.name.clone()),
            ..TokenRequest::new(airflow.session(), airflow.target())
        };
        let context = BTreeMap::from([(Declared::KEYCHAIN_ITEM.to_owned(), account(env))]);
        let caller = Caller { transport: Transport::Agent, context, ..Caller::default() };
        let agent = Principal::new(Kind::Agent, caller);
        let told = |refusal: Refusal| refusal.to_string();
        broker.read_to_judge(&agent, Action::Token, &request).await.map_err(told)?;
        let permit = broker.permit(&agent, Action::Token, request).map_err(told)?;
        let issued = broker.token(permit, &agent).await.map_err(told)?;
        let fingerprint = issued.access_token().fingerprint();
        let life = issued.set.received_at.until(issued.set.expires_at);
        let same =
            self.kept().get(env).is_some_and(|kept| kept.written.as_ref() == Some(&fingerprint));
        if !same {
            let token = issued.access_token().clone();
            let written = self.items.write(account(env), token).await;
            written.map_err(|failure| failure.to_string())?;
        }
        Ok((fingerprint, life))
    }

    async fn remove(&self, env: &str, now: Timestamp) {
        match self.items.remove(account(env)).await {
            Ok(()) => drop(self.kept().remove(env)),
            Err(failure) => {
                tracing::warn!(env, %failure, "keychain item not removed");
                let mut table = self.kept();
                let kept = table.entry(env.to_owned()).or_default();
                kept.trouble = Some(failure.to_string());
                kept.rest = Some(Rest::new(now, AFTER_FAILURE));
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for ItemKeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ItemKeeper")
    }
}

/// As `airflowctl` builds it.
fn account(env: &str) -> String {
    format!("api_token_{env}")
}

fn decide(kept: &Kept, state: &SessionState, view: &DeploymentView, now: Timestamp) -> Step {
    match (state, &view.token) {
        (SessionState::SignedOut, _) | (SessionState::Ended { .. }, None) => {
            let due = kept.written.is_some() && !kept.rests(now);
            return if due { Step::Remove } else { Step::Nothing };
        }
        (SessionState::Unreadable(_), _) => return Step::Nothing,
        (
            SessionState::Unloaded
            | SessionState::Active(_)
            | SessionState::Fixed(_)
            | SessionState::Client(_)
            | SessionState::Ended { .. },
            _,
        ) => {}
    }
    let fresh = |token: &dagpass_core::cache::Shown| {
        kept.written.as_ref() == Some(&token.fingerprint) && now < token.refresh_at
    };
    if view.token.as_ref().is_some_and(fresh) {
        return Step::Nothing;
    }
    // Another JWT than the item's is there already: it costs nothing to write it.
    let replaced = view
        .token
        .as_ref()
        .is_some_and(|token| kept.written.as_ref().is_some_and(|old| *old != token.fingerprint));
    if kept.rests(now) && !replaced { Step::Nothing } else { Step::Ask }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dagpass_core::cache::Cached;
    use dagpass_core::fakes::{stored, token_set};
    use dagpass_core::session::{ActiveSession, EndReason, Safety};

    const fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn view(token: Option<&str>) -> DeploymentView {
        let cached = |name| Cached::new(token_set(name, None, at(0), at(100)), at(75)).shown();
        DeploymentView { token: token.map(cached), refusal: None }
    }

    fn active() -> SessionState {
        SessionState::Active(Box::new(ActiveSession {
            stored: stored("rt"),
            safety: Safety::Kept,
            unanswered: None,
            trouble: None,
            answered_at: None,
        }))
    }

    #[test]
    fn an_item_is_written_when_its_jwt_is_another_or_nears_its_end_and_goes_with_the_session() {
        use Step::{Ask, Nothing, Remove};
        let why = EndReason::NoRefreshToken;
        let ended =
            || SessionState::Ended { why: why.clone(), at: at(0), lasted: None, last: None };
        let table = [
            // state, JWT at hand, JWT in the item, rests until, now, step
            (active(), None, None, None, 0, Ask),
            (active(), Some("a"), None, None, 0, Ask),
            (active(), Some("a"), Some("a"), None, 10, Nothing),
            (active(), Some("b"), Some("a"), Some(99), 10, Ask),
            (active(), Some("a"), Some("a"), None, 80, Ask),
            (active(), Some("a"), Some("a"), Some(81), 80, Nothing),
            (active(), None, Some("a"), Some(120), 110, Nothing),
            (active(), None, Some("a"), Some(120), 120, Ask),
            (SessionState::Unloaded, None, None, None, 0, Ask),
            (SessionState::SignedOut, None, Some("a"), None, 0, Remove),
            (SessionState::SignedOut, None, Some("a"), Some(30), 10, Nothing),
            (SessionState::SignedOut, None, Some("a"), Some(30), 30, Remove),
            (SessionState::SignedOut, None, None, None, 0, Nothing),
            (ended(), None, Some("a"), None, 0, Remove),
            (ended(), Some("a"), Some("a"), None, 10, Nothing),
        ];
        for (state, held, written, rests, now, step) in table {
            let kept = Kept {
                written: written.map(Fingerprint::of),
                rest: rests.map(|until| Rest::new(at(0), Duration::from_secs(until))),
                trouble: None,
            };
            let got = decide(&kept, &state, &view(held), at(now));
            assert_eq!(got, step, "{held:?} {written:?} {rests:?} {now}");
        }
    }
}
