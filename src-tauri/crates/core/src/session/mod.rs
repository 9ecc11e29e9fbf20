//! One session: the only owner of its refresh token, of its access tokens and of what is on its way for
//! it. It stays the same one when the config changes; the profile is an input. One short lock, never held
//! across an await.
//!
//! 1. [`state`]: what it can be, and how it becomes something else
//! 2. [`stored`]: what of it is in the keychain
//! 3. [`plan`]: what to do for one request, by what is held
//! 4. [`turn`]: the right to present the refresh token, judged anew when it comes
//! 5. [`flights`]: who waits for what is on its way
//! 6. [`due`]: what the clockwork has to do, and when next

mod due;
mod flights;
mod plan;
mod state;
mod stored;
mod turn;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use crate::cache::{Cached, Shown};
use crate::deployment::{DeploymentView, Deployments};
use crate::error::Refusal;
use crate::profile::Profile;
use crate::request::{SessionKey, Target};
use crate::rest::{Rest, Rests};
use crate::time::Timestamp;
use crate::typed::Typed;

pub use state::{
    ActiveSession, EndReason, FixedSession, Safety, SessionState, Trouble, TroubleKind,
};
pub use stored::{Horizon, HorizonSource, InFlight, REMEMBERED_ENDS, StoredSession, learned};

pub(crate) use flights::{Boarding, Fetched, Flight};
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

struct Held {
    profile: Arc<Profile>,
    state: SessionState,
    epoch: u64,
    tokens: HashMap<Target, Cached>,
    flights: HashMap<Target, Flight>,
    used: HashMap<Target, Timestamp>,
    /// What was refused a moment ago, or an hour.
    rests: Rests,
    deployments: Deployments,
    /// Targets that no config names.
    typed: Typed,
    /// How long a store that would not keep the record is left alone, and how often it would not.
    unkept: Option<(Rest, u32)>,
    /// A sign-in that an earlier life of the agent received and did not judge: when to try it next.
    pending: Option<Rest>,
    /// Sign-ins that were received and are being judged.
    concluding: usize,
    /// Its server wants the whole scope named at every refresh.
    names_scope: bool,
    /// Proactive refreshes wait until then: a fleet that wakes together is spread.
    spread_until: Option<Timestamp>,
}

/// One session as `status` shows it.
#[derive(Clone, Debug)]
pub struct SessionView {
    pub key: SessionKey,
    pub profile: Arc<Profile>,
    pub state: SessionState,
    /// The main access token, where one is cached.
    pub token: Option<Shown>,
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
            held: Mutex::new(Held {
                profile,
                state: SessionState::Unloaded,
                epoch: 0,
                tokens: HashMap::new(),
                flights: HashMap::new(),
                used: HashMap::new(),
                rests: Rests::default(),
                deployments: Deployments::default(),
                typed: Typed::default(),
                unkept: None,
                pending: None,
                concluding: 0,
                names_scope: false,
                spread_until: None,
            }),
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
    /// more but what Ping asked for. Another client is another sign-in: it is read anew.
    pub(crate) fn take_profile(&self, profile: Arc<Profile>) {
        let mut held = self.held();
        held.rests.clear();
        held.forget_refusals();
        if same_client(&held.profile, &profile) {
            held.become_(SessionState::reconfigured);
        } else {
            held.begin_anew(SessionState::Unloaded);
        }
        held.profile = profile;
    }

    pub(crate) fn epoch(&self) -> Epoch {
        Epoch(self.held().epoch)
    }

    pub(crate) fn state(&self) -> SessionState {
        self.held().state.clone()
    }

    /// Who is signed in, and since which sign-in; a refusal where nobody is.
    pub(crate) fn standing(&self) -> Result<(StoredSession, Epoch), Refusal> {
        let held = self.held();
        match held.state.stored() {
            Some(stored) => Ok((stored.clone(), Epoch(held.epoch))),
            None => Err(held.not_signed_in()),
        }
    }

    /// Has the store to be asked?
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.held().state, SessionState::Unloaded | SessionState::Unreadable(_))
    }

    /// The store answered.
    pub(crate) fn loaded(&self, state: SessionState) {
        self.held().state = state;
    }

    pub(crate) fn reread(&self, is_another: bool) {
        self.held().become_(|state| state.reread(is_another));
    }

    /// Another sign-in takes the place of what was, which is given back.
    pub(crate) fn sign_in(&self, state: SessionState, token: Cached) -> SessionState {
        let mut held = self.held();
        let before = held.begin_anew(state);
        held.tokens.insert(Target::default(), token);
        before
    }

    /// What it was; its tokens are gone.
    pub(crate) fn sign_out(&self) -> SessionState {
        self.held().begin_anew(SessionState::SignedOut)
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
        held.state.unsaved().filter(|_| !rests).cloned()
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

    /// What was begun under another sign-in is told to nobody: `false`.
    pub(crate) fn publish(&self, epoch: Epoch, target: &Target, token: &Cached) -> bool {
        let mut held = self.held();
        if held.epoch != epoch.0 {
            return false;
        }
        held.rests.answered(target);
        held.tokens.insert(target.clone(), token.clone());
        true
    }

    pub(crate) fn token(&self, target: &Target) -> Option<Cached> {
        self.held().tokens.get(target).cloned()
    }

    /// This target alone is left alone. `span` gives the rest after the n-th failure in a row.
    pub(crate) fn rests(
        &self,
        target: &Target,
        refusal: &Refusal,
        now: Timestamp,
        span: impl FnOnce(u32) -> Duration,
    ) {
        self.held().rests.failed(target, refusal, now, span);
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

    /// Lists a deployment's JWT, unless another sign-in came meanwhile.
    pub(crate) fn holds_jwt(&self, epoch: Epoch, keep: impl FnOnce(&mut Deployments)) -> bool {
        let mut held = self.held();
        let same = held.epoch == epoch.0 && held.state.stored().is_some();
        if same {
            keep(&mut held.deployments);
        }
        same
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
            token: held.tokens.get(&Target::default()).map(Cached::shown),
        }
    }
}

impl Held {
    /// The one way from one state to the next.
    fn become_(&mut self, next: impl FnOnce(SessionState) -> SessionState) {
        let state = std::mem::replace(&mut self.state, SessionState::Unloaded);
        self.state = next(state);
    }

    fn end_what_ran_out(&mut self, now: Timestamp) {
        if matches!(&self.state, SessionState::Fixed(fixed) if now >= fixed.until) {
            self.become_(|state| state.ended(EndReason::NoRefreshToken, now));
        }
    }

    /// Somebody signed in or out, or it is another client now: nothing of before is served, and what is
    /// on its way comes to nothing. The deployments' JWTs stay listed, so that they can be taken back.
    fn begin_anew(&mut self, state: SessionState) -> SessionState {
        self.epoch += 1;
        self.tokens.clear();
        self.used.clear();
        self.rests.clear();
        self.names_scope = false;
        self.deployments.begin_anew();
        self.unkept = None;
        std::mem::replace(&mut self.state, state)
    }

    fn forget_refusals(&mut self) {
        self.tokens.values_mut().for_each(|token| token.refused = None);
    }

    fn forget(&mut self, target: &Target) {
        self.tokens.remove(target);
        self.used.remove(target);
        self.rests.answered(target);
    }

    fn not_signed_in(&self) -> Refusal {
        self.state.refusal(&self.profile)
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("key", &self.key).finish_non_exhaustive()
    }
}

fn same_client(old: &Profile, new: &Profile) -> bool {
    old.issuer == new.issuer && old.client_id == new.client_id
}
