use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::principal::{Kind, Principal};
use crate::request::Caller;

const MINUTE: u64 = 60;
const HOUR: u64 = 3600;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + secs)
}

fn span(secs: u64) -> Option<Duration> {
    Some(Duration::from_secs(secs))
}

/// Signed in at 0 by a proof of then.
fn signed() -> Signed {
    Signed { in_at: at(0), proven_at: at(0), lifetime: None }
}

fn none() -> Rules {
    Rules { on_session_end: false, ..Rules::default() }
}

fn heard(signals: &[(i64, Signal)]) -> Desk {
    let mut desk = Desk::default();
    for (secs, signal) in signals {
        desk.hear(*signal, at(*secs));
    }
    desk
}

#[test]
fn each_signal_ends_a_session_where_its_key_says_so_and_only_where_it_does() {
    use Signal::{IsAway, IsLocked, Locks, Switches, Touched};
    let lock = || Rules { on_lock: true, ..none() };
    let switch = || Rules { on_switch: true, ..none() };
    let idle = || Rules { idle: span(30 * MINUTE), ..none() };
    let all = || Rules { on_lock: true, on_switch: true, ..idle() };
    type Row<'a> = (&'a str, Rules, &'a [(i64, Signal)], Option<(Reason, i64)>);
    let table: [Row<'_>; 20] = [
        ("nothing is wanted", none(), &[(9, Locks), (9, Switches), (9, Touched(at(-9999)))], None),
        ("a lock", lock(), &[(9, Locks)], Some((Reason::Lock, 9))),
        (
            "a lock that was over before anybody looked",
            lock(),
            &[(9, Locks), (9, IsLocked(true))],
            Some((Reason::Lock, 9)),
        ),
        ("a lock that is found", lock(), &[(9, IsLocked(true))], Some((Reason::Lock, 9))),
        (
            "and found again",
            lock(),
            &[(9, IsLocked(true)), (99, IsLocked(true))],
            Some((Reason::Lock, 9)),
        ),
        (
            "a lock that was opened",
            lock(),
            &[(9, Locks), (12, IsLocked(false))],
            Some((Reason::Lock, 9)),
        ),
        (
            "a lock that was opened before the sign-in",
            lock(),
            &[(-9, Locks), (-1, IsLocked(false))],
            None,
        ),
        ("a lock before the sign-in", lock(), &[(-9, Locks), (9, IsLocked(true))], None),
        ("a new one after it", lock(), &[(-9, Locks), (9, Locks)], Some((Reason::Lock, 9))),
        ("a lock, by another key", switch(), &[(9, Locks)], None),
        ("a switch", switch(), &[(9, Switches)], Some((Reason::Switch, 9))),
        ("a switch that is found", switch(), &[(9, IsAway(true))], Some((Reason::Switch, 9))),
        ("back again", switch(), &[(9, Switches), (12, IsAway(false))], Some((Reason::Switch, 9))),
        ("a switch, by another key", lock(), &[(9, Switches)], None),
        ("left alone", idle(), &[(60, Touched(at(60)))], Some((Reason::Idle, 60 + 1800))),
        (
            "touched since",
            idle(),
            &[(60, Touched(at(60))), (90, Touched(at(90)))],
            Some((Reason::Idle, 90 + 1800)),
        ),
        (
            "left alone long before the sign-in",
            idle(),
            &[(9, Touched(at(-9999)))],
            Some((Reason::Idle, 1800)),
        ),
        (
            "touched in a future that a clock set back made",
            idle(),
            &[(9, Touched(at(7200)))],
            Some((Reason::Idle, 9 + 1800)),
        ),
        ("nobody tells of touch", idle(), &[(9, Locks)], None),
        (
            "the first of all",
            all(),
            &[(60, Touched(at(60))), (99, Locks), (98, Switches)],
            Some((Reason::Switch, 98)),
        ),
    ];
    for (case, rules, signals, expected) in table {
        let found = due(&rules, &heard(signals), &signed());
        let expected = expected.map(|(reason, secs)| (reason, at(secs)));
        assert_eq!(found.map(|due| (due.reason, due.at)), expected, "{case}");
    }
}

#[test]
fn the_absolute_end_counts_from_the_proof_and_ping_s_own_from_what_the_profile_says() {
    let after = Rules { after: span(12 * HOUR), ..none() };
    let proven = |secs| Signed { proven_at: at(secs), ..signed() };
    let ends = |rules: &Rules, signed: &Signed| {
        due(rules, &Desk::default(), signed).map(|due| (due.reason, due.at))
    };
    assert_eq!(ends(&after, &signed()), Some((Reason::After, at(12 * 3600))));
    assert_eq!(ends(&after, &proven(-3600)), Some((Reason::After, at(11 * 3600))));
    let lives = Signed { lifetime: span(8 * HOUR), ..proven(-3600) };
    let ended = Some((Reason::SessionEnded, at(7 * 3600)));
    assert_eq!(ends(&Rules::default(), &lives), ended, "by default");
    assert_eq!(ends(&after, &lives), Some((Reason::After, at(11 * 3600))), "turned off");
    assert_eq!(ends(&Rules { on_session_end: true, ..after }, &lives), ended, "the first");
    assert_eq!(ends(&Rules::default(), &signed()), None, "nothing is guessed");
}

#[test]
fn an_end_is_told_five_minutes_ahead_and_of_a_short_span_its_second_half() {
    for (after, told) in [(HOUR, 3300), (10 * MINUTE, 300), (4 * MINUTE, 120), (0, 0)] {
        let rules = Rules { after: span(after), ..none() };
        let due = due(&rules, &Desk::default(), &signed()).unwrap();
        assert_eq!(due.told_at(), at(told), "{after}");
        let over = i64::try_from(after).unwrap();
        assert!(due.is_told(at(told)) && due.is_over(at(over)) && !due.is_told(at(told - 1)));
        assert!(after == 0 || !due.is_over(at(over - 1)));
    }
    let rules = Rules { on_lock: true, ..none() };
    let lock = due(&rules, &heard(&[(9, Signal::Locks)]), &signed()).unwrap();
    assert_eq!(lock.told_at(), at(9), "a lock is not seen coming");
}

#[test]
fn a_source_that_went_away_leaves_no_idleness_behind() {
    let rules = Rules { idle: span(60), on_lock: true, ..none() };
    let mut desk = heard(&[(9, Signal::Touched(at(9)))]);
    desk.lost_touch();
    assert_eq!(due(&rules, &desk, &signed()), None);
}

#[test]
fn only_runs_that_were_in_flight_go_on_and_only_until_the_grace_is_over() {
    let gone = Gone::Winding(WindUp {
        reason: Reason::Lock,
        at: at(0),
        until: at(600),
        runs: BTreeSet::from(["run-1".to_owned()]),
    });
    let principal = |kind| Principal::new(kind, Caller::default());
    let run = |id: &str| principal(Kind::Run(id.to_owned()));
    let within = Principal { root: Some("run-1".to_owned()), ..run("run-7") };
    let table = [
        ("the run", run("run-1"), 599, true),
        ("a run of its own", within, 599, true),
        ("one that began since", run("run-2"), 1, false),
        ("the run, too late", run("run-1"), 600, false),
        ("the owner", principal(Kind::Owner), 1, false),
        ("the agent's own items", principal(Kind::Agent), 1, false),
        ("a container", principal(Kind::Container("run-1".to_owned())), 1, false),
        ("a relay", principal(Kind::Relay), 1, false),
    ];
    for (case, principal, now, served) in table {
        assert_eq!(!gone.shuts_out(&principal, at(now)), served, "{case}");
    }
}

#[test]
fn every_reason_is_read_back_from_its_word() {
    for reason in Reason::ALL {
        assert_eq!(Reason::parse(reason.as_str()), Some(reason));
    }
    assert_eq!(Reason::parse("moon"), None);
}
