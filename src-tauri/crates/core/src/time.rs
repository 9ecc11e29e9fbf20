//! Wall-clock instants. Expiry is a wall-clock matter: a monotonic clock stops while a laptop sleeps.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Saturates: a server may send any integer as `exp`.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds, rounded down: what goes on the wire as `expires_at`.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Time from `self` until `later`; zero where `later` is past.
    pub fn until(self, later: Self) -> Duration {
        let millis = later.0.saturating_sub(self.0).max(0);
        Duration::from_millis(millis.unsigned_abs())
    }

    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }

    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(millis))
    }
}

/// In the largest unit that is not misleading: `45 s`, `50 min`, `3 h 20 min`.
pub fn in_words(span: Duration) -> String {
    let seconds = span.as_secs();
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0..=1) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_units_that_do_not_mislead() {
        for (seconds, told) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (3599, "59 min"),
            (3600, "1 h"),
            (7199, "1 h 59 min"),
            (12_000, "3 h 20 min"),
        ] {
            assert_eq!(in_words(Duration::from_secs(seconds)), told);
        }
    }
}
