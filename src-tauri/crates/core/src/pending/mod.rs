//! What a sign-in received and nobody has judged yet. It is kept beside the session before anything slow
//! or fallible stands in the way, and nothing is served from it. What a crash leaves of it is judged at
//! the next start, by one refresh of its own.

pub(crate) mod note;

use std::time::Duration;

use crate::answers::TokenFailure;
use crate::audit::{Event, Outcome, Record};
use crate::broker::Broker;
use crate::endpoints::{self, Standing};
use crate::error::Refusal;
use crate::freshness;
use crate::ports::{Grant, Redeemed, RevokedFor, StoreFailure};
use crate::refresh::own_voice;
use crate::refusals;
use crate::request::{SessionKey, Target};
use crate::rest::Rest;
use crate::session::{EndReason, Session, SessionState, StoredSession};
use crate::time::Timestamp;
use crate::token::TokenSet;

pub use note::PendingSignIn;

/// How often may a server answer the check with another refresh token and nothing to judge?
const RENEWALS: u64 = 3;

/// What became of one that an earlier life of the agent left.
enum Judged {
    Promoted,
    /// It is not believed, or somebody else's, or nobody can know whether it is still good.
    Void(String),
    /// Ping, or the store, could not be asked; for how long Ping wants to be left alone.
    Later(Option<Duration>),
}

impl Broker {
    /// At the agent's start: looks for what an earlier life left, and opens no keychain where there is
    /// nothing.
    pub async fn judge_pending_sign_ins(&self) {
        let Ok(keys) = self.ports.pending.list().await else { return };
        for key in keys {
            if let Ok(session) = self.session_of(&key) {
                self.load(&session).await;
            }
        }
    }

    /// One pass for one session. It is put off where nobody can be asked.
    pub(crate) async fn judge_pending(&self, session: &Session) {
        let alone = session.alone().await;
        // What a sign-in under way keeps is its own to judge.
        if session.is_concluding() {
            return;
        }
        let judged = match self.pending_of(session).await {
            Ok(None) => return session.put_off_pending(None),
            Ok(Some(pending)) => self.judge_one(session, pending).await,
            Err(_) => Judged::Later(None),
        };
        drop(alone);
        match judged {
            Judged::Promoted => session.put_off_pending(None),
            Judged::Later(retry_after) => {
                let wait = freshness::backoff(5, retry_after, self.ports.clock.chance());
                session.put_off_pending(Some(Rest::new(self.ports.clock.now(), wait)));
            }
            Judged::Void(cause) => {
                session.put_off_pending(None);
                self.tell_of_void(session, &cause);
            }
        }
    }

    /// As it is kept. A mark that this life made and nothing followed does not count: a store that was too slow
    /// for us may have taken the mark after all, or not have taken it back.
    async fn pending_of(&self, session: &Session) -> Result<Option<PendingSignIn>, StoreFailure> {
        let mut pending = self.ports.pending.load(&session.key).await?;
        if let Some(one) = &mut pending {
            let stayed = |token| session.has_kept_back(token);
            one.sent &= !one.stored.refresh_token.as_ref().is_some_and(stayed);
        }
        Ok(pending)
    }

    async fn judge_one(&self, session: &Session, mut pending: PendingSignIn) -> Judged {
        let (key, profile) = (&session.key, session.profile());
        let Some(token) = pending.stored.refresh_token.clone() else {
            return self.void(key, None, "it had no refresh token").await;
        };
        if session.state().last().is_some_and(|last| last.is_sign_in(&pending.stored)) {
            // It took its place, and only this was not forgotten.
            return match self.ports.pending.forget(key).await {
                Ok(()) => Judged::Promoted,
                Err(_) => Judged::Later(None),
            };
        }
        if endpoints::standing(&pending.stored, &profile) != Standing::Ours {
            let cause = "the config names another client or other hosts since";
            return self.void(key, Some(pending.stored), cause).await;
        }
        if pending.sent {
            let cause = "the agent ended while it was being checked, so its token may be spent";
            return self.void(key, None, cause).await;
        }
        pending.sent = true;
        session.keep_back(Some(&token));
        if self.ports.pending.keep(key, &pending).await.is_err() {
            return Judged::Later(None);
        }
        let target = Target::of_sign_in(&profile);
        let before = pending.stored.clone();
        let grant =
            Grant::RefreshToken { token: &token, target: &target, session: &before, first: true };
        session.keep_back(None);
        let redeemed = match self.ports.server.redeem(&profile, grant).await {
            Ok(redeemed) => redeemed,
            Err(TokenFailure::Unreachable { sent: false, retry_after, .. }) => {
                pending.sent = false;
                session.keep_back(Some(&token));
                return match self.ports.pending.keep(key, &pending).await {
                    Ok(()) | Err(_) => Judged::Later(retry_after),
                };
            }
            Err(failure) => {
                let alive = (!failure.may_have_spent_it()).then_some(pending.stored);
                return self.void(key, alive, &failure.to_string()).await;
            }
        };
        pending.sent = false;
        pending.stored.generation += 1;
        let new = match &redeemed {
            Redeemed::Tokens(received) => received.set.refresh_token.clone(),
            Redeemed::Renewal(alone) => Some(alone.refresh_token.clone()),
        };
        pending.stored.refresh_token = new.or(pending.stored.refresh_token);
        // Where it is not kept, memory has it until it is judged.
        let kept = self.ports.pending.keep(key, &pending).await.is_ok();
        let judged = match redeemed {
            Redeemed::Tokens(received) => self.ports.server.judge(&profile, grant, *received).await,
            // The next look begins with what came, for as long as there is hope of more.
            Redeemed::Renewal(_) if kept && pending.stored.generation <= RENEWALS => {
                return Judged::Later(None);
            }
            Redeemed::Renewal(alone) => {
                return self.void(key, Some(pending.stored), &alone.lacks).await;
            }
        };
        let set = match judged {
            Ok(TokenSet { disbelieved: Some(cause), .. }) => {
                return self.void(key, Some(pending.stored), &cause).await;
            }
            Ok(set) => set,
            // No keys just now: the next look begins with what came.
            Err(TokenFailure::Unreachable { retry_after, .. })
                if kept && pending.stored.generation <= RENEWALS =>
            {
                return Judged::Later(retry_after);
            }
            Err(failure) => {
                return self.void(key, Some(pending.stored), &failure.to_string()).await;
            }
        };
        let by = (&pending.assurance, &own_voice());
        match self.promote(session, pending.stored.clone(), (target, set), by).await {
            Ok(()) => Judged::Promoted,
            Err(refusal) => {
                let cause = refusal.cause.unwrap_or(refusal.what);
                self.void(key, Some(pending.stored), &cause).await
            }
        }
    }

    /// `alive`: what may still be good at Ping is revoked there.
    async fn void(&self, key: &SessionKey, alive: Option<StoredSession>, cause: &str) -> Judged {
        if let Some(stored) = alive {
            self.give_up(key, stored, RevokedFor::Good).await;
        }
        match self.ports.pending.forget(key).await {
            Ok(()) => Judged::Void(cause.to_owned()),
            // Found again at the next start, and void again.
            Err(failure) => Judged::Void(format!("{cause}; {failure}")),
        }
    }

    /// Whoever asks next hears why nobody is signed in, unless an older session stands.
    fn tell_of_void(&self, session: &Session, cause: &str) {
        let why = EndReason::BrokeOff { cause: cause.to_owned() };
        let state = session.state();
        match &state {
            // Of one that the config turns away the refresh token is still to be kept.
            SessionState::SignedOut | SessionState::Ended { .. } if state.holds().is_none() => {
                session.end(why, self.ports.clock.now());
            }
            SessionState::Unloaded
            | SessionState::Unreadable(_)
            | SessionState::SignedOut
            | SessionState::Ended { .. }
            | SessionState::Active(_)
            | SessionState::Client(_)
            | SessionState::Fixed(_) => {}
        }
        let caller = own_voice();
        let mut record = Record::new(Event::SignIn, Outcome::Failed, &caller);
        record.session = Some(&session.key);
        record.reason = Some(cause);
        match self.record(&record) {
            // Nothing leaves by it, so there is nothing to hold back where this cannot be written.
            Ok(()) | Err(_) => {}
        }
    }

    /// Of a sign-in that nobody keeps: what it received goes as well. Only one of until then, where that is
    /// told: nobody took a later one back.
    pub(crate) async fn drop_pending(
        &self,
        session: &Session,
        until: Option<Timestamp>,
    ) -> Result<(), Refusal> {
        // What is being judged just now ends by itself: somebody signed out meanwhile.
        if session.is_concluding() {
            return Ok(());
        }
        let key = &session.key;
        let failed = |failure| refusals::store(&session.profile(), &failure);
        if let Some(pending) = self.pending_of(session).await.map_err(failed)? {
            if until.is_some_and(|until| pending.stored.signed_in_at > until) {
                return Ok(());
            }
            if !pending.sent {
                self.give_up(key, pending.stored, RevokedFor::Good).await;
            }
            self.ports.pending.forget(key).await.map_err(failed)?;
        }
        session.put_off_pending(None);
        Ok(())
    }
}
