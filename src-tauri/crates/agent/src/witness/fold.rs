//! Counts what happens many times a minute, by who did what: one line with count, first and last. In
//! memory, bounded; what has no place of its own is counted together. Who asks in vain is told apart by what
//! they say of themselves, which can be many things: they have a room of their own, so that they never stand
//! where others are counted, and where there is no place left in it each is a line.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::policy::Action;
use dagpass_core::request::{Caller, SessionKey};
use dagpass_core::time::Timestamp;

use super::{MINUTE, Way};

/// How many kinds are told apart in a room?
const KINDS: usize = 256;

type Room = HashMap<Folded, Count>;

#[derive(Debug, Default)]
pub(super) struct Fold {
    decisions: Room,
    issues: Room,
}

/// What is counted together: all of it is the same but the time, the process, and how much was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Folded {
    event: Event,
    outcome: Outcome,
    action: Option<Action>,
    caller: CallerKey,
    session: Option<SessionKey>,
    connection: Option<String>,
    deployment: Option<String>,
    env: Option<String>,
    run_id: Option<String>,
    error: Option<String>,
    reason: Option<String>,
    policy: Option<String>,
    rules: Vec<String>,
    /// Not part of what is compared: set where it is told.
    counted: Option<Counted>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct CallerKey(Caller);

/// How many there were, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Counted {
    count: u64,
    span: Duration,
    first: Timestamp,
    last: Timestamp,
}

#[derive(Debug)]
struct Count {
    /// Since when a line is owed; the first of a kind may have had its own.
    since: Timestamp,
    /// How long is counted from then on?
    span: Duration,
    counted: Option<Counted>,
}

impl Folded {
    pub(super) fn of(record: &Record<'_>) -> Self {
        let caller = record.caller;
        let text = |text: Option<&str>| text.map(str::to_owned);
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
                // Whose task it was: of what is looked at nobody needs to know.
                context: match record.event {
                    Event::Issue => caller.context.clone(),
                    _ => BTreeMap::new(),
                },
            }),
            session: record.session.cloned(),
            connection: text(record.connection),
            deployment: text(record.deployment),
            env: text(record.env),
            run_id: text(record.run_id),
            error: text(record.error),
            reason: text(record.reason),
            policy: text(record.policy),
            rules: record.rules.to_vec(),
            counted: None,
        }
    }

    /// The line that tells of them all.
    pub(super) fn record(&self) -> Record<'_> {
        let mut record = Record::new(self.event, self.outcome, &self.caller.0);
        record.action = self.action;
        record.session = self.session.as_ref();
        record.connection = self.connection.as_deref();
        record.deployment = self.deployment.as_deref();
        record.env = self.env.as_deref();
        record.run_id = self.run_id.as_deref();
        record.error = self.error.as_deref();
        record.reason = self.reason.as_deref();
        record.policy = self.policy.as_deref();
        record.rules = &self.rules;
        record.count = self.counted.map(|counted| counted.count);
        record.first = self.counted.map(|counted| counted.first);
        record.last = self.counted.map(|counted| counted.last);
        record
    }

    /// Somebody went away with nothing: the first has a line of its own.
    fn is_refusal(&self) -> bool {
        self.outcome == Outcome::Denied || self.event == Event::Issue
    }

    /// Where there are too many kinds: by what was done alone.
    fn anyones(self) -> Self {
        Self {
            event: self.event,
            outcome: self.outcome,
            action: self.action,
            caller: CallerKey(Caller::default()),
            session: None,
            connection: None,
            deployment: None,
            env: None,
            run_id: None,
            error: None,
            reason: None,
            policy: None,
            rules: Vec::new(),
            counted: self.counted,
        }
    }
}

impl Fold {
    /// `false` where this one is to be told at once.
    pub(super) fn count(&mut self, what: Folded, now: Timestamp, way: Way) -> bool {
        let (is_first_told, span) = match way {
            Way::Line => return false,
            Way::FirstThenCounted(span) => (true, span),
            Way::Counted => (false, MINUTE),
        };
        let room = self.room(&what);
        let full = room.len() >= KINDS && !room.contains_key(&what);
        if full && what.event == Event::Issue {
            return false;
        }
        let what = if full { what.anyones() } else { what };
        let is_told = is_first_told && !room.contains_key(&what);
        let count = room.entry(what).or_insert(Count { since: now, span, counted: None });
        if !is_told {
            count.add(now);
        }
        !is_told
    }

    /// Counts one that was to be told at once and could not be.
    pub(super) fn owe(&mut self, what: Folded, now: Timestamp, way: Way) {
        let span = match way {
            Way::FirstThenCounted(span) => span,
            Way::Line | Way::Counted => MINUTE,
        };
        self.place(what, now, span).add(now);
    }

    /// What a line is owed for by now. A kind that was quiet for its span is forgotten.
    pub(super) fn due(&mut self, now: Timestamp, all: bool) -> Vec<Folded> {
        let mut due = Vec::new();
        let mut is_kept = |what: &Folded, count: &mut Count| {
            // A clock that was set back ends the span.
            if !all && count.since <= now && count.since.until(now) < count.span {
                return true;
            }
            let Some(counted) = count.counted.take() else { return false };
            due.push(Folded { counted: Some(counted), ..what.clone() });
            count.since = now;
            // Looks begin anew; of a refusal that goes on, the next line follows this one.
            what.is_refusal() && !all
        };
        self.decisions.retain(&mut is_kept);
        self.issues.retain(&mut is_kept);
        due.sort_by_key(|folded| folded.counted.map(|counted| counted.first));
        due
    }

    /// It could not be written: it is still owed.
    pub(super) fn put_back(&mut self, folded: Folded) {
        let Some(counted) = folded.counted else { return };
        let what = Folded { counted: None, ..folded };
        let count = self.place(what, counted.last, counted.span);
        count.counted = Some(count.counted.map_or(counted, |newer| Counted {
            count: counted.count.saturating_add(newer.count),
            first: counted.first,
            ..newer
        }));
    }

    fn room(&mut self, what: &Folded) -> &mut Room {
        match what.event {
            Event::Issue => &mut self.issues,
            _ => &mut self.decisions,
        }
    }

    /// Its own, or everybody's where there is none left.
    fn place(&mut self, what: Folded, now: Timestamp, span: Duration) -> &mut Count {
        let room = self.room(&what);
        let has_room = room.len() < KINDS || room.contains_key(&what);
        let what = if has_room { what } else { what.anyones() };
        room.entry(what).or_insert(Count { since: now, span, counted: None })
    }
}

impl Count {
    fn add(&mut self, now: Timestamp) {
        match &mut self.counted {
            Some(counted) => {
                counted.count = counted.count.saturating_add(1);
                counted.last = now;
            }
            None => {
                let span = self.span;
                self.counted = Some(Counted { count: 1, span, first: now, last: now });
            }
        }
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
        let told = (0..1_000)
            .filter(|n| !fold.count(denied(9), at(n / 20), Way::FirstThenCounted(MINUTE)));
        assert_eq!(told.count(), 1);
        assert!(fold.due(at(59), false).is_empty());
        assert_eq!(counts(&fold.due(at(60), false)), [(999, at(0), at(49))]);
        assert!(
            fold.count(denied(9), at(61), Way::FirstThenCounted(MINUTE)),
            "still the same flood"
        );
        assert!(!fold.count(denied(8), at(61), Way::FirstThenCounted(MINUTE)), "another source");
        assert_eq!(counts(&fold.due(at(120), false)), [(1, at(61), at(61))]);
        assert!(fold.due(at(240), false).is_empty());
        assert!(!fold.count(denied(9), at(241), Way::FirstThenCounted(MINUTE)), "it had ended");
    }

    #[test]
    fn who_asks_in_vain_is_told_at_once_and_again_within_seconds_by_what_was_asked_for() {
        let ask = |connection: &'static str, reason: &'static str, dag: &str| {
            let mut caller = Caller { pid: Some(7), ..Caller::default() };
            caller.context.insert("dag_id".into(), dag.into());
            let session = SessionKey::of("prod");
            let mut record = Record::new(Event::Issue, Outcome::Failed, &caller);
            (record.session, record.connection) = (Some(&session), Some(connection));
            record.reason = Some(reason);
            Folded::of(&record)
        };
        let way = Way::FirstThenCounted(Duration::from_secs(10));
        let mut fold = Fold::default();
        for (connection, reason, dag) in [
            ("lake", "a", "etl"),
            ("warehouse", "a", "etl"),
            ("lake", "b", "etl"),
            ("lake", "a", "x"),
        ] {
            assert!(!fold.count(ask(connection, reason, dag), at(0), way), "{connection} {reason}");
            assert!(fold.count(ask(connection, reason, dag), at(9), way));
        }
        assert!(fold.due(at(9), false).is_empty());
        let due = fold.due(at(10), false);
        assert_eq!(counts(&due), [(1, at(9), at(9)); 4]);
        let told = due[0].record();
        assert!(told.session.is_some() && told.connection.is_some() && told.reason.is_some());
        assert_eq!(told.caller.context.len(), 1);
        assert!(fold.count(ask("lake", "a", "etl"), at(11), way), "it goes on");
        assert_eq!(counts(&fold.due(at(12), true)), [(1, at(11), at(11))], "the agent ends");
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
        assert!(fold.decisions.len() <= KINDS + 1);
        let due = fold.due(at(61), false);
        assert_eq!(counts(&due).iter().map(|(count, _, _)| count).sum::<u64>(), 10_000);
        let one = due.into_iter().find(|one| one.counted.is_some_and(|c| c.count == 1)).unwrap();
        let what = Folded { counted: None, ..one.clone() };
        fold.put_back(one);
        fold.count(what, at(62), Way::Counted);
        assert_eq!(counts(&fold.due(at(200), false)), [(2, at(1), at(62))]);
    }

    #[test]
    fn who_asks_in_vain_for_ever_other_runs_takes_no_place_of_who_is_denied_and_is_named_always() {
        let ask = |n: u32| {
            let mut caller = Caller::default();
            caller.context.insert("run_id".into(), format!("run-{n}"));
            Folded::of(&Record::new(Event::Issue, Outcome::Failed, &caller))
        };
        let way = Way::FirstThenCounted(Duration::from_secs(10));
        let mut fold = Fold::default();
        for n in 0..10_000 {
            assert!(!fold.count(ask(n), at(0), way), "each is a line: {n}");
        }
        assert!(fold.issues.len() <= KINDS && fold.decisions.is_empty());
        assert!(!fold.count(ask(9_999), at(1), way), "again, for it is counted nowhere");
        assert!(fold.count(ask(7), at(1), way));
        assert!(!fold.count(denied(9), at(1), Way::FirstThenCounted(MINUTE)));
        assert!(fold.count(denied(9), at(2), Way::FirstThenCounted(MINUTE)));
        let minute = fold.due(at(62), false);
        assert!(minute.iter().any(|one| one.record().caller.uid == Some(9)), "by name");

        // What the ledger does not take is owed, if under no name; memory does not grow.
        for n in 0..10_000 {
            fold.owe(ask(n), at(63), way);
        }
        assert!(fold.issues.len() <= KINDS + 1);
        let owed = fold.due(at(73), false);
        assert_eq!(counts(&owed).iter().map(|(count, _, _)| count).sum::<u64>(), 10_000);
    }

    #[test]
    fn what_is_put_back_is_told_again_as_soon_as_before() {
        let caller = Caller::default();
        let failed = || Folded::of(&Record::new(Event::Issue, Outcome::Failed, &caller));
        let way = Way::FirstThenCounted(Duration::from_secs(10));
        let mut fold = Fold::default();
        fold.count(failed(), at(0), way);
        fold.count(failed(), at(1), way);
        let due = fold.due(at(10), true);
        assert_eq!(counts(&due), [(1, at(1), at(1))]);
        for one in due {
            fold.put_back(one);
        }
        assert_eq!(counts(&fold.due(at(11), false)), [(1, at(1), at(1))]);
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nothing_back() {
        let mut fold = Fold::default();
        fold.count(look("run-1"), at(7_200), Way::Counted);
        assert_eq!(fold.due(at(0), false).len(), 1);
    }
}
