//! When an access token ends: the earlier of what the reply and the token say.

use std::time::Duration;

use dagpass_core::freshness::ASSUMED_LIFETIME;
use dagpass_core::time::Timestamp;
use dagpass_core::token::{ExpirySource, HeldIdToken, IdToken};
use serde_json::Value;

use super::claims;

/// From how far apart do we take two clocks for different? Below it, the difference is the network's.
const CLOCKS_DIFFER: u64 = 30;

/// `exp` is the token's own, by the server's clock, which is `clock_skew` seconds ahead of ours.
pub(crate) fn end(
    received_at: Timestamp,
    expires_in: Option<Duration>,
    exp: Option<Timestamp>,
    clock_skew: Option<i64>,
) -> (Timestamp, ExpirySource) {
    let replied = expires_in.map(|life| received_at.plus(life));
    let claimed = exp.map(|exp| in_our_time(exp, clock_skew));
    match (replied, claimed) {
        (Some(replied), Some(claimed)) if claimed < replied => (claimed, ExpirySource::ExpClaim),
        (Some(replied), _) => (replied, ExpirySource::ExpiresIn),
        (None, Some(claimed)) => (claimed, ExpirySource::ExpClaim),
        (None, None) => (received_at.plus(ASSUMED_LIFETIME), ExpirySource::Assumed),
    }
}

/// An ID token with its own end; `None` where it names none.
pub(crate) fn of_id_token(
    token: IdToken,
    received_at: Timestamp,
    clock_skew: Option<i64>,
) -> Option<HeldIdToken> {
    let claims = claims::of(token.expose())?;
    let exp = claims::instant(&claims, "exp")?;
    Some(HeldIdToken { token, expires_at: end(received_at, None, Some(exp), clock_skew).0 })
}

/// The server's time when the answer left, as far as it told.
pub(crate) fn server_now(received_at: Timestamp, clock_skew: Option<i64>) -> Timestamp {
    match clock_skew {
        Some(ahead) if ahead.unsigned_abs() >= CLOCKS_DIFFER => shift(received_at, ahead),
        Some(_) | None => received_at,
    }
}

/// A whole number of seconds, from a number or its text; negative says nothing.
pub(crate) fn seconds(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            let span = Duration::try_from_secs_f64(number.as_f64()?).ok()?;
            Some(span.as_secs())
        }),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn in_our_time(exp: Timestamp, clock_skew: Option<i64>) -> Timestamp {
    match clock_skew {
        Some(ahead) if ahead.unsigned_abs() >= CLOCKS_DIFFER => shift(exp, ahead.saturating_neg()),
        Some(_) | None => exp,
    }
}

fn shift(at: Timestamp, by: i64) -> Timestamp {
    let span = Duration::from_secs(by.unsigned_abs());
    if by < 0 { at.minus(span) } else { at.plus(span) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_end_counts_and_says_where_it_is_from() {
        use ExpirySource::{Assumed, ExpClaim, ExpiresIn};
        let now = 1_000;
        let table = [
            (Some(300), Some(1_300), None, 1_300, ExpiresIn),
            (Some(300), Some(1_200), None, 1_200, ExpClaim),
            (Some(300), Some(1_400), None, 1_300, ExpiresIn),
            (Some(300), None, None, 1_300, ExpiresIn),
            (None, Some(1_250), None, 1_250, ExpClaim),
            (None, None, None, 1_300, Assumed),
            // Our clock is ten minutes ahead: the claim is read in our time.
            (Some(300), Some(700), Some(-600), 1_300, ExpiresIn),
            (None, Some(700), Some(-600), 1_300, ExpClaim),
            // A second or two is the network.
            (Some(300), Some(1_299), Some(-2), 1_299, ExpClaim),
        ];
        for (expires_in, exp, skew, expected, source) in table {
            let ended = end(
                Timestamp::from_secs(now),
                expires_in.map(Duration::from_secs),
                exp.map(Timestamp::from_secs),
                skew,
            );
            let case = format!("{expires_in:?} {exp:?} {skew:?}");
            assert_eq!(ended, (Timestamp::from_secs(expected), source), "{case}");
        }
    }

    #[test]
    fn an_absurd_lifetime_saturates() {
        let (at, _) = end(Timestamp::from_secs(1), Some(Duration::MAX), None, Some(i64::MIN));
        assert_eq!(at.as_millis(), i64::MAX);
    }
}
