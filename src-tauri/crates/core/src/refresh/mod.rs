//! `Refresh::once`: one flight per (session, target), each detached from its callers. The order is the
//! point: turn, mark, send, SAVE, judge, record, publish, wake.
//!
//! 1. [`ask`]: one answer to judge, kept before anything else
//! 2. [`failed`]: what a refresh that gave nothing does to its session
//! 3. [`client_credentials`]: RFC 6749 §4.4, for a client that nobody signs in to
//! 4. [`token_exchange`]: RFC 8693, for which no refresh token is sent

mod ask;
mod client_credentials;
mod failed;
mod token_exchange;

use std::sync::Arc;
use std::time::Duration;

use crate::answers::TokenFailure;
use crate::audit::{Event, Outcome, Record};
use crate::broker::Broker;
use crate::cache::Cached;
use crate::error::{ErrorCode, Refusal};
use crate::freshness;
use crate::ports::Pending;
use crate::profile::Scopes;
use crate::request::{Caller, Obtain, Target, Transport};
use crate::rest::{REFUSED_FOR, Rest};
use crate::session::{
    Boarding, Cause, Epoch, Fetched, Flight, Footing, SendTurn, Session, StoredSession, Turn, Want,
};
use crate::token::{Fingerprint, Identity, TokenSet};

/// What a flight needs of the world and of its session.
#[derive(Clone)]
pub(crate) struct Refresh {
    pub(crate) broker: Broker,
    pub(crate) session: Arc<Session>,
    pub(crate) target: Target,
    pub(crate) cause: Cause,
    /// What it is refused is remembered of that alone.
    pub(crate) footing: Footing,
}

impl Broker {
    pub(crate) fn refresh(&self, session: &Arc<Session>, target: &Target, cause: Cause) -> Refresh {
        let (session, footing) = (session.clone(), session.footing());
        Refresh { broker: self.clone(), session, target: target.clone(), cause, footing }
    }
}

impl Refresh {
    /// Joins the flight under way for this target, or starts one. A caller that hangs up never
    /// cancels a rotation already sent.
    pub(crate) fn once(self) -> Flight {
        let (place, flight) = match self.session.board(&self.target) {
            Boarding::Joined(flight) => return flight,
            Boarding::Begins(place, flight) => (place, flight),
        };
        let spawn = self.broker.ports.spawn.clone();
        let before = self.session.token(&self.target).map(|token| token.fingerprint);
        spawn.spawn(Box::pin(async move {
            let fetched = self.fetch(before).await;
            place.arrive(fetched);
            self.broker.alarm.ring();
        }));
        flight
    }

    fn fetch(&self, before: Option<Fingerprint>) -> Pending<'_, Fetched> {
        Box::pin(async move {
            match &self.target.obtain {
                Obtain::Narrow | Obtain::SignIn if !self.session.profile().kind.signs_in() => {
                    self.client_credentials().await
                }
                Obtain::Narrow | Obtain::SignIn => self.refresh(before).await,
                Obtain::Exchange => self.exchange().await,
                Obtain::JwtBearer(deployment) => self.jwt_bearer(deployment).await,
            }
        })
    }

    async fn refresh(&self, before: Option<Fingerprint>) -> Fetched {
        let ports = &self.broker.ports;
        let want = Want { target: &self.target, cause: self.cause, before };
        let mut turn = match self.session.send_turn(ports, want).await {
            Turn::Yours(turn) => turn,
            Turn::Renewed(token) => return Ok(token),
            Turn::Refused(refusal) => return Err(refusal),
        };
        // Where the mark cannot be written nothing was sent, and nothing is for a while.
        let asked = self.ask(&mut turn).await.inspect_err(|refusal| self.backs_off(refusal))?;
        let received = match asked {
            Ok(received) => received,
            Err(failure) => return self.fail(turn, failure).await,
        };
        match turn.judge(ports, &self.target, received).await {
            Ok(set) => self.settle(turn, set).await,
            Err(failure) => self.fail(turn, failure).await,
        }
    }

    /// On the record, then where callers find it; the session is told last, and the mark goes.
    async fn settle(&self, turn: Box<SendTurn>, set: TokenSet) -> Fetched {
        let ports = &self.broker.ports;
        if let Some(description) = set.disbelieved {
            let error = "invalid_token".to_owned();
            return self.fail(turn, TokenFailure::Misconfigured { error, description }).await;
        }
        let identity = set.identity.clone();
        let granted = self.dress(set);
        let stored = StoredSession {
            identity: identity.clone().or_else(|| turn.stored().identity.clone()),
            ..turn.stored().clone()
        };
        let fetched = self.publish(&stored, turn.epoch(), granted);
        turn.answered(ports, identity).await;
        fetched
    }

    /// Records the refresh and puts the token where callers find it.
    fn publish(&self, stored: &StoredSession, epoch: Epoch, token: Cached) -> Fetched {
        let caller = own_voice();
        let person = stored.identity.as_ref().map(Identity::person);
        let mut record = Record::new(Event::Refresh, Outcome::Ok, &caller);
        record.session = Some(&self.session.key);
        record.person = person.as_ref();
        record.scopes = self.target.scopes.as_ref().or(Some(&stored.granted));
        record.audience = token.set.audience.as_deref();
        record.fingerprint = Some(token.fingerprint.short());
        record.expires_at = Some(token.set.expires_at);
        self.broker.record(&record).inspect_err(|refusal| self.backs_off(refusal))?;
        self.check_scope(stored, &token)?;
        self.check_audience(&token)?;
        // Where the config changed meanwhile, whoever asked before has it, and nobody after.
        self.session.publish(epoch, &self.target, &token);
        Ok(token)
    }

    /// One for another audience is not served, and takes the place of none that is good.
    fn check_audience(&self, token: &Cached) -> Result<(), Refusal> {
        let said = token.set.audience.as_deref();
        self.target.is_answered_by(said).inspect_err(|refusal| {
            self.rests_after(refusal, |_| REFUSED_FOR);
        })
    }

    /// A token whose scope lacks what was asked, or what the sign-in was granted, is not served.
    fn check_scope(&self, stored: &StoredSession, token: &Cached) -> Result<(), Refusal> {
        let Some(short) = self.shortfall(stored, &token.set) else { return Ok(()) };
        let refusal = match &self.target.scopes {
            Some(_) => short,
            None => match &*self.session.profile() {
                client if !client.kind.signs_in() => {
                    short.hint(format!("have Ping grant it, or mend `[profile.{}]`", client.name))
                }
                profile => short.hint(format!("run `{}`", profile.login())),
            },
        };
        self.rests_after(&refusal, |_| REFUSED_FOR);
        Err(refusal)
    }

    fn is_short(&self, stored: &StoredSession, set: &TokenSet) -> bool {
        self.shortfall(stored, set).is_some()
    }

    fn shortfall(&self, stored: &StoredSession, set: &TokenSet) -> Option<Refusal> {
        let (asked, got) = (self.asked(stored)?, set.scope.as_ref()?);
        (!got.covers(asked)).then(|| granted_less(asked, got))
    }

    /// `None` where what is given need not be what was granted: for a resource, or by exchange.
    fn asked<'a>(&'a self, stored: &'a StoredSession) -> Option<&'a Scopes> {
        let Target { scopes, resource, audience: _, params, obtain } = &self.target;
        match obtain {
            Obtain::Narrow | Obtain::SignIn if resource.is_none() && params.is_empty() => {
                scopes.as_ref().or(Some(&stored.granted))
            }
            Obtain::Narrow | Obtain::SignIn | Obtain::Exchange | Obtain::JwtBearer(_) => {
                scopes.as_ref()
            }
        }
    }

    pub(crate) fn dress(&self, mut set: TokenSet) -> Cached {
        let now = self.broker.ports.clock.now();
        let due = freshness::refresh_at(
            set.received_at,
            set.expires_at,
            self.session.profile().refresh_margin,
            self.broker.ports.clock.chance(),
        );
        let before = self.session.token(&self.target);
        let before = before.as_ref();
        set.id_token = set.id_token.or_else(|| before.and_then(|old| old.set.id_token.clone()));
        let mut token = Cached::new(set, due);
        let lifetime = token.lifetime();
        token.longest = match (self.cause, before.and_then(|old| old.longest)) {
            // What it gives now counts, however much it once gave.
            (Cause::MinTtl, _) => Some(lifetime),
            (Cause::Expiry | Cause::Rejected, longest) => longest.map(|known| known.max(lifetime)),
        };
        let same = before.is_some_and(|old| old.fingerprint == token.fingerprint);
        if self.cause == Cause::Rejected && same {
            token.refused = Some(Rest::new(now, REFUSED_FOR));
        }
        token
    }

    fn record_failure(&self, refusal: &Refusal) -> Result<(), Refusal> {
        let caller = own_voice();
        let mut record = Record::new(Event::Refresh, Outcome::Failed, &caller);
        record.session = Some(&self.session.key);
        record.scopes = self.target.scopes.as_ref();
        record.error = Some(refusal.code.as_str());
        record.reason = refusal.cause.as_deref();
        self.broker.record(&record)
    }

    /// This target alone is left alone.
    pub(crate) fn rests_after(&self, refusal: &Refusal, span: impl FnOnce(u32) -> Duration) {
        let now = self.broker.ports.clock.now();
        self.session.rests((self.footing, &self.target), refusal, now, span);
    }

    /// A ledger that takes nothing must not have a healthy Ping asked twice a second.
    pub(crate) fn backs_off(&self, refusal: &Refusal) {
        let chance = self.broker.ports.clock.chance();
        self.rests_after(refusal, |n| freshness::backoff(n, None, chance));
    }

    /// The session's own token, by a flight of its own.
    pub(crate) fn of_base(&self) -> Self {
        Self { target: Target::default(), cause: Cause::Expiry, ..self.clone() }
    }
}

fn granted_less(asked: &Scopes, got: &Scopes) -> Refusal {
    Refusal::new(ErrorCode::InvalidScope, "Ping granted less than was asked")
        .because(format!("asked for `{asked}`, granted `{got}`"))
}

/// The agent's own doing, as the ledger names it.
pub(crate) fn own_voice() -> Caller {
    Caller { transport: Transport::Agent, ..Caller::default() }
}
