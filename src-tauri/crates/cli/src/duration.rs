//! Durations as people type and read them.

/// Whole seconds from `90`, `90s`, `5m` or `1h`.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|last: char| last.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        unit => return Err(format!("`{unit}` is no unit: use s, m or h")),
    };
    let number: u64 = digits.parse().map_err(|_| format!("`{text}` is no duration, as 60s is"))?;
    number.checked_mul(factor).ok_or_else(|| format!("`{text}` is too long"))
}

/// The two largest units: `2 d 3 h`, `5 min`, `42 s`.
pub(crate) fn show(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_typed() {
        let good = [("0", 0), ("90", 90), ("60s", 60), ("5m", 300), ("1h", 3600)];
        for (text, seconds) in good {
            assert_eq!(parse(text), Ok(seconds), "{text}");
        }
        for bad in
            ["", "s", "-1s", "1d", "1.5h", "60 s", "99999999999999999999", "9999999999999999h"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_are_shown_by_their_two_largest_units() {
        let table = [
            (-5, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min"),
            (7200, "2 h"),
            (7260, "2 h 1 min"),
            (86_400, "1 d"),
            (100_000, "1 d 3 h"),
        ];
        for (seconds, text) in table {
            assert_eq!(show(seconds), text);
        }
    }
}
