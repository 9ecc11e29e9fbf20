//! A session that the config names no more, or that was ended without anybody asking for it ([`crate::logout`]):
//! what of it goes on, for whom.

use std::sync::Arc;

use crate::error::Refusal;
use crate::logout::{self, Gone, Out, Reason, Rules, Signed, WindUp};
use crate::principal::Principal;
use crate::refusals;
use crate::session::{Held, Session, SessionState};
use crate::time::Timestamp;

/// A sign-out is on its way to the record: nobody is served meanwhile, and somebody is again where it was not
/// taken.
pub(crate) struct Closing(Arc<Session>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.held().closes = false;
    }
}

impl Session {
    pub(crate) fn closes(self: &Arc<Self>) -> Closing {
        self.held().closes = true;
        Closing(self.clone())
    }

    /// The config names no such session any more. It is the same one where it comes back.
    pub(crate) fn goes_away(&self) {
        let mut held = self.held();
        if !std::mem::replace(&mut held.away, true) {
            held.step_aside();
        }
    }

    pub(crate) fn is_away(&self) -> bool {
        self.held().away
    }

    /// Is there a refresh token in memory, whatever the store says?
    pub(crate) fn holds_token(&self) -> bool {
        self.held().holds_token()
    }

    /// No config names it, and something of it is to be taken back: a refresh token, or a deployment's JWT.
    pub(crate) fn is_left_behind(&self, now: Timestamp) -> bool {
        let held = self.held();
        let has_jwt = || held.deployments.live_until().is_some_and(|until| now < until);
        held.away && (held.holds_token() || has_jwt())
    }

    /// `false` where nobody is signed in, or it goes already. One that is over goes like any other: what it
    /// left is still served.
    pub(crate) fn winds_up(&self, wind_up: WindUp) -> bool {
        let mut held = self.held();
        held.forget_what_is_past();
        let goes = held.gone.is_none() && held.state.last().is_some();
        if goes {
            held.gone = Some(Gone::Winding(wind_up));
        }
        goes
    }

    /// It was ended, or that was begun, here or in an earlier life of the agent: then it is served to nobody,
    /// whatever is still kept.
    pub(crate) fn went(&self, out: Out) {
        let mut held = self.held();
        held.forget_what_is_past();
        held.gone.get_or_insert(Gone::Done(out));
    }

    /// What could not be told of it can be by now.
    pub(crate) fn recalls(&self, out: Option<Out>) {
        let mut held = self.held();
        if matches!(&held.gone, Some(Gone::Done(before)) if before.reason == Reason::Unread) {
            held.gone = out.map(Gone::Done);
        }
    }

    /// A refusal for whoever is not served any more, also where nobody has looked yet whether it is over.
    pub(crate) fn serves(
        &self,
        principal: &Principal,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let mut held = self.held();
        // The rules are for persons: a client left no screen, and has nothing to come back to.
        if !held.profile.kind.signs_in() {
            return Ok(());
        }
        held.forget_what_is_past();
        // Read first: somebody may have signed in since.
        let is_known = !matches!(held.state, SessionState::Unloaded | SessionState::Unreadable(_));
        match &held.gone {
            Some(gone) if is_known && gone.shuts_out(principal, now) => {
                Err(refusals::gone(&held.profile, &gone.out()))
            }
            Some(_) => Ok(()),
            None if rules.leaves_to_the_grace(principal) => Ok(()),
            None => match held.signed(now).and_then(|signed| logout::over(rules, &signed, now)) {
                Some(out) => Err(refusals::gone(&held.profile, &out)),
                None => Ok(()),
            },
        }
    }
}

impl Held {
    pub(super) fn out(&self) -> Option<Out> {
        self.persons_gone().filter(|gone| !self.is_past(gone)).map(Gone::out)
    }

    /// What became of a person is not the client's that the config names now; it is theirs again where they are.
    fn persons_gone(&self) -> Option<&Gone> {
        self.gone.as_ref().filter(|_| self.profile.kind.signs_in())
    }

    fn forget_what_is_past(&mut self) {
        if self.gone.as_ref().is_some_and(|gone| self.is_past(gone)) {
            self.gone = None;
        }
    }

    /// Who is signed in signed in since.
    fn is_past(&self, gone: &Gone) -> bool {
        let last = self.state.last().filter(|_| self.client().is_none());
        last.is_some_and(|last| last.signed_in_at > gone.out().at)
    }

    /// `None` where nothing is left that could be served.
    fn signed(&self, now: Timestamp) -> Option<Signed> {
        let is_good = |until: Timestamp| now < until;
        let outlasts = || self.good_until().is_some_and(is_good);
        let last = self.state.last().filter(|_| self.state.stored().is_some() || outlasts())?;
        Some(Signed {
            in_at: last.signed_in_at,
            proven_at: last.proven_at(),
            lifetime: self.profile.session_lifetime,
        })
    }

    /// Until when something that it gave is good, in the cache or with a deployment.
    pub(super) fn good_until(&self) -> Option<Timestamp> {
        let live = self.deployments.live_until();
        self.tokens.values().map(|token| token.set.expires_at).chain(live).max()
    }

    pub(super) fn wind_up(&self) -> Option<WindUp> {
        match self.persons_gone() {
            Some(Gone::Winding(wind_up)) => Some(wind_up.clone()),
            Some(Gone::Done(_)) | None => None,
        }
    }
}
