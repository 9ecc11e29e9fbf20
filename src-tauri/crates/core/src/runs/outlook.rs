//! Does the session last as long as the DAG does? From how long it took before and when the session
//! ends. No record is no claim, and what is unknown is said to be unknown.

use std::time::Duration;

use crate::session::Horizon;
use crate::time::Timestamp;

/// Which share of the past runs must the session outlast? Of fewer than twenty runs that is the
/// longest; of fifty, two that hung for a night do not make every later run a warning.
const SHARE: f64 = 0.95;

/// How long a DAG took before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    pub longest: Duration,
    /// Out of how many successful runs.
    pub runs: usize,
}

/// What is to be said before a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// The session outlasts the run.
    Holds,
    /// It ends before the run does, as past runs went.
    Short { left: Duration },
    /// Nothing tells when it ends.
    Unknown,
}

impl Past {
    /// Of the successful runs: 19 of 20 took no longer. `None` where there was none.
    pub fn of(durations: impl IntoIterator<Item = Duration>) -> Option<Self> {
        let mut durations: Vec<Duration> = durations.into_iter().collect();
        durations.sort_unstable();
        let runs = durations.len();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank among a few dozen runs"
        )]
        let rank = (runs as f64 * SHARE).ceil() as usize;
        let longest = *durations.get(rank.checked_sub(1)?)?;
        Some(Self { longest, runs })
    }

    /// Judges a run that begins now, in a session that stands.
    pub fn outlook(&self, horizon: Horizon, now: Timestamp) -> Outlook {
        let Some(end) = horizon.at else { return Outlook::Unknown };
        if end >= now.plus(self.longest) {
            return Outlook::Holds;
        }
        Outlook::Short { left: now.until(end) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::HorizonSource;

    fn past(seconds: &[u64]) -> Option<(u64, usize)> {
        let past = Past::of(seconds.iter().copied().map(Duration::from_secs))?;
        Some((past.longest.as_secs(), past.runs))
    }

    #[test]
    fn nineteen_of_twenty_runs_took_no_longer() {
        assert_eq!(past(&[]), None, "no record, no claim");
        assert_eq!(past(&[60]), Some((60, 1)));
        assert_eq!(past(&[60, 7200, 90]), Some((7200, 3)));
        let mut fifty = vec![100; 48];
        fifty.extend([90_000, 90_000]);
        assert_eq!(past(&fifty), Some((100, 50)), "two that hung");
        fifty[0] = 90_000;
        assert_eq!(past(&fifty), Some((90_000, 50)));
    }

    #[test]
    fn a_run_is_compared_with_the_end_of_the_session_and_the_unknown_stays_unknown() {
        let past = Past { longest: Duration::from_secs(3600), runs: 3 };
        let now = Timestamp::from_secs(10_000);
        let judged = |at: Option<i64>| {
            let at = at.map(Timestamp::from_secs);
            past.outlook(Horizon { at, source: HorizonSource::Profile }, now)
        };
        assert_eq!(judged(None), Outlook::Unknown);
        assert_eq!(judged(Some(13_600)), Outlook::Holds);
        assert_eq!(judged(Some(13_599)), Outlook::Short { left: Duration::from_secs(3599) });
        assert_eq!(judged(Some(9_000)), Outlook::Short { left: Duration::ZERO });
    }
}
