//! How many events may go on the record: a bucket that a working Airflow never empties. What a broken
//! client sends beyond it is counted, and the count goes on the record in one line.

use std::collections::HashMap;
use std::time::Duration;

use dagpass_core::time::Timestamp;

/// How many events may come at once? A DAG with 500 mapped tasks begins and ends them.
const BURST: u32 = 1_000;
/// How soon is there room for one more? A flood that never stops costs the disk about 40 MB a day.
const EACH: Duration = Duration::from_secs(1);
/// How long is a flood counted before a line tells of it?
const TELL: Duration = Duration::from_secs(60);

/// How many callers have a bucket of their own? The others share one.
const CALLERS: usize = 64;

/// A bucket for each caller: one that floods silences nobody but itself.
#[derive(Debug, Default)]
pub(super) struct Floods {
    of: HashMap<String, Flood>,
    others: Option<Flood>,
}

impl Floods {
    /// `None`: too many. Else how many before it were dropped, of any caller, and are to be told now.
    pub(super) fn admit(&mut self, caller: &str, now: Timestamp) -> Option<u64> {
        if !self.of.contains_key(caller) && self.of.len() >= CALLERS {
            self.of.retain(|_, flood| !flood.is_idle(now));
        }
        let own = self.of.contains_key(caller) || self.of.len() < CALLERS;
        let flood = match own {
            true => self.of.entry(caller.to_owned()).or_insert_with(|| Flood::new(now)),
            false => self.others.get_or_insert_with(|| Flood::new(now)),
        };
        flood.admit(now)
    }

    pub(super) fn untold(&mut self, now: Timestamp) -> u64 {
        self.of.values_mut().chain(self.others.as_mut()).map(|flood| flood.untold(now)).sum()
    }
}

#[derive(Debug)]
struct Flood {
    room: u32,
    filled_at: Timestamp,
    dropped: u64,
    told_at: Option<Timestamp>,
}

impl Flood {
    fn new(now: Timestamp) -> Self {
        Self { room: BURST, filled_at: now, dropped: 0, told_at: None }
    }

    /// `None`: too many. Else how many before it were dropped and are to be told now.
    fn admit(&mut self, now: Timestamp) -> Option<u64> {
        self.fill(now);
        if self.room == 0 {
            self.dropped += 1;
            return None;
        }
        self.room -= 1;
        Some(self.untold(now))
    }

    /// Full again, and with nothing to tell: a new one is the same.
    fn is_idle(&mut self, now: Timestamp) -> bool {
        self.fill(now);
        self.room == BURST && self.dropped == 0
    }

    /// Each count is told once, and a minute is the least between two of them.
    fn untold(&mut self, now: Timestamp) -> u64 {
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
    fn one_caller_s_flood_silences_nobody_else() {
        let at = |secs: i64| Timestamp::from_secs(1_000 + secs);
        let mut floods = Floods::default();
        let admitted =
            (0..5_000).filter(|_| floods.admit("container-etl", at(0)).is_some()).count();
        assert_eq!(admitted, BURST as usize);
        assert_eq!(floods.admit("owner", at(0)), Some(0));
        assert_eq!(floods.untold(at(0)), 4_000);
        for n in 0..1_000 {
            floods.admit(&format!("run-{n}"), at(1));
            assert!(floods.of.len() <= CALLERS);
        }
        assert!(floods.others.is_some());
        assert_eq!(floods.admit("run-5000", at(10_000)), Some(0));
        assert!(floods.of.contains_key("run-5000"), "those that are quiet give way");
    }

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
