//! Counts what happens many times a minute, by who did what: one line with count, first and last. In
//! memory, bounded; what has no place of its own is counted together.

use std::collections::HashMap;
use std::time::Duration;

use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::policy::Action;
use dagpass_core::request::Caller;
use dagpass_core::time::Timestamp;

use super::Way;

/// How long is counted before a line tells of it?
const MINUTE: Duration = Duration::from_secs(60);
/// How many kinds are told apart?
const KINDS: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Fold(HashMap<Folded, Count>);

/// What is counted together: all of it is the same but the time and the process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Folded {
    event: Event,
    outcome: Outcome,
    action: Option<Action>,
    caller: CallerKey,
    error: Option<String>,
    reason: Option<String>,
    /// Not part of what is compared: set where it is told.
    counted: Option<Counted>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct CallerKey(Caller);

/// How many there were, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Counted {
    count: u64,
    first: Timestamp,
    last: Timestamp,
}

#[derive(Debug)]
struct Count {
    /// Since when a line is owed; the first of a kind may have had its own.
    since: Timestamp,
    counted: Option<Counted>,
}

impl Folded {
    pub(super) fn of(record: &Record<'_>) -> Self {
        let caller = record.caller;
        Self {
            event: record.event,
            outcome: record.outcome,
            action: record.action,
            caller: CallerKey(Caller {
                transport: caller.transport,
                uid: caller.uid,
                pid: None,
                executable: caller.executable.clone(),
                capability: caller.capability.clone(),
                remote: caller.remote,
                context: Default::default(),
            }),
            error: record.error.map(str::to_owned),
            reason: record.reason.map(str::to_owned),
            counted: None,
        }
    }

    /// The line that tells of them all.
    pub(super) fn record(&self) -> Record<'_> {
        let mut record = Record::new(self.event, self.outcome, &self.caller.0);
        record.action = self.action;
        record.error = self.error.as_deref();
        record.reason = self.reason.as_deref();
        record.count = self.counted.map(|counted| counted.count);
        record.first = self.counted.map(|counted| counted.first);
        record.last = self.counted.map(|counted| counted.last);
        record
    }

    /// Where there are too many kinds: by what was done alone.
    fn anyones(self) -> Self {
        Self { caller: CallerKey(Caller::default()), error: None, reason: None, ..self }
    }
}

impl Fold {
    /// `false` where this one is to be told at once.
    pub(super) fn count(&mut self, what: Folded, now: Timestamp, way: Way) -> bool {
        let known = self.0.contains_key(&what);
        let what = if known || self.0.len() < KINDS { what } else { what.anyones() };
        if way == Way::FirstThenCounted && !self.0.contains_key(&what) {
            self.0.insert(what, Count { since: now, counted: None });
            return false;
        }
        let count = self.0.entry(what).or_insert(Count { since: now, counted: None });
        match &mut count.counted {
            Some(counted) => {
                counted.count = counted.count.saturating_add(1);
                counted.last = now;
            }
            None => count.counted = Some(Counted { count: 1, first: now, last: now }),
        }
        true
    }

    /// What a line is owed for by now. A kind that was quiet for a minute is forgotten.
    pub(super) fn due(&mut self, now: Timestamp, all: bool) -> Vec<Folded> {
        let mut due = Vec::new();
        self.0.retain(|what, count| {
            // A clock that was set back ends the minute.
            if !all && count.since <= now && count.since.until(now) < MINUTE {
                return true;
            }
            let Some(counted) = count.counted.take() else { return false };
            due.push(Folded { counted: Some(counted), ..what.clone() });
            count.since = now;
            // Looks begin anew; of a refusal that goes on, the next minute's line follows this one.
            what.outcome == Outcome::Denied && !all
        });
        due.sort_by_key(|folded| folded.counted.map(|counted| counted.first));
        due
    }

    /// It could not be written: it is still owed.
    pub(super) fn put_back(&mut self, folded: Folded) {
        let Some(counted) = folded.counted else { return };
        let what = Folded { counted: None, ..folded };
        let count = self.0.entry(what).or_insert(Count { since: counted.last, counted: None });
        count.counted = Some(count.counted.map_or(counted, |newer| Counted {
            count: counted.count.saturating_add(newer.count),
            first: counted.first,
            last: newer.last,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_795_000_000 + secs)
    }

    fn denied(uid: u32) -> Folded {
        let caller = Caller { uid: Some(uid), ..Caller::default() };
        Folded::of(&Record::new(Event::Decision, Outcome::Denied, &caller))
    }

    fn look(capability: &str) -> Folded {
        let capability = Some(capability.to_owned());
        let caller = Caller { capability, pid: Some(7), ..Caller::default() };
        let mut record = Record::new(Event::Decision, Outcome::Ok, &caller);
        record.action = Some(Action::ShowStatus);
        Folded::of(&record)
    }

    fn counts(due: &[Folded]) -> Vec<(u64, Timestamp, Timestamp)> {
        due.iter()
            .filter_map(|one| one.counted)
            .map(|counted| (counted.count, counted.first, counted.last))
            .collect()
    }

    #[test]
    fn a_flood_is_its_first_line_and_then_one_a_minute() {
        let mut fold = Fold::default();
        let told = (0..1_000).filter(|n| !fold.count(denied(9), at(n / 20), Way::FirstThenCounted));
        assert_eq!(told.count(), 1);
        assert!(fold.due(at(59), false).is_empty());
        assert_eq!(counts(&fold.due(at(60), false)), [(999, at(0), at(49))]);
        assert!(fold.count(denied(9), at(61), Way::FirstThenCounted), "still the same flood");
        assert!(!fold.count(denied(8), at(61), Way::FirstThenCounted), "another source");
        assert_eq!(counts(&fold.due(at(120), false)), [(1, at(61), at(61))]);
        assert!(fold.due(at(240), false).is_empty());
        assert!(!fold.count(denied(9), at(241), Way::FirstThenCounted), "it had ended");
    }

    #[test]
    fn looks_of_one_principal_are_one_line_a_minute_and_none_before() {
        let mut fold = Fold::default();
        for n in 0..30 {
            assert!(fold.count(look("run-1"), at(n), Way::Counted));
            assert!(fold.count(look("run-2"), at(n), Way::Counted));
        }
        assert!(fold.due(at(30), false).is_empty());
        let due = fold.due(at(60), false);
        assert_eq!(counts(&due), [(30, at(0), at(29)), (30, at(0), at(29))]);
        assert!(due.iter().all(|one| one.record().caller.pid.is_none()));
        fold.count(look("run-1"), at(61), Way::Counted);
        assert_eq!(fold.due(at(62), true).len(), 1, "the agent ends");
        assert!(fold.due(at(63), true).is_empty());
    }

    #[test]
    fn nothing_a_caller_can_do_grows_memory_and_what_could_not_be_written_is_still_owed() {
        let mut fold = Fold::default();
        for n in 0..10_000 {
            fold.count(look(&format!("run-{n}")), at(1), Way::Counted);
        }
        assert!(fold.0.len() <= KINDS + 1);
        let due = fold.due(at(61), false);
        assert_eq!(counts(&due).iter().map(|(count, _, _)| count).sum::<u64>(), 10_000);
        let one = due.into_iter().find(|one| one.counted.is_some_and(|c| c.count == 1)).unwrap();
        let what = Folded { counted: None, ..one.clone() };
        fold.put_back(one);
        fold.count(what, at(62), Way::Counted);
        assert_eq!(counts(&fold.due(at(200), false)), [(2, at(1), at(62))]);
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nothing_back() {
        let mut fold = Fold::default();
        fold.count(look("run-1"), at(7_200), Way::Counted);
        assert_eq!(fold.due(at(0), false).len(), 1);
    }
}
