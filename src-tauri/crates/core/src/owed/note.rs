//! One refresh token that is still to be revoked, as it is noted beside the store: when it is tried, and
//! when it is given up.

use std::time::Duration;

use crate::answers::RevokedFor;
use crate::request::SessionKey;
use crate::time::Timestamp;

/// For how long is a revocation tried?
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// How long after a failure is the first next try? It doubles from there.
const FIRST_REST: Duration = Duration::from_secs(5);
/// How long do two tries lie apart at most? That makes about 33 in a day.
const LONGEST_REST: Duration = Duration::from_secs(60 * 60);

/// One refresh token that is still to be revoked. The token itself is in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwedRevocation {
    /// The token's fingerprint, short: names it in the store and on the ledger.
    pub id: String,
    pub session: SessionKey,
    /// When the person signed out.
    pub since: Timestamp,
    pub attempts: u32,
    pub retry_at: Timestamp,
    /// A request is leaving, or has left: after a crash nobody knows which.
    pub sent: bool,
    pub why: RevokedFor,
}

impl OwedRevocation {
    pub fn forget_at(&self) -> Timestamp {
        self.since.plus(KEPT_FOR)
    }

    /// A rest is never longer than it was set, whatever became of the clock since.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let longest = rest_after(self.attempts.saturating_sub(1)).mul_f64(1.25);
        now >= self.retry_at || now.until(self.retry_at) > longest
    }

    /// The connection never opened: later, and later each time.
    pub(super) fn put_off(&mut self, now: Timestamp, chance: f64) {
        let rest = rest_after(self.attempts);
        self.attempts += 1;
        self.retry_at = now.plus(rest.mul_f64(1.0 + chance.clamp(0.0, 1.0) / 4.0));
        self.sent = false;
    }
}

fn rest_after(attempts: u32) -> Duration {
    FIRST_REST.saturating_mul(1 << attempts.min(10)).min(LONGEST_REST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_no_connection_is_tried_some_thirty_times_and_ever_more_seldom() {
        let start = Timestamp::from_secs(1_000_000);
        let mut owed = OwedRevocation {
            id: "x".into(),
            session: SessionKey::of("prod"),
            since: start,
            attempts: 0,
            retry_at: start,
            sent: true,
            why: RevokedFor::Good,
        };
        let mut rests = Vec::new();
        while owed.retry_at < owed.forget_at() {
            let now = owed.retry_at;
            owed.put_off(now, 0.0);
            rests.push(now.until(owed.retry_at).as_secs());
            assert!(!owed.sent, "nothing left");
        }
        let set_back = owed.retry_at.minus(Duration::from_secs(3600 * 2));
        assert!(owed.is_due(set_back), "a clock that was set back keeps nothing waiting");
        owed = OwedRevocation { attempts: 1, retry_at: start.plus(FIRST_REST), ..owed };
        assert!(!owed.is_due(start) && owed.is_due(start.minus(FIRST_REST)));
        assert_eq!(rests[..4], [5, 10, 20, 40]);
        assert_eq!(rests.iter().max(), Some(&3600));
        assert!((30..=36).contains(&rests.len()), "{}", rests.len());
    }
}
