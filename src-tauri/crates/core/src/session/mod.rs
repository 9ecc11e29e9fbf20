//! One session: the only owner of its refresh token, of its access tokens and of what is on its way for
//! it. It stays the same one when the config changes; the profile is an input. One short lock, never held
//! across an await.
//!
//! 1. [`state`]: what it can be, and how it becomes something else
//! 2. [`stored`]: what of it is in the keychain; [`end`]: why it is over
//! 3. [`plan`]: what to do for one request, by what is held
//! 4. [`turn`]: the right to present the refresh token, judged anew when it comes
//! 5. [`flights`]: who waits for what is on its way
//! 6. [`due`]: what the clockwork has to do, and when next
//! 7. `gone`: who is still served where it was ended without anybody asking
//! 8. [`client`]: one that nobody signs in to
//! 9. [`held`]: what all of these look at

mod client;
mod due;
pub(crate) mod end;
mod flights;
mod gone;
mod held;
mod plan;
mod state;
pub(crate) mod stored;
mod turn;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use crate::cache::{Cached, Shown};
use crate::deployment::{DeploymentView, Deployments};
use crate::endpoints::{may_be_shown, same_client};
use crate::error::Refusal;
use crate::logout::{Gone, Out, WindUp};
use crate::profile::Profile;
use crate::request::{SessionKey, Target};
use crate::rest::Rest;
use crate::time::Timestamp;
use crate::token::{IdToken, Identity, Person, RefreshToken};

pub use client::{ClientSession, ProofOfClient};
pub use end::EndReason;
pub use state::{ActiveSession, FixedSession, Safety, SessionState, Trouble, TroubleKind};
pub use stored::{Horizon, HorizonSource, InFlight, REMEMBERED_ENDS, StoredSession, learned};

use held::Held;

pub(crate) use client::Footing;
use client::{asks_for_more, proves_otherwise};
pub(crate) use flights::{Boarding, Fetched, Flight};
pub(crate) use held::{Leaving, Left, Since};
pub(crate) use plan::{Cause, Plan};
pub(crate) use turn::{SendTurn, Turn, Want};

pub(crate) struct Session {
    pub(crate) key: SessionKey,
    held: Mutex<Held>,
    /// One at a time sends, saves, signs in or signs out.
    alone: Arc<tokio::sync::Mutex<()>>,
    /// One read of the store at a time.
    loading: tokio::sync::Mutex<()>,
}

/// Which sign-in, under which client: what was begun under another one is told to nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch(u64);

/// One session as `status` shows it.
#[derive(Clone, Debug)]
pub struct SessionView {
    pub key: SessionKey,
    pub profile: Arc<Profile>,
    pub state: SessionState,
    /// The main access token, where one is cached.
    pub token: Option<Shown>,
    /// Why nobody is signed in, where nobody asked for that.
    pub out: Option<Out>,
    /// What goes on nevertheless, and until when.
    pub wind_up: Option<WindUp>,
    /// Until when what it gave is good, whoever it is served to.
    pub good_until: Option<Timestamp>,
}

impl SessionView {
    /// What Ping wants to see where its own session is to be ended; where the config has that done
    /// elsewhere, nobody is shown it.
    pub fn id_token_hint(&self) -> Option<IdToken> {
        let last = self.state.last()?;
        may_be_shown(last, &self.profile).then(|| last.id_token_hint.clone())?
    }
}

/// Whose tokens are served.
pub(crate) struct Whose {
    pub(crate) signed_in_at: Timestamp,
    pub(crate) person: Option<Person>,
}

/// Nobody else sends, saves, signs in or signs out meanwhile.
pub(crate) struct Alone(#[expect(dead_code, reason = "held, and let go")] OwnedMutexGuard<()>);

/// A sign-in is being judged by whoever received it.
pub(crate) struct Concluding(Arc<Session>);

impl Drop for Concluding {
    fn drop(&mut self) {
        self.0.held().concluding -= 1;
    }
}

impl Session {
    pub(crate) fn new(key: SessionKey, profile: Arc<Profile>) -> Self {
        Self {
            key,
            held: Mutex::new(Held::new(profile)),
            alone: Arc::default(),
            loading: tokio::sync::Mutex::new(()),
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn alone(&self) -> Alone {
        Alone(self.alone.clone().lock_owned().await)
    }

    /// `None` where somebody is at it, who then saves by himself.
    pub(crate) fn alone_now(&self) -> Option<Alone> {
        self.alone.clone().try_lock_owned().ok().map(Alone)
    }

    pub(crate) async fn loading(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.loading.lock().await
    }

    pub(crate) fn profile(&self) -> Arc<Profile> {
        self.held().profile.clone()
    }

    /// The config has another profile for it. What was refused may be granted now, so nothing rests any
    /// more but what Ping asked for. Under another client, or other hosts, whoever is signed in steps
    /// aside until the config names theirs again.
    pub(crate) fn take_profile(&self, profile: Arc<Profile>, now: Timestamp) {
        let mut held = self.held();
        held.rests.clear();
        held.forget_refusals();
        let before = std::mem::replace(&mut held.profile, profile);
        let was_away = std::mem::take(&mut held.away);
        let is_same = same_client(&before, &held.profile);
        if !is_same || was_away || asks_for_more(&before, &held.profile) {
            held.change_client(now);
        } else if proves_otherwise(&before, &held.profile) {
            held.proof_changed();
        } else {
            held.become_(SessionState::reconfigured);
        }
    }

    pub(crate) fn sign_outs(&self) -> u64 {
        self.held().sign_outs
    }

    pub(crate) fn state(&self) -> SessionState {
        self.held().state.clone()
    }

    /// Who is signed in, and since which sign-in; a refusal where nobody is.
    pub(crate) fn signed_in(&self) -> Result<(StoredSession, Epoch), Refusal> {
        let held = self.held();
        match held.state.stored() {
            Some(stored) => Ok((stored.clone(), Epoch(held.epoch))),
            None => Err(held.not_signed_in()),
        }
    }

    /// Whose tokens are served just now, also of a session that ended.
    pub(crate) fn whose(&self) -> Option<Whose> {
        let held = self.held();
        let last = held.state.last()?;
        Some(Whose {
            signed_in_at: last.signed_in_at,
            person: last.identity.as_ref().map(Identity::person),
        })
    }

    /// Who is or was signed in, also where they stand aside: the next to sign in is compared with them.
    pub(crate) fn last(&self) -> Option<StoredSession> {
        let held = self.held();
        let own = held.state.last();
        own.or_else(|| held.aside.as_ref().and_then(SessionState::last)).cloned()
    }

    /// What a caller hears where nobody is signed in.
    pub(crate) fn not_signed_in(&self) -> Refusal {
        self.held().not_signed_in()
    }

    /// Did nobody sign out, or sign in as another, since? Also not just now.
    pub(crate) fn is_still_of(&self, whose: &Whose) -> bool {
        let held = self.held();
        let known = [Some(&held.state), held.aside.as_ref()].into_iter().flatten();
        let mut known = known.filter_map(SessionState::last);
        !held.closes && known.any(|last| last.signed_in_at == whose.signed_in_at)
    }

    pub(crate) fn reread(&self, is_another: bool) {
        let mut held = self.held();
        held.proof += u64::from(is_another);
        held.become_(|state| state.reread(is_another));
    }

    /// Another sign-in takes the place of what was, which is given back.
    /// Its token is served as what was asked for, whatever the config says by now.
    pub(crate) fn sign_in(
        &self,
        state: SessionState,
        (target, token): (Target, Cached),
        now: Timestamp,
    ) -> Left {
        let mut held = self.held();
        let left = held.leave(state);
        held.gone = None;
        held.tokens.insert(target, token);
        held.stands_or_steps_aside(now);
        left
    }

    /// What it was; its tokens are gone. `out` says why, where nobody asked for it.
    pub(crate) fn sign_out(&self, out: Option<Out>) -> Left {
        let mut held = self.held();
        // A sign-in that is being finished is what a person takes back, and nobody else.
        held.sign_outs += u64::from(out.is_none());
        held.gone = out.map(Gone::Done);
        // Nobody has to come back to a client: the next who asks begins anew.
        let signs_in = held.profile.kind.signs_in();
        held.leave(if signs_in { SessionState::SignedOut } else { SessionState::Unloaded })
    }

    /// Above every record of before, so that a new one counts as the newest.
    pub(crate) fn next_generation(&self) -> u64 {
        let held = self.held();
        let known = [Some(&held.state), held.aside.as_ref()].into_iter().flatten();
        known.filter_map(SessionState::last).map(|last| last.generation + 1).max().unwrap_or(1)
    }

    pub(crate) fn end(&self, why: EndReason, at: Timestamp) {
        self.held().become_(|state| state.ended(why, at));
    }

    /// A fixed session ends with its token.
    pub(crate) fn end_what_ran_out(&self, now: Timestamp) {
        self.held().end_what_ran_out(now);
    }

    /// What memory or the fallback alone holds, unless the store is left alone just now.
    pub(crate) fn unsaved(&self, now: Timestamp) -> Option<StoredSession> {
        let held = self.held();
        let rests = held.unkept.is_some_and(|(rest, _)| !rest.is_over(now));
        held.unsaved().filter(|_| !rests).cloned()
    }

    /// The same, however lately the store would not.
    pub(crate) fn unsaved_still(&self) -> Option<StoredSession> {
        self.held().unsaved().cloned()
    }

    /// `wait` gives the rest after the n-th failure in a row.
    pub(crate) fn saved(
        &self,
        generation: u64,
        safety: Option<Safety>,
        now: Timestamp,
        wait: impl FnOnce(u32) -> Duration,
    ) {
        let mut held = self.held();
        let failures = held.unkept.map_or(1, |(_, failures)| failures + 1);
        held.unkept =
            (safety != Some(Safety::Kept)).then(|| (Rest::new(now, wait(failures)), failures));
        if let Some(safety) = safety {
            held.become_(|state| state.kept(generation, safety));
            held.aside = held.aside.take().map(|state| state.kept(generation, safety));
        }
    }

    /// For as long as a sign-in's answer is being judged.
    pub(crate) fn concludes(self: &Arc<Self>) -> Concluding {
        self.held().concluding += 1;
        Concluding(self.clone())
    }

    pub(crate) fn is_concluding(&self) -> bool {
        self.held().concluding > 0
    }

    pub(crate) fn put_off_pending(&self, rest: Option<Rest>) {
        self.held().pending = rest;
    }

    /// A pending sign-in's token, before it leaves and where it did not; `None` once it may have.
    pub(crate) fn keep_back(&self, token: Option<&RefreshToken>) {
        self.held().kept_back = token.map(RefreshToken::fingerprint);
    }

    pub(crate) fn has_kept_back(&self, token: &RefreshToken) -> bool {
        self.held().kept_back.as_ref() == Some(&token.fingerprint())
    }

    /// Callers find it from here on, unless it was begun under another sign-in or client.
    pub(crate) fn publish(&self, epoch: Epoch, target: &Target, token: &Cached) {
        let mut held = self.held();
        if held.epoch == epoch.0 {
            held.rests.answered(target);
            held.tokens.insert(target.clone(), token.clone());
        }
    }

    pub(crate) fn token(&self, target: &Target) -> Option<Cached> {
        self.held().tokens.get(target).cloned()
    }

    /// This target alone is left alone. `span` gives the rest after the n-th failure in a row.
    pub(crate) fn rests(
        &self,
        (footing, target): (Footing, &Target),
        refusal: &Refusal,
        now: Timestamp,
        span: impl FnOnce(u32) -> Duration,
    ) {
        let mut held = self.held();
        if held.footing() == footing {
            held.rests.failed(target, refusal, now, span);
        }
    }

    /// Gives a target that no config names a place, or says that there were too many.
    pub(crate) fn seat(&self, target: &Target, by: &str, now: Timestamp) -> Result<(), Refusal> {
        let held = &mut *self.held();
        let flights = &held.flights;
        let gone = held.typed.seat(target, by, now, |target| flights.contains_key(target))?;
        gone.iter().for_each(|target| held.forget(target));
        Ok(())
    }

    pub(crate) fn deployments<T>(&self, of: impl FnOnce(&mut Deployments) -> T) -> T {
        of(&mut self.held().deployments)
    }

    /// Is it still that sign-in's, also where it stands aside?
    pub(crate) fn is_still(&self, sign_in: &StoredSession) -> bool {
        self.held().is_still(sign_in)
    }

    /// Lists a deployment's JWT, unless another sign-in came meanwhile, or none is left.
    pub(crate) fn holds_jwt(
        &self,
        sign_in: &StoredSession,
        keep: impl FnOnce(&mut Deployments),
    ) -> bool {
        let mut held = self.held();
        let still = held.is_still(sign_in);
        if still {
            keep(&mut held.deployments);
        }
        still
    }

    pub(crate) fn deployment(&self, target: &Target, now: Timestamp) -> DeploymentView {
        let held = self.held();
        DeploymentView {
            token: held.tokens.get(target).filter(|one| one.valid_at(now)).map(Cached::shown),
            refusal: held.rests.last_refusal(target),
        }
    }

    pub(crate) fn view(&self) -> SessionView {
        let held = self.held();
        SessionView {
            key: self.key.clone(),
            profile: held.profile.clone(),
            state: held.state.clone(),
            token: held.tokens.get(&Target::of_sign_in(&held.profile)).map(Cached::shown),
            out: held.out(),
            wind_up: held.wind_up(),
            good_until: held.good_until(),
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("key", &self.key).finish_non_exhaustive()
    }
}
