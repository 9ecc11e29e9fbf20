//! Whom an answer serves, what is shown of a question, and what becomes of an answer that is on no record.

use super::*;

#[test]
fn an_answer_that_stays_behind_unrecorded_is_believed_by_nobody_and_taken_away_as_soon_as_that_works()
 {
    let scene = scene();
    let who = by(program(100, 10));
    let id = scene.asked(&who);
    let set = |what: &Mutex<bool>, on| {
        *what.lock().unwrap_or_else(PoisonError::into_inner) = on;
    };
    let (book, record) = (&scene.world.book, &scene.world.witness.full);
    set(record, true);
    set(&book.fills, true);
    let refusal = scene.say(&person(), &id, Answer::Always).unwrap_err();
    assert_eq!(refusal.code, ErrorCode::NotRecorded);
    set(record, false);
    assert_eq!((book.kept().len(), scene.code(&who)), (1, PENDING));
    scene.broker.expire_approvals();
    assert_eq!(book.kept().len(), 1, "the disk is full");
    set(&book.fills, false);
    set(&book.full, false);
    scene.broker.expire_approvals();
    assert_eq!((book.kept().len(), scene.code(&who)), (0, PENDING));
}

#[test]
fn once_is_for_those_that_asked_as_long_as_one_of_them_runs() {
    let scene = scene();
    let (one, late) = (by(program(100, 10)), by(program(101, 10)));
    scene.approved(&one, Answer::Once);
    assert_eq!(scene.code(&late), PENDING, "it asks for itself");
    assert_eq!((scene.code(&one), scene.code(&one)), (None, PENDING));
    // A command that ended meanwhile is typed again.
    let scene = self::scene();
    let ended = by(Program { ended: true, ..program(100, 10) });
    scene.approved(&ended, Answer::Once);
    assert_eq!((scene.code(&late), scene.code(&late)), (None, PENDING));
}

#[test]
fn what_a_parsed_file_asks_shows_no_notice_until_somebody_asks_who_means_to_run() {
    let scene = scene();
    let quiet = |who: &Principal| {
        let id = scene.asked(who);
        let pending = scene.broker.approvals().pending;
        pending.iter().find(|asked| *asked.id == *id).unwrap().is_quiet
    };
    let mut parsing = by(program(100, 10));
    parsing.caller.context.insert("purpose".to_owned(), "dag-parse".to_owned());
    assert!(quiet(&parsing) && quiet(&parsing));
    assert!(!quiet(&by(program(100, 10))));
    assert!(!quiet(&parsing), "it stays one that is shown");
}

#[test]
fn a_hundred_callers_of_one_tree_are_one_question_and_once_serves_each_that_still_runs() {
    let scene = scene();
    let callers = (0..100).map(|n| Program { ended: n >= 60, ..program(100 + n, 10) });
    let callers: Vec<Principal> = callers.map(by).collect();
    let ids: std::collections::BTreeSet<String> =
        callers.iter().map(|who| scene.asked(who)).collect();
    assert_eq!((ids.len(), scene.broker.approvals().pending[0].times), (1, 100));
    assert_eq!(scene.told("approvalasked"), 1, "{:?}", scene.events());
    scene.say(&person(), ids.first().unwrap(), Answer::Once).unwrap();
    let served = callers.iter().filter(|who| scene.code(who).is_none()).count();
    assert_eq!(served, 60);
}

#[test]
fn a_question_that_nobody_answers_within_a_minute_is_denied() {
    let scene = scene();
    let who = by(program(100, 10));
    let id = scene.asked(&who);
    scene.world.clock.jump(59);
    assert!(!scene.broker.expire_approvals());
    assert_eq!(scene.asked(&who), id, "asking again is the same question");
    scene.world.clock.jump(1);
    assert!(scene.broker.expire_approvals());
    assert_eq!(scene.told("approvalexpired denied"), 1, "{:?}", scene.events());
    assert!(scene.say(&person(), &id, Answer::Once).is_err(), "it waits no more");
    assert_ne!(scene.asked(&who), id, "and is none of an answer to the next");
}
