//! How many events may go on the record: a bucket that a working Airflow never empties. What a broken
//! client sends beyond it is counted, and the count goes on the record in one line.

use std::time::Duration;

use dagpass_core::time::Timestamp;

/// How many events may come at once? A DAG with 500 mapped tasks begins and ends them.
const BURST: u32 = 1_000;
/// How soon is there room for one more? A flood that never stops costs the disk about 40 MB a day.
const EACH: Duration = Duration::from_secs(1);
/// How long is a flood counted before a line tells of it?
const TELL: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Flood {
    room: u32,
    filled_at: Timestamp,
    dropped: u64,
    told_at: Option<Timestamp>,
}

impl Flood {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { room: BURST, filled_at: now, dropped: 0, told_at: None }
    }

    /// `None`: too many. Else how many before it were dropped and are to be told now.
    pub(super) fn admit(&mut self, now: Timestamp) -> Option<u64> {
        self.fill(now);
        if self.room == 0 {
            self.dropped += 1;
            return None;
        }
        self.room -= 1;
        Some(self.untold(now))
    }

    /// Each count is told once, and a minute is the least between two of them.
    pub(super) fn untold(&mut self, now: Timestamp) -> u64 {
        let rests = self.told_at.is_some_and(|told| told.until(now) < TELL && told <= now);
        if self.dropped == 0 || rests {
            return 0;
        }
        self.told_at = Some(now);
        std::mem::take(&mut self.dropped)
    }

    fn fill(&mut self, now: Timestamp) {
        // A clock that was set back begins anew.
        if now < self.filled_at {
            self.filled_at = now;
        }
        let steps = self.filled_at.until(now).as_millis() / EACH.as_millis();
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        if steps > 0 {
            self.room = self.room.saturating_add(steps).min(BURST);
            self.filled_at = self.filled_at.plus(EACH.saturating_mul(steps));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_gets_a_burst_then_one_a_second_and_its_rest_is_told_once_a_minute() {
        let at = |secs: i64| Timestamp::from_secs(1_000 + secs);
        let mut flood = Flood::new(at(0));
        let admitted = (0..5_000).filter(|_| flood.admit(at(0)).is_some()).count();
        assert_eq!(admitted, BURST as usize);
        assert_eq!(flood.untold(at(0)), 4_000);
        assert_eq!(flood.admit(at(0)), None);
        assert_eq!(flood.admit(at(1)), Some(0), "the line before is a second old");
        assert_eq!(flood.admit(at(1)), None);
        assert_eq!(flood.admit(at(61)), Some(2));
        assert_eq!(flood.untold(at(200)), 0, "nothing was dropped since");
    }

    #[test]
    fn a_clock_that_was_set_back_gives_neither_endless_room_nor_none() {
        let mut flood = Flood::new(Timestamp::from_secs(10_000));
        for _ in 0..BURST {
            assert!(flood.admit(Timestamp::from_secs(10_000)).is_some());
        }
        assert_eq!(flood.admit(Timestamp::from_secs(5_000)), None);
        assert!(flood.admit(Timestamp::from_secs(5_001)).is_some());
    }
}
