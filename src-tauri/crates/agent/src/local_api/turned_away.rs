//! Who was turned away, counted: a flood costs an addition each and one line a minute on the record, never a
//! line each. The first of a source is recorded at once, by whoever turned it away; what follows is told
//! here, with how often, from when and until when. Decides nothing about who is turned away.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::request::{Caller, Transport};
use dagpass_core::time::Timestamp;

use super::Api;

/// How often is the same source put on the record?
const EVERY_MS: i64 = 60_000;
/// How many sources are told apart? All others are counted as one.
const SOURCES: usize = 64;
/// What stands on the record for those.
const OTHERS: &str = "more sources than are told apart";

/// One that was turned away.
#[derive(Clone, Copy, Debug)]
pub(super) struct Knock<'a> {
    pub(super) uid: Option<u32>,
    pub(super) transport: Transport,
    /// `socket`, `tcp`, or a container door's id.
    pub(super) door: &'a str,
    pub(super) reason: &'static str,
}

impl Knock<'_> {
    /// Of a peer that is not asked anything more; `pid` where the system told it.
    pub(super) fn caller(&self, pid: Option<u32>) -> Caller {
        Caller { transport: self.transport, uid: self.uid, pid, ..Caller::default() }
    }
}

/// Every source that was turned away of late.
#[derive(Debug, Default)]
pub(super) struct TurnedAway {
    sources: RwLock<Vec<Tally>>,
}

#[derive(Debug)]
struct Tally {
    uid: Option<u32>,
    transport: Transport,
    door: String,
    reason: &'static str,
    /// When it was on the record last.
    told_at: i64,
    count: AtomicU64,
    first: AtomicI64,
    last: AtomicI64,
}

/// What one line says of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turned {
    pub(super) uid: Option<u32>,
    pub(super) transport: Transport,
    pub(super) door: String,
    pub(super) reason: &'static str,
    pub(super) count: u64,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

impl TurnedAway {
    /// Counts it. `true`: the first of its source, and not counted, for it goes on the record now.
    pub(super) fn count(&self, knock: Knock<'_>, now: Timestamp) -> bool {
        let known = self.sources.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(tally) = known.iter().find(|tally| tally.is_of(knock)) {
            tally.add(now);
            return false;
        }
        drop(known);
        self.count_new(knock, now)
    }

    fn count_new(&self, knock: Knock<'_>, now: Timestamp) -> bool {
        let mut known = self.sources.write().unwrap_or_else(PoisonError::into_inner);
        let others = Knock { uid: None, door: "", reason: OTHERS, ..knock };
        let full = known.len() >= SOURCES;
        // Another may have come first, and what is one too many is one of the others.
        let alike = known.iter().find(|tally| tally.is_of(knock) || full && tally.is_of(others));
        if let Some(tally) = alike {
            tally.add(now);
            return false;
        }
        let tally = Tally::new(if full { others } else { knock }, now);
        if full {
            tally.add(now);
        }
        known.push(tally);
        !full
    }

    /// What is to go on the record now: of each source once a minute at most, or `all` at the end. One that
    /// was quiet for that long is forgotten.
    pub(super) fn due(&self, now: Timestamp, all: bool) -> Vec<Turned> {
        let mut told = Vec::new();
        let mut known = self.sources.write().unwrap_or_else(PoisonError::into_inner);
        known.retain_mut(|tally| {
            // Either way: the clock may have been set back.
            let due = (now.as_millis() - tally.told_at).abs() >= EVERY_MS;
            if !due && !all {
                return true;
            }
            tally.told_at = now.as_millis();
            let turned = tally.take();
            let quiet = turned.is_none();
            told.extend(turned);
            !quiet
        });
        told
    }
}

impl Tally {
    fn new(knock: Knock<'_>, now: Timestamp) -> Self {
        Self {
            uid: knock.uid,
            transport: knock.transport,
            door: knock.door.to_owned(),
            reason: knock.reason,
            told_at: now.as_millis(),
            count: AtomicU64::new(0),
            first: AtomicI64::new(i64::MAX),
            last: AtomicI64::new(i64::MIN),
        }
    }

    fn is_of(&self, knock: Knock<'_>) -> bool {
        self.uid == knock.uid && self.door == knock.door && self.reason == knock.reason
    }

    fn add(&self, now: Timestamp) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.first.fetch_min(now.as_millis(), Ordering::Relaxed);
        self.last.fetch_max(now.as_millis(), Ordering::Relaxed);
    }

    fn take(&mut self) -> Option<Turned> {
        let count = std::mem::take(self.count.get_mut());
        let first = std::mem::replace(self.first.get_mut(), i64::MAX);
        let last = std::mem::replace(self.last.get_mut(), i64::MIN);
        (count > 0).then(|| Turned {
            uid: self.uid,
            transport: self.transport,
            door: self.door.clone(),
            reason: self.reason,
            count,
            first: Timestamp::from_millis(first),
            last: Timestamp::from_millis(last),
        })
    }
}

impl Api {
    /// Counts one that was turned away; the first of its source is on the record, with all that is known of
    /// it, when this returns.
    pub(super) fn turn_away(&self, knock: Knock<'_>, caller: &Caller) {
        if !self.turned_away.count(knock, self.clock.now()) {
            return;
        }
        let mut record = Record::new(Event::Refused, Outcome::Denied, caller);
        (record.door, record.reason) = (Some(knock.door), Some(knock.reason));
        self.put_refused(&record);
    }

    /// The lines that are due, or all that there are.
    pub(crate) fn tell_of_turned_away(&self, all: bool) {
        for turned in self.turned_away.due(self.clock.now(), all) {
            let caller =
                Caller { transport: turned.transport, uid: turned.uid, ..Caller::default() };
            let mut record = Record::new(Event::Refused, Outcome::Denied, &caller);
            record.door = (!turned.door.is_empty()).then_some(turned.door.as_str());
            record.reason = Some(turned.reason);
            record.count = Some(turned.count);
            (record.first, record.last) = (Some(turned.first), Some(turned.last));
            self.put_refused(&record);
        }
    }

    fn put_refused(&self, record: &Record<'_>) {
        if let Err(failure) = self.witness.record(record) {
            tracing::error!(%failure, count = record.count, "who was turned away is not on the record");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(1_795_000_000 + seconds)
    }

    fn knock(uid: u32) -> Knock<'static> {
        Knock { uid: Some(uid), transport: Transport::Tcp, door: "tcp", reason: "no" }
    }

    fn told(due: Vec<Turned>) -> Vec<(Option<u32>, u64, Timestamp, Timestamp)> {
        due.into_iter().map(|one| (one.uid, one.count, one.first, one.last)).collect()
    }

    #[test]
    fn a_flood_is_its_first_at_once_and_then_one_line_a_minute() {
        let away = TurnedAway::default();
        assert!(away.count(knock(7), at(0)), "at once");
        for second in 1..50 {
            assert!(!away.count(knock(7), at(second)));
        }
        assert!(away.count(knock(8), at(50)), "another source");
        assert!(away.count(Knock { door: "etl", ..knock(7) }, at(50)), "at another door");
        assert!(away.count(Knock { reason: "why", ..knock(7) }, at(50)), "for another reason");
        assert!(away.due(at(59), false).is_empty());
        assert_eq!(told(away.due(at(60), false)), [(Some(7), 49, at(1), at(49))]);
        assert!(!away.count(knock(7), at(61)), "it goes on");
        assert!(away.due(at(119), false).is_empty());
        assert_eq!(told(away.due(at(120), false)), [(Some(7), 1, at(61), at(61))]);
        assert!(away.due(at(180), false).is_empty());
        assert!(away.count(knock(7), at(181)), "after a quiet minute it is a first again");
    }

    #[test]
    fn what_is_counted_is_told_at_the_end_and_when_the_clock_went_back() {
        let away = TurnedAway::default();
        away.count(knock(7), at(0));
        away.count(knock(7), at(1));
        assert_eq!(told(away.due(at(2), true)), [(Some(7), 1, at(1), at(1))]);
        away.count(knock(7), at(3));
        away.count(knock(7), at(-900));
        assert_eq!(told(away.due(at(-900), false)), [(Some(7), 2, at(-900), at(3))]);
    }

    #[test]
    fn no_number_of_sources_grows_our_memory() {
        let away = TurnedAway::default();
        let told_apart = (0..1000).filter(|uid| away.count(knock(*uid), at(0))).count();
        assert_eq!(told_apart, SOURCES);
        let due = away.due(at(60), false);
        assert_eq!(due.len(), 1);
        assert_eq!((due[0].uid, due[0].reason, due[0].count), (None, OTHERS, 1000 - 64));
        assert!(away.sources.read().unwrap().len() <= 1);
    }

    #[test]
    fn many_at_once_lose_none() {
        let away = TurnedAway::default();
        let firsts: usize = std::thread::scope(|scope| {
            let count = || (0..250).filter(|_| away.count(knock(7), at(0))).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(count)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!((firsts, away.due(at(60), false)[0].count), (1, 999));
    }
}
