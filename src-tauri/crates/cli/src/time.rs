//! Times as text: UTC always.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// Epoch seconds.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// `2026-11-24T19:28:51Z` (RFC 3339).
pub(crate) fn rfc3339(epoch: i64) -> String {
    instant(epoch).to_string()
}

/// For people: the hour alone where it is today, else with the date.
pub(crate) fn show(epoch: i64, now: i64) -> String {
    let today = epoch.div_euclid(86_400) == now.div_euclid(86_400);
    let form = if today { "%H:%M:%S UTC" } else { "%Y-%m-%d %H:%M:%S UTC" };
    instant(epoch).strftime(form).to_string()
}

/// The end of time where a server sent a year that no calendar has.
fn instant(epoch: i64) -> Timestamp {
    Timestamp::from_second(epoch).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_have_their_dates() {
        let table = [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_620_433_341, "2021-05-08T00:22:21Z"),
            (1_795_548_531, "2026-11-24T19:28:51Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (i64::MAX, "9999-12-30T22:00:00.999999999Z"),
        ];
        for (epoch, text) in table {
            assert_eq!(rfc3339(epoch), text);
        }
    }

    #[test]
    fn today_needs_no_date() {
        assert_eq!(show(1_795_548_531, 1_795_548_000), "19:28:51 UTC");
        assert_eq!(show(1_795_548_531, 0), "2026-11-24 19:28:51 UTC");
    }
}
