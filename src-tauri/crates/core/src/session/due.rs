//! What the clockwork has to do for a session now, and when there will be something next. Nothing is
//! looked at before its time.

use std::time::Duration;

use crate::cache::Cached;
use crate::freshness;
use crate::request::Target;
use crate::rest::Rest;
use crate::session::{Held, Safety, Session, SessionState, StoredSession};
use crate::time::Timestamp;

/// For how long is a target remembered that nobody asks for and that has no token?
const REMEMBERED: Duration = Duration::from_secs(3600);

impl Session {
    /// Proactive refreshes wait until that is over.
    pub(crate) fn spread(&self, rest: Rest) {
        self.held().spread = Some(rest);
    }

    /// The tokens in use whose successors are due.
    pub(crate) fn due_targets(&self, now: Timestamp) -> Vec<Target> {
        let held = self.held();
        let due = |(target, at): (&Target, Timestamp)| (at <= now).then(|| target.clone());
        held.renewals(now).filter_map(due).collect()
    }

    /// A sign-in of an earlier life is to be judged.
    pub(crate) fn pending_is_due(&self, now: Timestamp) -> bool {
        self.held().pending.is_some_and(|rest| rest.is_over(now))
    }

    /// When is there something to do, as far as is known now? What is due already counts as now.
    pub(crate) fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let held = self.held();
        let renewal = held.renewals(now).map(|(_, at)| at).min();
        let save = held.unsaved().map(|_| held.unkept.map_or(now, |(rest, _)| rest.end()));
        let pending = held.pending.map(Rest::end);
        let end = match &held.state {
            SessionState::Fixed(fixed) => Some(fixed.until),
            SessionState::Unloaded
            | SessionState::Unreadable(_)
            | SessionState::SignedOut
            | SessionState::Active(_)
            | SessionState::Client(_)
            | SessionState::Ended { .. } => None,
        };
        [renewal, save, pending, end].into_iter().flatten().min().map(|at| at.max(now))
    }

    /// How many tokens and uses are held.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> (usize, usize) {
        let held = self.held();
        (held.tokens.len(), held.used.len())
    }

    /// What nobody asks for any more leaves the maps with its token.
    pub(crate) fn sweep(&self, now: Timestamp) {
        let held = &mut *self.held();
        held.rests.sweep(now);
        let is_asked_for = |used: &Timestamp| *used > now || used.until(now) < REMEMBERED;
        held.used.retain(|_, used| is_asked_for(used));
        let (used, flights) = (&held.used, &held.flights);
        held.tokens.retain(|target, token| {
            token.valid_at(now) || used.contains_key(target) || flights.contains_key(target)
        });
    }
}

impl Held {
    /// Each token that will have a successor ahead of need, and when.
    fn renewals(&self, now: Timestamp) -> impl Iterator<Item = (&Target, Timestamp)> {
        let (renews, resting) = match &self.state {
            SessionState::Active(active) => (active.unanswered.is_none(), active.resting(now)),
            SessionState::Client(client) => (client.may_be_proven(), client.resting(now)),
            SessionState::Fixed(_)
            | SessionState::Unloaded
            | SessionState::Unreadable(_)
            | SessionState::SignedOut
            | SessionState::Ended { .. } => (false, None),
        };
        let resting = resting.map(|one| one.rest.end());
        let spread = self.spread.filter(|rest| !rest.is_over(now)).map(Rest::end);
        let earliest = resting.max(spread);
        let is_asked_for = |target: &Target| self.flights.contains_key(target);
        let tokens = self.tokens.iter();
        let tokens = tokens.filter(move |(target, _)| renews && !is_asked_for(target));
        tokens.filter_map(move |(target, token)| {
            let at = token.refresh_at.max(now);
            let at = earliest.map_or(at, |earliest| at.max(earliest));
            let at = self.rests.until(target, now).map_or(at, |rest| at.max(rest));
            self.is_in_use(target, token, at).then_some((target, at))
        })
    }

    fn is_in_use(&self, target: &Target, token: &Cached, at: Timestamp) -> bool {
        let used = self.used.get(target);
        used.is_some_and(|used| {
            freshness::in_use(*used, token.set.received_at, token.lifetime(), at)
        })
    }
}

impl SessionState {
    /// What memory or the fallback alone holds.
    pub(super) fn unsaved(&self) -> Option<&StoredSession> {
        match self {
            Self::Active(active) if active.safety != Safety::Kept => Some(&active.stored),
            Self::Active(_)
            | Self::Fixed(_)
            | Self::Client(_)
            | Self::Unloaded
            | Self::Unreadable(_)
            | Self::SignedOut
            | Self::Ended { .. } => None,
        }
    }
}
