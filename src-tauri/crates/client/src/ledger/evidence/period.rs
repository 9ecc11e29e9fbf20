//! Which lines are of a period: all that stand between the first and the last one whose time is in it, so
//! that they follow on one another whatever the clock did.

use jiff::Timestamp;

use super::super::moment::moment;

/// From then on and before then, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Period {
    /// Days, the last one included, or RFC 3339 times, the last one excluded; a time without a zone is UTC, as
    /// the ledger's are.
    pub fn parse(from: &str, to: &str) -> Result<Self, String> {
        let read = |text: &str, end| {
            let wrong = "is neither a day, as 2026-11-30 is, nor an RFC 3339 time";
            moment(text, end).ok_or_else(|| format!("`{text}` {wrong}"))
        };
        let (from, to) = (read(from, false)?, read(to, true)?);
        if from >= to {
            return Err("the period ends before it begins".to_owned());
        }
        Ok(Self { from, to })
    }

    pub fn holds(&self, time: Timestamp) -> bool {
        self.from <= time && time < self.to
    }
}

/// When each line of a file was written, as far as that is told.
#[derive(Clone, Debug, Default)]
pub struct Heads {
    times: Vec<Option<i64>>,
}

impl Heads {
    /// `None`: it is no record, or says no time.
    pub fn push(&mut self, time: Option<i64>) {
        self.times.push(time);
    }

    /// From one line up to another, counted from 0. Empty where none is of the period.
    pub fn lines_of(&self, period: &Period) -> (usize, usize) {
        let (from, to) = (period.from.as_millisecond(), period.to.as_millisecond());
        let within = |time: &Option<i64>| time.is_some_and(|time| from <= time && time < to);
        let first = self.times.iter().position(within);
        let last = self.times.iter().rposition(within);
        first.zip(last).map_or((0, 0), |(first, last)| (first, last + 1))
    }

    /// When the first and the last record were written.
    pub fn bounds(&self) -> Option<(i64, i64)> {
        let mut told = self.times.iter().flatten().copied();
        let first = told.next()?;
        Some((first, told.next_back().unwrap_or(first)))
    }
}

/// A line's time in epoch milliseconds.
pub fn millis(time: &str) -> Option<i64> {
    time.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_of_whole_days_or_between_two_times() {
        let period = Period::parse("2026-11-01", "2026-11-30").unwrap();
        assert_eq!(period.from.to_string(), "2026-11-01T00:00:00Z");
        assert_eq!(period.to.to_string(), "2026-12-01T00:00:00Z");
        let period = Period::parse("2026-11-01T08:00:00+01:00", "2026-11-01T09:00:00Z").unwrap();
        assert_eq!(period.from.to_string(), "2026-11-01T07:00:00Z");
        assert!(period.holds(period.from) && !period.holds(period.to));
        for (text, is) in [
            ("2026-11-30T12:00:00", "2026-11-30T12:00:00Z"),
            ("2026-11-30T12:00", "2026-11-30T12:00:00Z"),
            ("2026-11-30 12:00:00.5", "2026-11-30T12:00:00.5Z"),
            ("2026-11-30T12:00:00+01:00", "2026-11-30T11:00:00Z"),
            ("2026-11-30", "2026-12-01T00:00:00Z"),
        ] {
            let period = Period::parse("2026-11-01", text).unwrap();
            assert_eq!(period.to.to_string(), is, "{text}");
        }
        for (from, to) in [
            ("2026-11-01", "2026-11-30T12:00:00[Europe/Berlin]"),
            ("2026-11-01", "2026-11-30T25:00:00"),
            ("2026-11-01", "2026-11-30x"),
            ("2026-11-02", "2026-11-01"),
            ("2026-11-31", "2026-12-01"),
            ("yesterday", "2026-12-01"),
            ("2026-11-01T08:00:00Z", "2026-11-01T08:00:00Z"),
            ("2026-11-01", "9999-12-31"),
        ] {
            assert!(Period::parse(from, to).is_err(), "{from} {to}");
        }
    }

    #[test]
    fn lines_of_a_period_follow_on_one_another_also_where_the_clock_went_back() {
        let mut heads = Heads::default();
        for time in [Some(1), Some(5), None, Some(2), Some(7), None, Some(20)] {
            heads.push(time);
        }
        let at = |millis| Timestamp::from_millisecond(millis).unwrap();
        let of = |from, to| heads.lines_of(&Period { from: at(from), to: at(to) });
        assert_eq!(of(5, 8), (1, 5));
        assert_eq!(of(0, 100), (0, 7));
        assert_eq!(of(8, 20), (0, 0));
        assert_eq!(heads.bounds(), Some((1, 20)));
    }
}
