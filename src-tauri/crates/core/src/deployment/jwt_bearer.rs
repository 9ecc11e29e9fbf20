//! RFC 7523 §2.1 at an Airflow deployment: a good Ping token is handed in for the deployment's own JWT,
//! which goes on the record and into the cache. One flight each; one that fails leaves the JWT that is
//! still valid where it is.

use std::time::Duration;

use crate::audit::{Event, Outcome, Record};
use crate::cache::Cached;
use crate::deployment::held::Live;
use crate::deployment::{AssertionKind, Deployment, JwtBearerFailure, refusals};
use crate::error::Refusal;
use crate::freshness::{self, FLOOR};
use crate::refresh::{Refresh, own_voice};
use crate::refusals as session_refusals;
use crate::request::Target;
use crate::session::{Cause, Epoch, Fetched, SessionState, StoredSession, Trouble};
use crate::time::Timestamp;
use crate::token::{Assertion, Identity, TokenSet};

/// How close may the ends of a JWT and of the token that it was given for lie to be the same end? The
/// one is in whole seconds by the server's clock, the other counted from an answer's arrival.
const SAME_END: Duration = Duration::from_secs(5);

impl Refresh {
    pub(crate) async fn jwt_bearer(&self, deployment: &Deployment) -> Fetched {
        let base = self.base_for(deployment).await;
        let base = base.inspect_err(|refusal| self.backs_off(refusal))?;
        let signed_in = self.session.signed_in()?;
        let profile = self.session.profile();
        let now = self.broker.ports.clock.now();
        let Some(assertion) = assertion(&base, deployment.assertion, now) else {
            return self.refused(deployment, &JwtBearerFailure::NoIdToken);
        };
        match self.broker.ports.airflow.jwt_bearer(&profile, deployment, &assertion).await {
            Ok(set) => {
                let set = TokenSet { given_for: Some(assertion.fingerprint()), ..set };
                self.take(deployment, set, signed_in).await
            }
            Err(failure) => self.refused(deployment, &failure),
        }
    }

    /// The session's own token, made anew first where it has nothing more to give.
    async fn base_for(&self, deployment: &Deployment) -> Fetched {
        let now = self.broker.ports.clock.now();
        let base = self.session.token(&Target::default());
        let valid = base.filter(|token| token.valid_at(now));
        let before = self.session.token(&self.target);
        let fit = valid.as_ref().is_some_and(|token| {
            assertion(token, deployment.assertion, now).is_some()
                && self.is_fit(token, before.as_ref(), now)
        });
        match (valid, ping_is_left_alone(&self.session.state(), now)) {
            (Some(token), _) if fit => Ok(token),
            (Some(token), Some(_)) => Ok(token),
            (None, Some(Away::Resting(trouble))) => {
                Err(session_refusals::trouble(&self.session.profile(), &trouble))
            }
            (valid, _) => match (self.of_base().once().arrival().await, valid) {
                (Err(_), Some(token)) if token.valid_at(self.broker.ports.clock.now()) => Ok(token),
                (fetched, _) => fetched,
            },
        }
    }

    /// A token whose successor is due gives little, and one that ends with the JWT it was handed in for
    /// gives nothing. Where a server merely refused the JWT, the same token gives another.
    fn is_fit(&self, base: &Cached, before: Option<&Cached>, now: Timestamp) -> bool {
        if base.set.received_at <= now && base.set.received_at.until(now) < FLOOR {
            return true;
        }
        let spent = before.is_some_and(|jwt| {
            jwt.set.given_for.as_ref() == Some(&base.fingerprint)
                && base.set.expires_at <= jwt.set.expires_at.plus(SAME_END)
        });
        now < base.refresh_at && (!spent || self.cause == Cause::Rejected)
    }

    /// Listed as live first, so that a sign-out finds it; then recorded; then where callers find it.
    async fn take(
        &self,
        deployment: &Deployment,
        set: TokenSet,
        (stored, epoch): (StoredSession, Epoch),
    ) -> Fetched {
        let token = self.dress(set);
        let now = self.broker.ports.clock.now();
        let lists = |held: &mut super::Deployments| held.given(deployment, &token, now);
        if !self.session.holds_jwt(&stored, lists) {
            return self.give_back(deployment, token).await;
        }
        let recorded = self.record_given(deployment, &token, &stored);
        recorded.inspect_err(|refusal| self.backs_off(refusal))?;
        // Where the config changed meanwhile, whoever asked before has it, and nobody after.
        self.session.publish(epoch, &self.target, &token);
        Ok(token)
    }

    /// The person signed out, or another signed in, while it was asked for: nobody gets it.
    async fn give_back(&self, deployment: &Deployment, token: Cached) -> Fetched {
        let profile = self.session.profile();
        let jwt = &token.set.access_token;
        let revocation = self.broker.ports.airflow.log_out(&profile, deployment, jwt).await;
        let live = Live { deployment: deployment.clone(), token };
        self.broker.record_log_out(&self.session.key, (&live, revocation), &own_voice())?;
        Err(session_refusals::signed_out(&profile))
    }

    fn record_given(
        &self,
        deployment: &Deployment,
        token: &Cached,
        stored: &StoredSession,
    ) -> Result<(), Refusal> {
        let caller = own_voice();
        let person = stored.identity.as_ref().map(Identity::person);
        let mut record = Record::new(Event::Exchange, Outcome::Ok, &caller);
        record.session = Some(&self.session.key);
        record.person = person.as_ref();
        record.deployment = Some(&deployment.name);
        record.audience = token.set.audience.as_deref();
        record.fingerprint = Some(token.fingerprint.short());
        record.assertion = token.set.given_for.as_ref().map(|from| from.short());
        record.expires_at = Some(token.set.expires_at);
        self.broker.record(&record)
    }

    fn refused(&self, deployment: &Deployment, failure: &JwtBearerFailure) -> Fetched {
        let refusal = refusals::jwt_bearer(&self.session.profile(), deployment, failure);
        let caller = own_voice();
        let mut record = Record::new(Event::Exchange, Outcome::Failed, &caller);
        record.session = Some(&self.session.key);
        record.deployment = Some(&deployment.name);
        record.error = Some(refusal.code.as_str());
        record.reason = refusal.cause.as_deref();
        let retry_after = match failure {
            JwtBearerFailure::Unreachable { retry_after, .. } => *retry_after,
            JwtBearerFailure::SignInTooOld { .. } => {
                if self.session.profile().kind.signs_in() {
                    self.session.deployments(|held| held.asks_for_proof(deployment));
                }
                None
            }
            JwtBearerFailure::NoIdToken
            | JwtBearerFailure::NoSuchGrant { .. }
            | JwtBearerFailure::AccessDenied { .. }
            | JwtBearerFailure::Rejected { .. }
            | JwtBearerFailure::Misconfigured { .. } => None,
        };
        let chance = self.broker.ports.clock.chance();
        // First: a table of 32 tasks with a group that is not mapped costs one request, also where the
        // ledger is full.
        self.rests_after(&refusal, |n| freshness::backoff(n, retry_after, chance));
        self.broker.record(&record)?;
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
    Resting(Trouble),
    /// A refresh was sent and not answered: its token is not sent again while another serves.
    Unanswered,
    /// There is nothing to ask with.
    Fixed,
}

fn ping_is_left_alone(state: &SessionState, now: Timestamp) -> Option<Away> {
    match state {
        SessionState::Active(active) => match (active.resting(now), &active.unanswered) {
            (Some(trouble), _) => Some(Away::Resting(trouble.clone())),
            (None, Some(_)) => Some(Away::Unanswered),
            (None, None) => None,
        },
        SessionState::Client(client) => client.resting(now).cloned().map(Away::Resting),
        SessionState::Fixed(_) => Some(Away::Fixed),
        SessionState::Unloaded
        | SessionState::Unreadable(_)
        | SessionState::SignedOut
        | SessionState::Ended { .. } => None,
    }
}
