//! Beginning, keeping and ending a session: what the broker does when nobody is waiting for a token.

use std::sync::Arc;
use std::time::Duration;

use crate::audit::{Event, Outcome, Record};
use crate::broker::Broker;
use crate::cache::Cached;
use crate::endpoints::{self, Standing};
use crate::error::Refusal;
use crate::freshness;
use crate::ports::{Revocation, Saved};
use crate::refusals;
use crate::request::{Caller, SessionKey, Target};
use crate::rest::Rest;
use crate::session::{ActiveSession, EndReason, InFlight, Safety, SessionState, StoredSession};
use crate::slot::{Cause, Slot};
use crate::time::Timestamp;
use crate::token::TokenSet;

/// How long after waking do proactive refreshes spread themselves out?
const WAKE_SPREAD: Duration = Duration::from_secs(60);

impl Broker {
    /// Reads the store, once for however many ask. Returns when the state is known.
    pub async fn load_session(&self, key: &SessionKey) -> Result<(), Refusal> {
        let slot = self.slot(key)?;
        self.load(&slot).await;
        Ok(())
    }

    pub(crate) async fn load(&self, slot: &Slot) {
        let _turn = slot.loading.lock().await;
        if !matches!(slot.held().state, SessionState::Unloaded | SessionState::Unreadable(_)) {
            return;
        }
        // A rotation under way writes what is read here, where the profile changed meanwhile.
        let _settled = slot.sends.lock().await;
        let loaded = self.ports.store.load(&slot.key).await;
        let state = match loaded {
            Err(failure) => SessionState::Unreadable(failure),
            Ok(loaded) => match loaded.session {
                None => SessionState::SignedOut,
                Some(stored) => self.found(slot, stored, loaded.in_flight).await,
            },
        };
        slot.held().state = state;
    }

    async fn found(
        &self,
        slot: &Slot,
        mut stored: StoredSession,
        in_flight: Option<InFlight>,
    ) -> SessionState {
        let profile = slot.profile();
        match endpoints::standing(&stored, &profile) {
            Standing::Another => return SessionState::SignedOut,
            Standing::Elsewhere(why) => return withheld(why, self.ports.clock.now()),
            Standing::Ours => {}
        }
        if stored.endpoints.is_none() {
            stored.endpoints = Some(endpoints::of(&profile));
            // Where Ping does not rotate nothing else writes it down before the next sign-in.
            match self.ports.store.save(&slot.key, &stored).await {
                Ok(_) => {}
                Err(failure) => drop(failure),
            }
        }
        let unanswered = in_flight.filter(|mark| is_about(mark, &stored));
        SessionState::Active(Box::new(ActiveSession {
            stored,
            safety: Safety::Kept,
            unanswered,
            trouble: None,
            answered_at: None,
        }))
    }

    /// The record of a session whose tokens the config would send elsewhere: the store alone has it.
    async fn withheld(&self, slot: &Slot) -> Result<Option<StoredSession>, Refusal> {
        let elsewhere = matches!(
            &slot.held().state,
            SessionState::Ended { why: EndReason::Elsewhere { .. }, .. }
        );
        if !elsewhere {
            return Ok(None);
        }
        let loaded = self.ports.store.load(&slot.key).await;
        let loaded = loaded.map_err(|failure| refusals::store(&slot.profile(), &failure))?;
        Ok(loaded.session)
    }

    /// A sign-in succeeded: save first, then publish.
    pub async fn adopt(
        &self,
        key: &SessionKey,
        mut stored: StoredSession,
        set: TokenSet,
        caller: &Caller,
    ) -> Result<(), Refusal> {
        let slot = self.slot(key)?;
        let _turn = slot.sends.lock().await;
        if let SessionState::Active(before) = &slot.held().state {
            stored.generation = before.stored.generation + 1;
        }
        let mut record = Record::new(Event::SignIn, Outcome::Ok, caller);
        record.session = Some(key);
        record.subject = stored.identity.as_ref().map(|who| &who.subject);
        record.scopes = Some(&stored.granted);
        self.record(&record)?;
        let saved = self.ports.store.save(key, &stored).await;
        let safety = match saved {
            Ok(Saved::Kept) => Safety::Kept,
            Ok(Saved::Fallback) => Safety::Fallback,
            // Asked before the browser opened; what fails since then is retried, and told.
            Err(_) => Safety::MemoryOnly,
        };
        let due = freshness::refresh_at(
            set.received_at,
            set.expires_at,
            slot.profile().refresh_margin,
            self.ports.clock.chance(),
        );
        let answered_at = Some(set.received_at);
        let standing = endpoints::standing(&stored, &slot.profile());
        let mut held = slot.held();
        held.cache.clear();
        held.rests.clear();
        held.deployments.begin_anew();
        // The config may have changed while the person signed in: it is not theirs that is sent on.
        match standing {
            Standing::Ours => {}
            Standing::Elsewhere(why) => {
                let refusal = refusals::ended(&slot.profile(), &why);
                held.state = withheld(why, self.ports.clock.now());
                return Err(refusal);
            }
            Standing::Another => {
                held.state = SessionState::SignedOut;
                return Err(refusals::signed_out(&slot.profile())
                    .because("the config changed while you signed in"));
            }
        }
        held.cache.insert(Target::default(), Cached::new(set, due));
        held.state = SessionState::Active(Box::new(ActiveSession {
            stored,
            safety,
            unanswered: None,
            trouble: None,
            answered_at,
        }));
        Ok(())
    }

    /// What a new sign-in on this session is compared with.
    pub async fn previous(&self, key: &SessionKey) -> Result<Option<StoredSession>, Refusal> {
        let slot = self.slot(key)?;
        self.load(&slot).await;
        if let SessionState::Active(active) = &slot.held().state {
            return Ok(Some(active.stored.clone()));
        }
        self.withheld(&slot).await
    }

    /// Revokes the refresh token and forgets the session. `None` where nobody was signed in.
    pub async fn sign_out(
        &self,
        key: &SessionKey,
        caller: &Caller,
    ) -> Result<Option<Revocation>, Refusal> {
        let slot = self.slot(key)?;
        self.load(&slot).await;
        let Some(stored) = self.withheld(&slot).await? else {
            return self.sign_out_of(&slot, caller).await;
        };
        // It ends where it was made, not where the config would send it.
        let made = Slot::after(&slot, Arc::new(self.client_of(key, &stored)));
        let ended = self.sign_out_of(&made, caller).await;
        let mut held = slot.held();
        held.state = SessionState::Unloaded;
        held.deployments.inherit(&mut made.held().deployments);
        ended
    }

    /// As [`Self::sign_out`], of a session that no config in force names: by what its record says.
    pub async fn sign_out_unknown(
        &self,
        key: &SessionKey,
        stored: &StoredSession,
        caller: &Caller,
    ) -> Result<Option<Revocation>, Refusal> {
        let client = Arc::new(self.client_of(key, stored));
        self.sign_out_of(&Slot::new(key.clone(), client), caller).await
    }

    async fn sign_out_of(
        &self,
        slot: &Slot,
        caller: &Caller,
    ) -> Result<Option<Revocation>, Refusal> {
        let key = &slot.key;
        self.load(slot).await;
        let _turn = slot.sends.lock().await;
        let mut record = Record::new(Event::SignOut, Outcome::Ok, caller);
        record.session = Some(key);
        self.record(&record)?;
        let state = {
            let mut held = slot.held();
            held.cache.clear();
            held.used.clear();
            held.rests.clear();
            held.deployments.begin_anew();
            std::mem::replace(&mut held.state, SessionState::SignedOut)
        };
        // The debt is written and the record forgotten first: whatever ends us while Ping is asked, the
        // next start finds nobody signed in, and a token to revoke.
        let owed = match &state {
            SessionState::Active(active) => Some(self.owe_to(slot, &active.stored).await),
            SessionState::Unloaded
            | SessionState::Unreadable(_)
            | SessionState::SignedOut
            | SessionState::Ended { .. } => None,
        };
        let forgotten = self.ports.store.forget(key).await;
        let revocation = match owed {
            Some(owed) => Some(self.revoke(&slot.profile(), owed).await),
            None => None,
        };
        if let Err(failure) = forgotten {
            // Nobody knows what the store still has: it is read when it can be.
            let unread = matches!(state, SessionState::Unloaded | SessionState::Unreadable(_));
            if unread {
                slot.held().state = SessionState::Unloaded;
            }
            return Err(refusals::store(&slot.profile(), &failure));
        }
        Ok(revocation)
    }

    /// Called every few seconds: refreshes what is in use ahead of need, saves what could not be
    /// saved, ends what has run out. `woke` spreads the refreshes of a machine that slept.
    pub async fn tend(&self, woke: bool) {
        let now = self.ports.clock.now();
        for slot in self.all() {
            if woke {
                let wait = WAKE_SPREAD.mul_f64(self.ports.clock.chance());
                slot.held().spread_until = Some(now.plus(wait));
            }
            self.save_again(&slot).await;
            let due = || due_targets(&slot, now);
            if due().is_empty() || self.ports.store.readiness().await.is_err() {
                continue;
            }
            // Looked at again: a caller's refresh may have landed while the store was asked.
            for target in due() {
                self.refresh(&slot, &target, Cause::Expiry).once();
            }
        }
    }

    /// A refresh token that only memory or the fallback holds goes to the keychain when it can.
    async fn save_again(&self, slot: &Slot) {
        let unsaved = |slot: &Slot| match &slot.held().state {
            SessionState::Active(active) if active.safety != Safety::Kept => Some(active.clone()),
            _ => None,
        };
        let now = self.ports.clock.now();
        let rests = slot.held().unkept.is_some_and(|(rest, _)| !rest.is_over(now));
        if unsaved(slot).is_none() || rests || self.ports.store.readiness().await.is_err() {
            return;
        }
        // Whoever asks Ping meanwhile saves by himself; the other sessions wait for neither.
        let Ok(_turn) = slot.sends.try_lock() else { return };
        // Looked at again: whoever had the turn may have rotated, saved or signed out.
        let Some(active) = unsaved(slot) else { return };
        let saved = self.ports.store.save(&slot.key, &active.stored).await;
        let mut held = slot.held();
        let failures = held.unkept.map_or(1, |(_, failures)| failures + 1);
        let wait = freshness::backoff(failures, None, self.ports.clock.chance());
        let kept = matches!(saved, Ok(Saved::Kept));
        held.unkept = (!kept).then_some((Rest::new(now, wait), failures));
        if let SessionState::Active(now) = &mut held.state
            && now.stored.generation == active.stored.generation
        {
            now.safety = match saved {
                Ok(Saved::Kept) => Safety::Kept,
                Ok(Saved::Fallback) => Safety::Fallback,
                Err(_) => now.safety,
            };
        }
    }

    /// A store that could not be read may be readable now.
    pub fn reconsider_store(&self) {
        for slot in self.all() {
            let mut held = slot.held();
            if matches!(held.state, SessionState::Unreadable(_)) {
                held.state = SessionState::Unloaded;
            }
        }
    }

    /// The store is another one: it may hold what the one before did not.
    pub fn reread_store(&self) {
        for slot in self.all() {
            let mut held = slot.held();
            match held.state {
                SessionState::Unreadable(_) | SessionState::SignedOut => {
                    held.state = SessionState::Unloaded;
                }
                SessionState::Unloaded | SessionState::Active(_) | SessionState::Ended { .. } => {}
            }
        }
    }
}

fn due_targets(slot: &Slot, now: Timestamp) -> Vec<Target> {
    let mut held = slot.held();
    if held.spread_until.is_some_and(|until| now < until) {
        return Vec::new();
    }
    held.spread_until = None;
    let SessionState::Active(active) = &held.state else { return Vec::new() };
    let resting = active.trouble.as_ref().is_some_and(|trouble| !trouble.rest.is_over(now));
    if resting || active.unanswered.is_some() || active.stored.refresh_token.is_none() {
        return Vec::new();
    }
    let wanted = |(target, token): (&Target, &Cached)| {
        let used = held.used.get(target)?;
        let lifetime = token.set.received_at.until(token.set.expires_at);
        let due = now >= token.refresh_at
            && held.rests.resting(target, now).is_none()
            && freshness::in_use(*used, token.set.received_at, lifetime, now);
        due.then(|| target.clone())
    };
    held.cache.iter().filter_map(wanted).collect()
}

/// A mark is about the stored token, or about one that was replaced since and no longer matters.
fn is_about(mark: &InFlight, stored: &StoredSession) -> bool {
    stored.refresh_token.as_ref().is_some_and(|token| token.fingerprint() == mark.refresh_token)
}

fn withheld(why: EndReason, at: Timestamp) -> SessionState {
    SessionState::Ended { why, at, lasted: None }
}
