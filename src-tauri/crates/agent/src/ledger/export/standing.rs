//! How the collector stands: what it has taken, since when it takes nothing and why, and when it is asked again.

use std::time::Duration;

use dagpass_client::wire::ShipStatus;
use dagpass_core::time::Timestamp;

use super::super::line::rfc3339;
use super::place::Place;

/// How long is it left alone after it failed once?
const FIRST_REST: Duration = Duration::from_secs(5);
/// And at most, after it failed again and again?
const LONGEST_REST: Duration = Duration::from_secs(15 * 60);
/// No wait is longer, whatever a collector wishes: one that seems so was begun by another clock.
const LONGEST_WAIT: Duration = Duration::from_secs(2 * 60 * 60);

#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Whose it is; empty where there is none.
    collector: String,
    /// As far as this run knows.
    place: Option<Place>,
    taken_at: Option<Timestamp>,
    since: Option<Timestamp>,
    why: Option<String>,
    failures: u32,
    rests_until: Option<Timestamp>,
}

impl Standing {
    pub(super) fn of(collector: &str) -> Self {
        Self { collector: collector.to_owned(), ..Self::default() }
    }

    pub(super) fn is_of(&self, collector: &str) -> bool {
        self.collector == collector
    }

    pub(super) fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    pub(super) fn rests(&self, now: Timestamp) -> bool {
        self.rests_until.is_some_and(|until| now < until && now.until(until) <= LONGEST_WAIT)
    }

    pub(super) fn is_at(&mut self, place: &Place) {
        self.place = Some(place.clone());
    }

    pub(super) fn took(&mut self, place: &Place, now: Timestamp) {
        self.is_at(place);
        self.taken_at = Some(now);
        self.is_well();
    }

    /// There is nothing that it has not.
    pub(super) fn is_well(&mut self) {
        (self.since, self.why, self.failures, self.rests_until) = (None, None, 0, None);
    }

    /// `wait`: as it says itself. `chance` (0 to 1) keeps a fleet from coming back all at once.
    pub(super) fn failed(
        &mut self,
        why: String,
        wait: Option<Duration>,
        (now, chance): (Timestamp, f64),
    ) {
        self.why = Some(why);
        self.since.get_or_insert(now);
        let rest = FIRST_REST.saturating_mul(1 << self.failures.min(16)).min(LONGEST_REST);
        self.failures = self.failures.saturating_add(1);
        let rest = match wait {
            // Never sooner than it said.
            Some(wait) => wait.mul_f64(1.0 + chance / 8.0),
            None => rest.mul_f64(0.75 + chance / 2.0),
        };
        self.rests_until = Some(now.plus(rest));
    }

    pub(super) fn told(&self, collector: String, place: &Place, behind: u64) -> ShipStatus {
        let time = |at: Option<Timestamp>| at.map(|at| rfc3339(at.as_millis()));
        ShipStatus {
            collector: Some(collector),
            shipped: place.lines,
            behind,
            checkpoint: place.checkpoint,
            rejected: place.rejected,
            taken_at: time(self.taken_at),
            error: self.why.clone(),
            failing_since: time(self.since),
            next_try: time(self.rests_until),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_fails_is_left_alone_for_longer_and_longer_or_as_it_says() {
        let (mut standing, mut now) = (Standing::of("c"), Timestamp::from_secs(1000));
        for rest in [5, 10, 20, 40, 80, 160, 320, 640, 900, 900] {
            standing.failed("no".to_owned(), None, (now, 0.5));
            assert!(standing.rests(now.plus(Duration::from_secs(rest - 1))), "{rest}");
            now = now.plus(Duration::from_secs(rest));
            assert!(!standing.rests(now));
        }
        for (wait, chance, least, most) in [
            (Some(30), 0.0, 30, 30),
            (Some(32), 1.0, 32, 36),
            (Some(0), 1.0, 0, 0),
            (Some(3600), 1.0, 3600, 4050),
            (None, 0.0, 675, 675),
            (None, 1.0, 1125, 1125),
        ] {
            standing.failed("no".to_owned(), wait.map(Duration::from_secs), (now, chance));
            let rests = |span: u64| standing.rests(now.plus(Duration::from_secs(span)));
            assert!(least == 0 || rests(least - 1), "{wait:?} {chance}");
            assert!(!rests(most), "{wait:?} {chance}");
        }
        // A clock that was set back a day holds nothing up.
        standing.failed("no".to_owned(), None, (now.plus(Duration::from_secs(86_400)), 1.0));
        assert!(!standing.rests(now));
        standing.is_well();
        assert_eq!(standing.told(String::new(), &Place::default(), 0).error, None);
    }
}
