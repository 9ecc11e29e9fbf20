//! Times as text: UTC always.

use std::time::{SystemTime, UNIX_EPOCH};

/// Epoch seconds.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// `2026-11-24T19:28:51Z` (RFC 3339).
pub(crate) fn rfc3339(epoch: i64) -> String {
    let (year, month, day) = date(epoch.div_euclid(86_400));
    let (hour, minute, second) = clock(epoch);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// For people: the hour alone where it is today, else with the date.
pub(crate) fn show(epoch: i64, now: i64) -> String {
    let (hour, minute, second) = clock(epoch);
    let time = format!("{hour:02}:{minute:02}:{second:02} UTC");
    let day = epoch.div_euclid(86_400);
    if day == now.div_euclid(86_400) {
        return time;
    }
    let (year, month, day) = date(day);
    format!("{year:04}-{month:02}-{day:02} {time}")
}

fn clock(epoch: i64) -> (i64, i64, i64) {
    let second = epoch.rem_euclid(86_400);
    (second / 3600, second / 60 % 60, second % 60)
}

/// Days since 1970-01-01 to a Gregorian date. Years are counted from March, so that the leap day
/// comes last, in eras of 400 years, which all have 146,097 days.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
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
