//! A point in time as a person writes it: a day or a time, UTC where nothing else is said, as the ledger's are.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// A day's begin, or its `end`, or an RFC 3339 time, whose zone may be left out. `None` where it is none of them.
pub fn moment(text: &str, end: bool) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let utc = |time: DateTime| Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp());
    if let Some(clock) = text.get("2026-11-30".len()..).filter(|clock| !clock.is_empty()) {
        // A zone by its name would be passed over.
        let zoneless = !clock.contains(['+', '-', '[', 'Z', 'z']) && clock.contains(':');
        return text.parse::<DateTime>().ok().filter(|_| zoneless).and_then(utc);
    }
    let day: Date = text.parse().ok()?;
    let day = if end { day.tomorrow().ok()? } else { day };
    utc(day.at(0, 0, 0, 0))
}
