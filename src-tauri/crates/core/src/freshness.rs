//! Is a cached token good enough, and when is Ping asked for the next? Functions of values only.

use std::time::Duration;

use crate::cache::Cached;
use crate::time::Timestamp;

/// How long do we believe a token that came without any expiry?
pub const ASSUMED_LIFETIME: Duration = Duration::from_secs(300);

/// How soon after one token arrived may we ask for another of the same target? Keeps a token of
/// one second, or of none, from becoming a loop against the issuer.
pub const FLOOR: Duration = Duration::from_secs(1);

/// How much earlier than it said may a token end? An issuer counts in whole seconds, from the second in
/// which it began to answer.
const ROUNDING: Duration = Duration::from_secs(1);

/// How far ahead of its arrival may a token's clock lie before we say that our clock was set back?
const CLOCK_LEEWAY: Duration = Duration::from_secs(5);

/// How long before expiry do we ask: the configured margin, a quarter of the lifetime at most.
pub fn margin(configured: Duration, lifetime: Duration) -> Duration {
    configured.min(lifetime / 4)
}

/// When a token is due for its successor. `chance` (0.0..1.0) spreads a fleet that signed in at
/// nine o'clock: up to a fifth of the margin earlier.
pub fn refresh_at(
    received: Timestamp,
    expires: Timestamp,
    configured: Duration,
    chance: f64,
) -> Timestamp {
    let margin = margin(configured, received.until(expires));
    let due = expires.minus(margin).minus(margin.mul_f64(chance.clamp(0.0, 1.0) / 5.0));
    due.max(received.plus(FLOOR))
}

/// What to do with a cached token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Serve,
    /// Good for now, and due: hand it out and ask for the next.
    ServeAndRefresh,
    /// Wait for the next; fall back on this one while it is valid.
    Refresh,
}

/// Judges `token` at `now` for a caller who needs it to live `min_ttl` from now.
pub fn judge(
    token: &Cached,
    now: Timestamp,
    configured: Duration,
    min_ttl: Option<Duration>,
) -> Verdict {
    let (received, expires) = (token.set.received_at, token.set.expires_at);
    let remaining = now.until(expires);
    let lifetime = received.until(expires);
    let clock_went_back = remaining > lifetime + CLOCK_LEEWAY;
    if clock_went_back {
        return Verdict::Refresh;
    }
    if received <= now && received.until(now) < FLOOR {
        return Verdict::Serve;
    }
    let helps = |needed: &Duration| token.longest.is_none_or(|longest| *needed <= longest);
    if min_ttl.filter(helps).is_some_and(|needed| remaining < needed) {
        return Verdict::Refresh;
    }
    let last_moments = margin(configured, lifetime) / 2;
    if remaining <= last_moments.max(ROUNDING.min(lifetime / 4)) {
        return Verdict::Refresh;
    }
    if now >= token.refresh_at { Verdict::ServeAndRefresh } else { Verdict::Serve }
}

/// How long to wait after the n-th failure in a row: 1, 2, 4 … 30 s, or what the server asked for.
pub fn backoff(attempts: u32, retry_after: Option<Duration>, chance: f64) -> Duration {
    if let Some(asked) = retry_after {
        return asked.max(FLOOR);
    }
    let seconds = 1u64 << attempts.saturating_sub(1).min(5);
    Duration::from_secs(seconds.min(30)).mul_f64(1.0 + chance.clamp(0.0, 1.0) / 4.0)
}

/// Does a token that was last used at `used` deserve a successor ahead of need? Not when nobody
/// has asked for about its own lifetime: half a minute at least, a quarter of an hour at most.
pub fn in_use(used: Timestamp, received: Timestamp, lifetime: Duration, now: Timestamp) -> bool {
    let window = lifetime.clamp(Duration::from_secs(30), Duration::from_secs(900));
    used >= received && used.until(now) <= window
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::token_set;

    const MARGIN: Duration = Duration::from_secs(60);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn cached(received: i64, lifetime: i64) -> Cached {
        let set = token_set("at", None, at(received), at(received + lifetime));
        Cached::new(set, refresh_at(at(received), at(received + lifetime), MARGIN, 0.0))
    }

    #[test]
    fn a_token_is_judged_by_what_is_left_of_it() {
        use Verdict::{Refresh, Serve, ServeAndRefresh};
        let table = [
            // lifetime, age, min_ttl, verdict
            (3600, 0, None, Serve),
            (3600, 3500, None, Serve),
            (3600, 3541, None, ServeAndRefresh),
            (3600, 3571, None, Refresh),
            (3600, 3601, None, Refresh),
            (60, 44, None, Serve),
            (60, 46, None, ServeAndRefresh),
            (60, 54, None, Refresh),
            (5, 3, None, Serve),
            // It may have ended: `exp` is the last whole second, and five seconds were counted from then.
            (5, 4, None, Refresh),
            (8, 6, None, ServeAndRefresh),
            (8, 7, None, Refresh),
            (3600, 3400, Some(300), Refresh),
            (3600, 3000, Some(300), Serve),
            // A token that just came is served whatever it lacks: nothing better is to be had.
            (1, 0, Some(60), Serve),
            (0, 0, None, Serve),
            // The clock was set back an hour: what is left cannot be known.
            (3600, -3600, None, Refresh),
            (3600, -3, None, Serve),
        ];
        for (lifetime, age, min_ttl, verdict) in table {
            let min_ttl = min_ttl.map(Duration::from_secs);
            let got = judge(&cached(10_000, lifetime), at(10_000 + age), MARGIN, min_ttl);
            assert_eq!(got, verdict, "lifetime {lifetime}, age {age}, min_ttl {min_ttl:?}");
        }
    }

    #[test]
    fn who_needs_longer_than_the_issuer_ever_gave_is_served_and_who_needs_less_gets_another() {
        let mut token = cached(10_000, 300);
        let judged = |token: &Cached, needed| {
            judge(token, at(10_100), MARGIN, Some(Duration::from_secs(needed)))
        };
        assert_eq!(judged(&token, 600), Verdict::Refresh, "nobody knows yet");
        token.longest = Some(Duration::from_secs(300));
        assert_eq!(judged(&token, 600), Verdict::Serve);
        assert_eq!(judged(&token, 250), Verdict::Refresh);
        assert_eq!(judged(&token, 150), Verdict::Serve);
    }

    #[test]
    fn a_60_s_token_is_due_at_most_twice_a_minute_whatever_the_jitter() {
        for chance in [0.0, 0.5, 1.0] {
            let due = refresh_at(at(0), at(60), MARGIN, chance);
            assert!(due.as_millis() >= 30_000, "{due:?}");
        }
    }

    #[test]
    fn backoff_doubles_to_half_a_minute_and_honours_the_server() {
        let seconds: Vec<u64> = (1..8).map(|n| backoff(n, None, 0.0).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(backoff(1, Some(Duration::from_secs(120)), 0.9).as_secs(), 120);
        assert_eq!(backoff(1, Some(Duration::ZERO), 0.9), FLOOR);
    }

    #[test]
    fn a_token_nobody_used_earns_no_successor() {
        let hour = Duration::from_secs(3600);
        assert!(!in_use(at(90), at(100), hour, at(200)), "used before it came");
        assert!(in_use(at(150), at(100), hour, at(1000)));
        assert!(!in_use(at(150), at(100), hour, at(1100)), "a quarter of an hour is over");
        assert!(!in_use(at(101), at(100), Duration::from_secs(5), at(132)));
    }
}
