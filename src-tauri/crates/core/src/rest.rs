//! How long what failed is left alone, so that nobody is asked twice a second for what was just refused.
//! One table for the targets of a session; the session as a whole rests in its trouble. Callers, the
//! queue and the clockwork ask here.

use std::collections::HashMap;
use std::time::Duration;

use crate::error::Refusal;
use crate::request::Target;
use crate::time::Timestamp;

/// How long is a narrowing left alone that Ping refused, or gave less than? Whoever mends it at Ping
/// waits no longer; whoever mends the config or signs in waits not at all.
pub(crate) const REFUSED_FOR: Duration = Duration::from_secs(3600);

/// A span from when it was set: a clock that was set back ends it, and never makes it longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    from: Timestamp,
    span: Duration,
}

impl Rest {
    /// Over at once.
    pub const NONE: Self = Self::new(Timestamp::from_millis(0), Duration::ZERO);

    pub const fn new(from: Timestamp, span: Duration) -> Self {
        Self { from, span }
    }

    /// By a clock that is not set back.
    pub fn end(self) -> Timestamp {
        self.from.plus(self.span)
    }

    pub fn is_over(self, now: Timestamp) -> bool {
        now < self.from || self.from.until(now) >= self.span
    }
}

/// What each target heard last, where that was a refusal.
#[derive(Default)]
pub(crate) struct Rests(HashMap<Target, Resting>);

struct Resting {
    refusal: Refusal,
    rest: Rest,
    attempts: u32,
}

impl Rests {
    /// `span` gives the rest after the n-th failure in a row.
    pub(crate) fn failed(
        &mut self,
        target: &Target,
        refusal: &Refusal,
        now: Timestamp,
        span: impl FnOnce(u32) -> Duration,
    ) {
        let attempts = self.0.get(target).map_or(1, |before| before.attempts + 1);
        let rest = Rest::new(now, span(attempts));
        self.0.insert(target.clone(), Resting { refusal: refusal.clone(), rest, attempts });
    }

    pub(crate) fn answered(&mut self, target: &Target) {
        self.0.remove(target);
    }

    /// What a caller hears while the target is left alone.
    pub(crate) fn resting(&self, target: &Target, now: Timestamp) -> Option<Refusal> {
        let resting = self.0.get(target).filter(|one| !one.rest.is_over(now))?;
        Some(resting.refusal.clone())
    }

    pub(crate) fn until(&self, target: &Target, now: Timestamp) -> Option<Timestamp> {
        let resting = self.0.get(target).filter(|one| !one.rest.is_over(now))?;
        Some(resting.rest.end())
    }

    /// What was refused so long ago says nothing any more.
    pub(crate) fn sweep(&mut self, now: Timestamp) {
        self.0.retain(|_, one| !one.rest.is_over(now) || one.rest.end().until(now) < REFUSED_FOR);
    }

    pub(crate) fn last_refusal(&self, target: &Target) -> Option<Refusal> {
        self.0.get(target).map(|resting| resting.refusal.clone())
    }

    /// Somebody signed in or out, or the config changed: what was refused before says nothing any more.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_is_a_span_and_a_clock_set_back_ends_it() {
        let at = |secs: i64| Timestamp::from_secs(1_000_000 + secs);
        let rest = Rest::new(at(0), Duration::from_secs(30));
        for (now, over) in
            [(0, false), (29, false), (30, true), (7200, true), (-1, true), (-7200, true)]
        {
            assert_eq!(rest.is_over(at(now)), over, "{now}");
        }
    }
}
