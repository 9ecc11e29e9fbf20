//! `Refresh::once`: one flight per (session, target), one send at a time per refresh token, each
//! detached from its callers. The order is the point: mark, send, SAVE, publish, wake.

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use crate::audit::{Event, Outcome, Record};
use crate::cache::Cached;
use crate::endpoints::{Standing, standing};
use crate::error::{ErrorCode, Refusal};
use crate::freshness;
use crate::ports::{Grant, Pending, Ports, Saved, TokenFailure};
use crate::refusals;
use crate::request::{Caller, Obtain, Target, Transport};
use crate::rest::REFUSED_FOR;
use crate::session::{ActiveSession, EndReason, InFlight, Safety, SessionState, StoredSession};
use crate::slot::{Cause, Landing, Slot};
use crate::token::{RefreshToken, TokenSet};

/// What a flight needs of the world and of its session.
#[derive(Clone)]
pub(crate) struct Refresh {
    pub(crate) ports: Ports,
    /// Shared by all that ask the same issuer.
    pub(crate) lane: Arc<Semaphore>,
    pub(crate) slot: Arc<Slot>,
    pub(crate) target: Target,
    pub(crate) cause: Cause,
}

impl Refresh {
    /// Joins the flight under way for this target, or starts one. A caller that hangs up never
    /// cancels a rotation already sent.
    pub(crate) fn once(self) -> watch::Receiver<Option<Landing>> {
        let (landed, flight) = watch::channel(None);
        {
            let mut held = self.slot.held();
            if let Some(under_way) = held.flights.get(&self.target) {
                return under_way.clone();
            }
            held.flights.insert(self.target.clone(), flight.clone());
        }
        let spawn = self.ports.spawn.clone();
        spawn.spawn(Box::pin(async move {
            let berth = Berth { slot: self.slot.clone(), target: self.target.clone() };
            let landing = self.fly().await;
            drop(berth);
            landed.send_replace(Some(landing));
        }));
        flight
    }

    fn fly(&self) -> Pending<'_, Landing> {
        Box::pin(async move {
            match &self.target.obtain {
                Obtain::Narrow | Obtain::SignIn => self.refresh().await,
                Obtain::Exchange => self.exchange().await,
                Obtain::JwtBearer(deployment) => self.buy(deployment).await,
            }
        })
    }

    async fn refresh(&self) -> Landing {
        let _turn = self.slot.sends.lock().await;
        let mut active = self.active()?;
        let mut sent = self.refresh_token(&active)?;
        let mut answer = self.send(&mut active, &sent).await?;
        if let Err(TokenFailure::Rejected { .. }) = &answer
            && let Some(newer) = self.newer_in_store(&sent).await
        {
            sent = self.refresh_token(&newer)?;
            active = newer;
            answer = self.send(&mut active, &sent).await?;
        }
        match answer {
            Ok(set) => self.settle(active, set).await,
            Err(failure) => self.fail(active, failure).await,
        }
    }

    /// Writes the in-flight mark, then asks Ping.
    async fn send(
        &self,
        active: &mut ActiveSession,
        token: &RefreshToken,
    ) -> Result<Result<TokenSet, TokenFailure>, Refusal> {
        let profile = &self.slot.profile();
        let _lane = self.lane.acquire().await;
        let mark = InFlight {
            refresh_token: token.fingerprint(),
            since: active.unanswered.as_ref().map_or(self.ports.clock.now(), |mark| mark.since),
            attempts: active.unanswered.as_ref().map_or(1, |mark| mark.attempts + 1),
        };
        let marked = self.ports.store.mark(&self.slot.key, Some(&mark)).await;
        marked.map_err(|failure| refusals::store(profile, &failure))?;
        let grant = Grant::RefreshToken { token, target: &self.target, session: &active.stored };
        let answer = self.ports.server.redeem(profile, grant).await;
        if let Err(TokenFailure::Unreachable { sent: true, .. }) = &answer {
            active.unanswered = Some(mark);
        }
        Ok(answer)
    }

    /// Save first, then publish.
    async fn settle(&self, mut active: ActiveSession, set: TokenSet) -> Landing {
        if let Some(now) = other_subject(&active.stored, &set) {
            return self.end(EndReason::SubjectChanged { now }).await;
        }
        let rotated = renew(&mut active.stored, &set);
        if rotated {
            active.safety = match self.ports.store.save(&self.slot.key, &active.stored).await {
                Ok(Saved::Kept) => Safety::Kept,
                Ok(Saved::Fallback) => Safety::Fallback,
                Err(_) => Safety::MemoryOnly,
            };
        }
        active.unanswered = None;
        active.answered_at = Some(set.received_at);
        if let Some(description) = set.disbelieved {
            let error = "invalid_token".to_owned();
            return self.fail(active, TokenFailure::Misconfigured { error, description }).await;
        }
        active.trouble = None;
        let landing = self.publish(&active, set);
        self.slot.held().state = SessionState::Active(Box::new(active.clone()));
        if active.safety != Safety::MemoryOnly {
            self.unmark().await;
        }
        landing
    }

    /// Records the refresh and puts the token where callers find it.
    pub(crate) fn publish(&self, active: &ActiveSession, set: TokenSet) -> Landing {
        let cached = self.dress(set);
        let caller = own_voice();
        let mut record = Record::new(Event::Refresh, Outcome::Ok, &caller);
        record.session = Some(&self.slot.key);
        record.subject = active.stored.identity.as_ref().map(|who| &who.subject);
        record.scopes = self.target.scopes.as_ref().or(Some(&active.stored.granted));
        record.audience = cached.set.audience.as_deref();
        record.fingerprint = Some(cached.fingerprint.short());
        record.expires_at = Some(cached.set.expires_at);
        self.record(&record).inspect_err(|refusal| self.backs_off(refusal))?;
        self.check_scope(&cached)?;
        let mut held = self.slot.held();
        held.rests.answered(&self.target);
        held.cache.insert(self.target.clone(), cached.clone());
        drop(held);
        Ok(cached)
    }

    /// A token whose scope lacks what was asked is not served.
    fn check_scope(&self, cached: &Cached) -> Result<(), Refusal> {
        let (Some(asked), Some(got)) = (&self.target.scopes, &cached.set.scope) else {
            return Ok(());
        };
        if asked.is_subset(got) {
            return Ok(());
        }
        let refusal = Refusal::new(ErrorCode::InvalidScope, "Ping granted less than was asked")
            .because(format!("asked for `{asked}`, granted `{got}`"));
        self.rests_after(&refusal, |_| REFUSED_FOR);
        Err(refusal)
    }

    pub(crate) fn dress(&self, mut set: TokenSet) -> Cached {
        let due = freshness::refresh_at(
            set.received_at,
            set.expires_at,
            self.slot.profile().refresh_margin,
            self.ports.clock.chance(),
        );
        let held = self.slot.held();
        let before = held.cache.get(&self.target);
        set.id_token = set.id_token.or_else(|| before.and_then(|old| old.set.id_token.clone()));
        let mut cached = Cached::new(set, due);
        let lifetime = cached.lifetime();
        cached.longest = match (self.cause, before.and_then(|old| old.longest)) {
            // What it gives now counts, however much it once gave.
            (Cause::MinTtl, _) => Some(lifetime),
            (Cause::Expiry | Cause::Rejected, longest) => longest.map(|known| known.max(lifetime)),
        };
        cached.refused = self.cause == Cause::Rejected
            && before.is_some_and(|old| old.fingerprint == cached.fingerprint);
        cached
    }

    pub(crate) fn active(&self) -> Result<ActiveSession, Refusal> {
        let profile = &self.slot.profile();
        match &self.slot.held().state {
            SessionState::Active(active) => Ok(ActiveSession::clone(active)),
            SessionState::Ended { why, .. } => Err(refusals::ended(profile, why)),
            SessionState::Unreadable(failure) => Err(refusals::store(profile, failure)),
            SessionState::Unloaded | SessionState::SignedOut => Err(refusals::signed_out(profile)),
        }
    }

    fn refresh_token(&self, active: &ActiveSession) -> Result<RefreshToken, Refusal> {
        active.stored.refresh_token.clone().ok_or_else(|| {
            let now = self.ports.clock.now();
            // The session lives as long as its token does; only another one cannot be had.
            if self.slot.held().cache.values().any(|token| token.valid_at(now)) {
                return refusals::no_refresh_token(&self.slot.profile());
            }
            let why = EndReason::NoRefreshToken;
            let refusal = refusals::ended(&self.slot.profile(), &why);
            self.slot.end(why, self.ports.clock.now());
            refusal
        })
    }

    /// Before a session is declared over the store is read again: another writer may have rotated.
    async fn newer_in_store(&self, sent: &RefreshToken) -> Option<ActiveSession> {
        let stored = self.ports.store.load(&self.slot.key).await.ok()?.session?;
        // By another config, perhaps: then it is not ours to send.
        if standing(&stored, &self.slot.profile()) != Standing::Ours {
            return None;
        }
        let newer = stored.refresh_token.as_ref()?.fingerprint() != sent.fingerprint();
        newer.then_some(ActiveSession {
            stored,
            safety: Safety::Kept,
            unanswered: None,
            trouble: None,
            answered_at: None,
        })
    }

    pub(crate) fn record_failure(&self, refusal: &Refusal) -> Result<(), Refusal> {
        let caller = own_voice();
        let mut record = Record::new(Event::Refresh, Outcome::Failed, &caller);
        record.session = Some(&self.slot.key);
        record.scopes = self.target.scopes.as_ref();
        record.error = Some(refusal.code.as_str());
        record.reason = refusal.cause.as_deref();
        self.record(&record)
    }

    pub(crate) fn record(&self, record: &Record<'_>) -> Result<(), Refusal> {
        self.ports.witness.record(record).map_err(|failure| not_recorded(&failure.0))
    }

    /// A mark that stays behind costs one needless caution after a restart, never a session.
    pub(crate) async fn unmark(&self) {
        match self.ports.store.mark(&self.slot.key, None).await {
            Ok(()) | Err(_) => {}
        }
    }
}

pub(crate) fn not_recorded(cause: &str) -> Refusal {
    Refusal::new(ErrorCode::NotRecorded, "the access cannot be recorded, so it is denied")
        .because(cause)
        .hint("run `dagpass doctor`")
}

/// Waits for a flight's landing.
pub(crate) async fn landing(mut flight: watch::Receiver<Option<Landing>>) -> Landing {
    let lost = || {
        Refusal::new(ErrorCode::ServerError, "the refresh ended without an answer")
            .hint("run `dagpass agent restart`")
    };
    let landed = flight.wait_for(Option::is_some).await.map_err(|_closed| lost())?;
    landed.clone().unwrap_or_else(|| Err(lost()))
}

/// The agent's own doing, as the ledger names it.
pub(crate) fn own_voice() -> Caller {
    Caller { transport: Transport::Agent, ..Caller::default() }
}

/// Takes what the answer renews; `true` where the refresh token is another one now.
fn renew(stored: &mut StoredSession, set: &TokenSet) -> bool {
    if let Some(who) = &set.identity {
        stored.identity = Some(who.clone());
    }
    if set.refresh_expires_at.is_some() {
        stored.refresh_expires_at = set.refresh_expires_at;
    }
    let Some(new) = &set.refresh_token else { return false };
    let same = stored.refresh_token.as_ref().is_some_and(|old| old.expose() == new.expose());
    if same {
        return false;
    }
    stored.refresh_token = Some(new.clone());
    stored.generation += 1;
    true
}

fn other_subject(stored: &StoredSession, set: &TokenSet) -> Option<String> {
    let (before, now) = (stored.identity.as_ref()?, set.identity.as_ref()?);
    (before.subject != now.subject).then(|| now.subject.sub.clone())
}

/// A flight's place in the table; freed even where the flight panics.
struct Berth {
    slot: Arc<Slot>,
    target: Target,
}

impl Drop for Berth {
    fn drop(&mut self) {
        self.slot.held().flights.remove(&self.target);
    }
}
