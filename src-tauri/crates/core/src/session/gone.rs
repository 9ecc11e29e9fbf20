//! A session that the config names no more, or that was ended without anybody asking for it ([`crate::logout`]):
//! what of it goes on, for whom.

use crate::error::Refusal;
use crate::logout::{Gone, Out, WindUp};
use crate::principal::Principal;
use crate::refusals;
use crate::session::{Held, Session, SessionState};
use crate::time::Timestamp;

impl Session {
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

    /// `false` where nobody is signed in, or it goes already.
    pub(crate) fn winds_up(&self, wind_up: WindUp) -> bool {
        let mut held = self.held();
        held.forget_what_is_past();
        let goes = held.gone.is_none() && held.state.stored().is_some();
        if goes {
            held.gone = Some(Gone::Winding(wind_up));
        }
        goes
    }

    /// An earlier life of the agent ended it, or began to: then it is served to nobody, whatever is still kept.
    pub(crate) fn went(&self, out: Out) {
        self.held().gone.get_or_insert(Gone::Done(out));
    }

    /// A refusal for whoever is not served any more.
    pub(crate) fn serves(&self, principal: &Principal, now: Timestamp) -> Result<(), Refusal> {
        let mut held = self.held();
        held.forget_what_is_past();
        // Read first: somebody may have signed in since.
        let is_known = !matches!(held.state, SessionState::Unloaded | SessionState::Unreadable(_));
        match &held.gone {
            Some(gone) if is_known && gone.shuts_out(principal, now) => {
                Err(refusals::gone(&held.profile, &gone.out()))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Held {
    pub(super) fn out(&self) -> Option<Out> {
        self.gone.as_ref().filter(|gone| !self.is_past(gone)).map(Gone::out)
    }

    fn forget_what_is_past(&mut self) {
        if self.gone.as_ref().is_some_and(|gone| self.is_past(gone)) {
            self.gone = None;
        }
    }

    /// Who is signed in signed in since.
    fn is_past(&self, gone: &Gone) -> bool {
        self.state.stored().is_some_and(|stored| stored.signed_in_at > gone.out().at)
    }

    pub(super) fn wind_up(&self) -> Option<WindUp> {
        match &self.gone {
            Some(Gone::Winding(wind_up)) => Some(wind_up.clone()),
            Some(Gone::Done(_)) | None => None,
        }
    }
}
