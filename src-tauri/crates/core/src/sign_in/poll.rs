//! The rhythm of the device grant (RFC 8628 §3.5): when to poll next, and when to stop.

use std::time::Duration;

use crate::ports::TokenFailure;
use crate::sign_in::DeviceAuthorization;
use crate::time::Timestamp;

/// What `slow_down` adds, for good (RFC 8628 §3.5).
const SLOW_DOWN: Duration = Duration::from_secs(5);

/// How fast may we poll, whatever the server allows?
const FASTEST: Duration = Duration::from_secs(1);

/// How long may an interval be? Beyond it there is no second poll in the life of any code, and a server
/// that counts in milliseconds, or says 2^64-1, means less.
const SLOWEST: Duration = Duration::from_secs(3600);

/// How long before the code's end do we look for the last time? A poll at the end comes too late.
const LAST_LOOK: Duration = Duration::from_secs(2);

/// By how much may the wait before the last look be drawn out, so that it keeps the interval?
const LONGEST_STRETCH: Duration = Duration::from_secs(10);

/// The state between two polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Polling {
    interval: Duration,
    expires_at: Timestamp,
}

#[derive(Debug)]
pub enum Next {
    /// Wait this long, then poll again.
    Wait(Duration),
    Stop(TokenFailure),
}

impl Polling {
    pub fn new(device: &DeviceAuthorization) -> Self {
        Self { interval: device.interval.clamp(FASTEST, SLOWEST), expires_at: device.expires_at }
    }

    /// It ends before the code does, whatever the server allows.
    pub fn first_wait(&self, now: Timestamp) -> Duration {
        let last = now.until(self.expires_at.minus(LAST_LOOK));
        self.interval.min(last).max(FASTEST)
    }

    pub fn next(&mut self, failure: TokenFailure, now: Timestamp) -> Next {
        let wait = match &failure {
            TokenFailure::AuthorizationPending => self.interval,
            TokenFailure::SlowDown => {
                self.interval += SLOW_DOWN;
                self.interval
            }
            // A lost poll or a busy server: back off, the code may still be approved.
            TokenFailure::Unreachable { retry_after, .. } => {
                retry_after.unwrap_or(self.interval * 2).max(self.interval)
            }
            TokenFailure::Rejected { .. }
            | TokenFailure::Misconfigured { .. }
            | TokenFailure::ExpiredToken
            | TokenFailure::AccessDenied { .. }
            | TokenFailure::SubjectChanged { .. } => return Next::Stop(failure),
        };
        if now >= self.expires_at {
            // A server in trouble to the end is why nothing came of the code, not that nobody used it.
            let troubled = matches!(failure, TokenFailure::Unreachable { .. });
            return Next::Stop(if troubled { failure } else { TokenFailure::ExpiredToken });
        }
        Next::Wait(self.paced(wait, now))
    }

    /// One poll falls just before the end: an approval in the final seconds counts.
    fn paced(&self, wait: Duration, now: Timestamp) -> Duration {
        let last = now.until(self.expires_at.minus(LAST_LOOK));
        let is_next = last >= wait && last < wait + self.interval.min(LONGEST_STRETCH);
        let wait = if is_next { last } else { wait };
        wait.min(now.until(self.expires_at)).max(FASTEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::device_authorization;

    fn polling(interval: u64, expires: i64) -> Polling {
        let mut device = device_authorization(Timestamp::from_secs(expires));
        device.interval = Duration::from_secs(interval);
        Polling::new(&device)
    }

    fn wait(next: &Next) -> Option<u64> {
        match next {
            Next::Wait(span) => Some(span.as_secs()),
            Next::Stop(_) => None,
        }
    }

    #[test]
    fn the_first_wait_ends_before_the_code_does() {
        for (interval, expires, expected) in
            [(5, 600, 5), (5000, 6, 4), (u64::MAX, 6, 4), (5, 1, 1), (u64::MAX, i64::MAX, 3600)]
        {
            let polling = polling(interval, expires);
            let wait = polling.first_wait(Timestamp::from_secs(0));
            assert_eq!(wait.as_secs(), expected, "every {interval} s, until {expires}");
        }
        let next = polling(u64::MAX, 600).next(TokenFailure::SlowDown, Timestamp::from_secs(4));
        assert_eq!(wait(&next), Some(596));
    }

    #[test]
    fn slow_down_adds_five_seconds_for_good() {
        let mut polling = polling(5, 600);
        let now = Timestamp::from_secs(10);
        assert_eq!(wait(&polling.next(TokenFailure::AuthorizationPending, now)), Some(5));
        assert_eq!(wait(&polling.next(TokenFailure::SlowDown, now)), Some(10));
        assert_eq!(wait(&polling.next(TokenFailure::SlowDown, now)), Some(15));
        assert_eq!(wait(&polling.next(TokenFailure::AuthorizationPending, now)), Some(15));
    }

    #[test]
    fn a_lost_poll_backs_off_and_the_server_s_wish_wins() {
        let lost = |retry_after| TokenFailure::Unreachable {
            cause: "timed out".into(),
            sent: true,
            retry_after,
        };
        let now = Timestamp::from_secs(10);
        assert_eq!(wait(&polling(5, 600).next(lost(None), now)), Some(10));
        let asked = Some(Duration::from_secs(42));
        assert_eq!(wait(&polling(5, 600).next(lost(asked), now)), Some(42));
    }

    #[test]
    fn the_last_look_comes_before_the_end_and_keeps_the_interval() {
        for (interval, now, expected) in [
            (5, 585, 5),
            (5, 590, 8),
            (7, 588, 10),
            (5, 593, 5),
            (5, 598, 2),
            (60, 480, 60),
            (60, 535, 63),
        ] {
            let next = polling(interval, 600)
                .next(TokenFailure::AuthorizationPending, Timestamp::from_secs(now));
            assert_eq!(wait(&next), Some(expected), "every {interval} s, at {now}");
        }
    }

    #[test]
    fn it_stops_at_expiry_and_at_a_refusal() {
        let late = Timestamp::from_secs(601);
        let next = polling(5, 600).next(TokenFailure::AuthorizationPending, late);
        assert!(matches!(next, Next::Stop(TokenFailure::ExpiredToken)));
        let lost = TokenFailure::Unreachable {
            cause: "sent HTTP 500".into(),
            sent: true,
            retry_after: None,
        };
        let next = polling(5, 600).next(lost, late);
        assert!(matches!(next, Next::Stop(TokenFailure::Unreachable { .. })), "{next:?}");
        let denied = TokenFailure::AccessDenied { description: String::new() };
        let next = polling(5, 600).next(denied, Timestamp::from_secs(1));
        assert!(matches!(next, Next::Stop(TokenFailure::AccessDenied { .. })));
    }
}
