//! One purchase: a good Ping token, the deployment's answer, the record, the cache. It runs in its own
//! flight; one that fails leaves the JWT that is still valid where it is.

use crate::audit::{Event, Outcome, Record};
use crate::cache::Cached;
use crate::deployment::held::Live;
use crate::deployment::{AssertionKind, Deployment, ExchangeFailure, refusals};
use crate::error::Refusal;
use crate::freshness::{self, FLOOR};
use crate::refresh::{Refresh, landing, own_voice};
use crate::refusals as session_refusals;
use crate::request::Target;
use crate::session::SessionState;
use crate::slot::{Cause, Held, Landing};
use crate::time::Timestamp;
use crate::token::{Assertion, TokenSet};

/// How close may the ends of a JWT and of the token that bought it lie to be the same end? The one
/// is in whole seconds by the server's clock, the other counted from an answer's arrival.
const SAME_END: std::time::Duration = std::time::Duration::from_secs(5);

impl Refresh {
    pub(crate) async fn buy(&self, deployment: &Deployment) -> Landing {
        let base = self.base_for(deployment).await?;
        let signed_in_at = self.active()?.stored.signed_in_at;
        let profile = self.slot.profile();
        let now = self.ports.clock.now();
        let Some(assertion) = assertion(&base, deployment.assertion, now) else {
            return self.refused(deployment, &ExchangeFailure::NoIdToken);
        };
        match self.ports.airflow.exchange(&profile, deployment, &assertion).await {
            Ok(set) => {
                let set = TokenSet { bought_with: Some(assertion.fingerprint()), ..set };
                self.sell(deployment, set, signed_in_at).await
            }
            Err(failure) => self.refused(deployment, &failure),
        }
    }

    /// The session's own token, made anew first where it has nothing more to give.
    async fn base_for(&self, deployment: &Deployment) -> Landing {
        let now = self.ports.clock.now();
        let base = Target::default();
        let (valid, fit, away) = {
            let held = self.slot.held();
            let valid = held.cache.get(&base).filter(|token| token.valid_at(now)).cloned();
            let before = held.cache.get(&self.target);
            let fit = valid.as_ref().is_some_and(|token| {
                assertion(token, deployment.assertion, now).is_some()
                    && self.is_fit(token, before, now)
            });
            (valid, fit, ping_is_left_alone(&held, now))
        };
        match (valid, away) {
            (Some(token), _) if fit => Ok(token),
            (Some(token), Some(_)) => Ok(token),
            (None, Some(Away::Resting(trouble))) => {
                Err(session_refusals::trouble(&self.slot.profile(), &trouble))
            }
            (valid, _) => {
                let refresh = Self { target: base, cause: Cause::Expiry, ..self.clone() };
                match (landing(refresh.once()).await, valid) {
                    (Err(_), Some(token)) if token.valid_at(self.ports.clock.now()) => Ok(token),
                    (landed, _) => landed,
                }
            }
        }
    }

    /// A token whose successor is due buys little, and one that ends with the JWT it has bought
    /// buys nothing. Where a server merely refused the JWT, the same token buys another.
    fn is_fit(&self, base: &Cached, before: Option<&Cached>, now: Timestamp) -> bool {
        if base.set.received_at <= now && base.set.received_at.until(now) < FLOOR {
            return true;
        }
        let spent = before.is_some_and(|jwt| {
            jwt.set.bought_with.as_ref() == Some(&base.fingerprint)
                && base.set.expires_at <= jwt.set.expires_at.plus(SAME_END)
        });
        now < base.refresh_at && (!spent || self.cause == Cause::Rejected)
    }

    /// Listed as live first, so that a sign-out finds it; then recorded; then where callers find it.
    async fn sell(
        &self,
        deployment: &Deployment,
        set: TokenSet,
        signed_in_at: Timestamp,
    ) -> Landing {
        let cached = self.dress(set);
        let now = self.ports.clock.now();
        let same_sign_in = {
            let mut held = self.slot.held();
            let same = matches!(&held.state, SessionState::Active(active)
                if active.stored.signed_in_at == signed_in_at);
            if same {
                held.deployments.bought(deployment, &cached, now);
            }
            same
        };
        if !same_sign_in {
            return self.give_back(deployment, cached).await;
        }
        let recorded = self.record_purchase(deployment, &cached);
        recorded.inspect_err(|refusal| self.backs_off(refusal))?;
        let mut held = self.slot.held();
        held.rests.answered(&self.target);
        held.cache.insert(self.target.clone(), cached.clone());
        drop(held);
        Ok(cached)
    }

    /// The person signed out, or another signed in, while it was bought: nobody gets it.
    async fn give_back(&self, deployment: &Deployment, token: Cached) -> Landing {
        let profile = self.slot.profile();
        let jwt = &token.set.access_token;
        let revocation = self.ports.airflow.log_out(&profile, deployment, jwt).await;
        let live = Live { deployment: deployment.clone(), token };
        self.slot.record_revocation(&*self.ports.witness, (&live, revocation), &own_voice())?;
        Err(session_refusals::signed_out(&profile))
    }

    fn record_purchase(&self, deployment: &Deployment, token: &Cached) -> Result<(), Refusal> {
        let active = self.active()?;
        let caller = own_voice();
        let mut record = Record::new(Event::Exchange, Outcome::Ok, &caller);
        record.session = Some(&self.slot.key);
        record.subject = active.stored.identity.as_ref().map(|who| &who.subject);
        record.deployment = Some(&deployment.name);
        record.audience = token.set.audience.as_deref();
        record.fingerprint = Some(token.fingerprint.short());
        record.assertion = token.set.bought_with.as_ref().map(|from| from.short());
        record.expires_at = Some(token.set.expires_at);
        self.record(&record)
    }

    fn refused(&self, deployment: &Deployment, failure: &ExchangeFailure) -> Landing {
        let refusal = refusals::exchange(&self.slot.profile(), deployment, failure);
        let caller = own_voice();
        let mut record = Record::new(Event::Exchange, Outcome::Failed, &caller);
        record.session = Some(&self.slot.key);
        record.deployment = Some(&deployment.name);
        record.error = Some(refusal.code.as_str());
        record.reason = refusal.cause.as_deref();
        let retry_after = match failure {
            ExchangeFailure::Unreachable { retry_after, .. } => *retry_after,
            ExchangeFailure::SignInTooOld { .. } => {
                self.slot.held().deployments.asks_for_proof();
                None
            }
            ExchangeFailure::NoIdToken
            | ExchangeFailure::NoExchange { .. }
            | ExchangeFailure::AccessDenied { .. }
            | ExchangeFailure::Rejected { .. }
            | ExchangeFailure::Misconfigured { .. } => None,
        };
        let chance = self.ports.clock.chance();
        // First: a table of 32 tasks with a group that is not mapped costs one request, also where the
        // ledger is full.
        self.rests_after(&refusal, |n| freshness::backoff(n, retry_after, chance));
        self.record(&record)?;
        Err(refusal)
    }
}

/// What is handed in; `None` where that is an ID token and none is at hand that still holds.
fn assertion(base: &Cached, kind: AssertionKind, now: Timestamp) -> Option<Assertion> {
    match kind {
        AssertionKind::AccessToken => Some(Assertion::new(base.set.access_token.expose())),
        AssertionKind::IdToken => {
            let held = base.set.id_token.as_ref().filter(|held| now < held.expires_at)?;
            Some(Assertion::new(held.token.expose()))
        }
    }
}

/// Why Ping is not asked just now.
enum Away {
    Resting(crate::session::Trouble),
    /// A refresh was sent and not answered: its token is not sent again while another serves.
    Unanswered,
}

fn ping_is_left_alone(held: &Held, now: Timestamp) -> Option<Away> {
    let SessionState::Active(active) = &held.state else { return None };
    let resting = active.trouble.as_ref().filter(|trouble| !trouble.rest.is_over(now));
    match (resting, &active.unanswered) {
        (Some(trouble), _) => Some(Away::Resting(trouble.clone())),
        (None, Some(_)) => Some(Away::Unanswered),
        (None, None) => None,
    }
}
