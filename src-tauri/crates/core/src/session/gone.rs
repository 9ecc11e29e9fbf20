//! A session that was ended without anybody asking for it ([`crate::logout`]): what of it goes on, for whom.

use crate::error::Refusal;
use crate::logout::{Gone, Out, WindUp};
use crate::principal::Principal;
use crate::refusals;
use crate::session::{Held, Session};
use crate::time::Timestamp;

impl Session {
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
        let is_kept = held.state.stored().is_some();
        match &held.gone {
            Some(gone) if is_kept && gone.shuts_out(principal, now) => {
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
