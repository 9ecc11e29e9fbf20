//! What is held of a session, and the few ways in which it changes as a whole. Its fields are this room's
//! own: from outside it is the session that is asked.

use std::collections::HashMap;
use std::sync::Arc;

use crate::cache::Cached;
use crate::deployment::Deployments;
use crate::endpoints::{self, Standing, same_client};
use crate::error::Refusal;
use crate::logout::Gone;
use crate::profile::Profile;
use crate::refusals;
use crate::request::Target;
use crate::rest::{Rest, Rests};
use crate::session::{
    ClientSession, EndReason, Flight, Footing, ProofOfClient, Session, SessionState, StoredSession,
};
use crate::time::Timestamp;
use crate::token::Fingerprint;
use crate::typed::Typed;

pub(super) struct Held {
    pub(super) profile: Arc<Profile>,
    pub(super) state: SessionState,
    /// Who is signed in where the config names another client just now, or sends their tokens elsewhere:
    /// memory may be all that has their newest refresh token.
    pub(super) aside: Option<SessionState>,
    pub(super) epoch: u64,
    /// How often what proves its client became another.
    pub(super) proof: u64,
    /// How often somebody signed out.
    pub(super) sign_outs: u64,
    /// It was ended without anybody asking: who is still served, and why nobody else is.
    pub(super) gone: Option<Gone>,
    /// A sign-out goes on the record.
    pub(super) closes: bool,
    /// The config names no such session just now.
    pub(super) away: bool,
    pub(super) tokens: HashMap<Target, Cached>,
    pub(super) flights: HashMap<Target, Flight>,
    pub(super) used: HashMap<Target, Timestamp>,
    /// What was refused a moment ago, or an hour.
    pub(super) rests: Rests,
    pub(super) deployments: Deployments,
    /// Targets that no config names.
    pub(super) typed: Typed,
    /// How long a store that would not keep the record is left alone, and how often it would not.
    pub(super) unkept: Option<(Rest, u32)>,
    /// A sign-in that an earlier life of the agent received and did not judge: when to try it next.
    pub(super) pending: Option<Rest>,
    /// The refresh token of such a one that was to leave and has stayed, whatever a slow store says of it.
    pub(super) kept_back: Option<Fingerprint>,
    /// Sign-ins that were received and are being judged.
    pub(super) concluding: usize,
    /// Its server wants the whole scope named at every refresh.
    pub(super) names_scope: bool,
    /// Proactive refreshes wait until then: a fleet that wakes together is spread.
    pub(super) spread: Option<Rest>,
}

/// What a sign-in or a sign-out leaves behind.
pub(crate) struct Left {
    pub(crate) was: SessionState,
    /// Whose refresh tokens may still be good.
    pub(crate) sessions: Vec<Leaving>,
}

/// A session that nobody keeps any more.
pub(crate) struct Leaving {
    pub(crate) stored: StoredSession,
    /// Its refresh token was sent without an answer: it may be spent.
    pub(crate) ambiguous: bool,
}

/// Since which sign-in a session's tokens are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// The store was not asked yet.
    Unasked,
    At(Timestamp),
    /// Nobody is signed in, or it cannot be read.
    Nobody,
}

impl Left {
    /// A record that was none of these sessions'.
    pub(crate) fn and(&mut self, stored: &StoredSession) {
        let is_new = !self.sessions.iter().any(|one| one.stored.is_sign_in(stored));
        if is_new && stored.refresh_token.is_some() {
            self.sessions.push(Leaving { stored: stored.clone(), ambiguous: false });
        }
    }
}

impl Since {
    pub(crate) fn at(self) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at),
            Self::Unasked | Self::Nobody => None,
        }
    }
}

impl Leaving {
    fn of(state: &SessionState) -> Option<Self> {
        let stored = state.holds()?.clone();
        let ambiguous = match state {
            SessionState::Active(active) => active.unanswered.is_some(),
            SessionState::Unloaded
            | SessionState::Unreadable(_)
            | SessionState::SignedOut
            | SessionState::Fixed(_)
            | SessionState::Client(_)
            | SessionState::Ended { .. } => false,
        };
        Some(Self { stored, ambiguous })
    }
}

impl Held {
    pub(super) fn new(profile: Arc<Profile>) -> Self {
        Self {
            profile,
            state: SessionState::Unloaded,
            aside: None,
            epoch: 0,
            proof: 0,
            sign_outs: 0,
            gone: None,
            closes: false,
            away: false,
            tokens: HashMap::new(),
            flights: HashMap::new(),
            used: HashMap::new(),
            rests: Rests::default(),
            deployments: Deployments::default(),
            typed: Typed::default(),
            unkept: None,
            pending: None,
            kept_back: None,
            concluding: 0,
            names_scope: false,
            spread: None,
        }
    }

    pub(super) fn leave(&mut self, state: SessionState) -> Left {
        let aside = self.aside.take();
        let was = self.begin_anew(state);
        // Of one sign-in, what stood aside is the newer.
        let newer = aside.as_ref().and_then(Leaving::of);
        let is_older = |own: &Leaving| {
            newer.as_ref().is_some_and(|newer| newer.stored.is_sign_in(&own.stored))
        };
        let own = Leaving::of(&was).filter(|own| !is_older(own));
        let sessions = own.into_iter().chain(newer).collect();
        Left { was, sessions }
    }

    pub(super) fn step_aside(&mut self) {
        let before = self.begin_anew(SessionState::Unloaded);
        self.deployments.has_new_proof();
        if matches!(before, SessionState::Client(_)) {
            // Nothing of it is lost: whoever asks for it again begins anew.
            return;
        }
        if before.stored().is_some() {
            self.aside = Some(before);
        } else if let SessionState::Ended { why, at, last: Some(last), .. } = before
            && self.aside.is_none()
        {
            // Whose it was is still compared with; its token, where it has one, is the store's to give.
            let last = last.tombstone(why.clone());
            self.aside = Some(SessionState::withheld(why, last, at));
        }
    }

    /// Whoever signed in, or was found signed in, while the config changed.
    pub(super) fn stands_or_steps_aside(&mut self, now: Timestamp) {
        if self.away || !self.profile.kind.signs_in() {
            return self.step_aside();
        }
        let stored = self.state.stored();
        let standing = stored.map(|stored| endpoints::standing(stored, &self.profile));
        if standing.is_some_and(|standing| standing != Standing::Ours) {
            self.change_client(now);
        }
    }

    pub(super) fn change_client(&mut self, now: Timestamp) {
        self.step_aside();
        if !self.profile.kind.signs_in() {
            return;
        }
        let Some(stored) = self.aside.as_ref().and_then(SessionState::stored) else { return };
        match endpoints::standing(stored, &self.profile) {
            Standing::Another => {}
            Standing::Elsewhere(why) => {
                self.state = SessionState::withheld(why, stored.clone(), now);
            }
            Standing::Ours => {
                self.state = self.aside.take().unwrap_or(SessionState::Unloaded);
                // Its token went with the others.
                if matches!(self.state, SessionState::Fixed(_)) {
                    self.become_(|state| state.ended(EndReason::NoRefreshToken, now));
                }
            }
        }
    }

    /// Is there a refresh token in memory, be it of who stands aside?
    pub(super) fn holds_token(&self) -> bool {
        let mut known = [Some(&self.state), self.aside.as_ref()].into_iter().flatten();
        known.any(|state| state.holds().is_some())
    }

    pub(super) fn is_still(&self, sign_in: &StoredSession) -> bool {
        let known = [Some(&self.state), self.aside.as_ref()].into_iter().flatten();
        known.filter_map(SessionState::stored).any(|stored| stored.is_sign_in(sign_in))
    }

    /// What memory or the fallback alone holds, also of who stands aside.
    pub(super) fn unsaved(&self) -> Option<&StoredSession> {
        let own = self.state.unsaved();
        let aside = self.aside.as_ref().filter(|_| self.state.holds().is_none());
        own.or_else(|| aside.and_then(SessionState::unsaved))
    }

    /// The one way from one state to the next.
    pub(super) fn become_(&mut self, next: impl FnOnce(SessionState) -> SessionState) {
        let state = std::mem::replace(&mut self.state, SessionState::Unloaded);
        self.state = next(state);
    }

    pub(super) fn end_what_ran_out(&mut self, now: Timestamp) {
        if matches!(&self.state, SessionState::Fixed(fixed) if now >= fixed.until) {
            self.become_(|state| state.ended(EndReason::NoRefreshToken, now));
        }
    }

    /// Somebody signed in or out, or it is another client now: nothing of before is served, and what is
    /// on its way comes to nothing. The deployments' JWTs stay listed, so that they can be taken back.
    pub(super) fn begin_anew(&mut self, state: SessionState) -> SessionState {
        self.epoch += 1;
        self.tokens.clear();
        self.used.clear();
        self.rests.clear();
        self.names_scope = false;
        self.unkept = None;
        std::mem::replace(&mut self.state, state)
    }

    pub(super) fn forget_refusals(&mut self) {
        self.tokens.values_mut().for_each(|token| token.refused = None);
    }

    pub(super) fn forget(&mut self, target: &Target) {
        self.tokens.remove(target);
        self.used.remove(target);
        self.rests.answered(target);
    }

    pub(super) fn not_signed_in(&self) -> Refusal {
        match (&self.state, &self.gone) {
            (SessionState::Unreadable(_) | SessionState::Ended { .. }, _) | (_, None) => {
                self.state.refusal(&self.profile)
            }
            (_, Some(gone)) => refusals::gone(&self.profile, &gone.out()),
        }
    }
}

impl Session {
    /// Has the store to be asked?
    pub(crate) fn is_unknown(&self) -> bool {
        let held = self.held();
        let unasked = |client: &ClientSession| client.proof == ProofOfClient::Unasked;
        matches!(held.state, SessionState::Unloaded | SessionState::Unreadable(_))
            || held.client().is_some_and(unasked)
    }

    /// The store answered, for that profile. `false` where the config has another one by now, or a client's proof
    /// is another.
    pub(crate) fn loaded(
        &self,
        state: SessionState,
        (profile, footing): (&Profile, Footing),
    ) -> bool {
        let mut held = self.held();
        let same = same_client(profile, &held.profile)
            && (profile.kind.signs_in() || held.footing() == footing);
        if same {
            held.takes(state);
        }
        same
    }

    pub(crate) fn since(&self) -> Since {
        let held = self.held();
        match (&held.state, held.state.last()) {
            (_, Some(last)) => Since::At(last.signed_in_at),
            (SessionState::Unloaded, None) => Since::Unasked,
            (_, None) => Since::Nobody,
        }
    }

    /// Is it known that nobody is served by that sign-in again? Who stands aside may come back, and what was
    /// not read yet says nothing.
    pub(crate) fn is_past(&self, signed_in_at: Timestamp) -> bool {
        let held = self.held();
        let known = [Some(&held.state), held.aside.as_ref()].into_iter().flatten();
        let mut known = known.filter_map(SessionState::last);
        // Nobody signs in to a client, so that nothing of it is ever past.
        let says = held.client().is_none()
            && (matches!(held.state, SessionState::SignedOut) || held.state.last().is_some());
        says && !known.any(|last| last.signed_in_at == signed_in_at)
    }

    /// Nobody is served those bytes again, by their short fingerprint or the whole one. Until when they are
    /// good, where it had them.
    pub(crate) fn drop_token(&self, fingerprint: &str) -> Option<Timestamp> {
        let mut until = None;
        self.held().tokens.retain(|_, token| {
            let is_it = fingerprint.starts_with(token.fingerprint.short());
            if is_it {
                until = until.max(Some(token.set.expires_at));
            }
            !is_it
        });
        until
    }
}
