use dagpass_core::audit::{Outcome, Record};
use dagpass_core::policy::Action;
use dagpass_core::request::{Caller, SessionKey};

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
    let told =
        (0..1_000).filter(|n| !fold.count(denied(9), at(n / 20), Way::FirstThenCounted(MINUTE)));
    assert_eq!(told.count(), 1);
    assert!(fold.due(at(59), false).is_empty());
    assert_eq!(counts(&fold.due(at(60), false)), [(999, at(0), at(49))]);
    assert!(fold.count(denied(9), at(61), Way::FirstThenCounted(MINUTE)), "still the same flood");
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
    for (connection, reason, dag) in
        [("lake", "a", "etl"), ("warehouse", "a", "etl"), ("lake", "b", "etl"), ("lake", "a", "x")]
    {
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
    let what = one.clone().with(None);
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
