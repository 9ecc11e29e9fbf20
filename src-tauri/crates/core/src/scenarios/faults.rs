//! What goes wrong at Ping, in the store and in the ledger, and what is left of the session.

use std::sync::atomic::Ordering;

use super::{broker, bytes, ended, narrowed, safety, state, unreachable};
use crate::error::ErrorCode;
use crate::fakes::{Fault, World, ask, rejected, serve as token, stored};
use crate::ports::{StoreFailure, TokenFailure};
use crate::request::{Caller, SessionKey, TokenRequest};
use crate::session::{EndReason, InFlight, Safety, SessionState};
use crate::token::Fingerprint;

#[tokio::test]
async fn a_rotated_token_is_saved_before_the_access_token_is_handed_out() {
    let world = World::signed_in();
    let broker = broker(&world);
    bytes(&broker).await;
    let log = world.store.log.lock().unwrap().clone();
    assert_eq!(log, ["load", "mark", "save 2", "unmark"]);
    let events = world.witness.events.lock().unwrap().clone();
    assert_eq!(events, ["decision ok", "refresh ok", "issue ok"]);
}

#[tokio::test]
async fn a_request_that_asks_nobody_is_one_line_and_the_line_of_intent_stands_before_ping_is_asked()
{
    let world = World::signed_in();
    let broker = broker(&world);
    bytes(&broker).await;
    let new = || world.witness.events.lock().unwrap().split_off(3);
    bytes(&broker).await;
    assert_eq!(new(), ["issue ok"], "from the cache");
    let line = world.witness.lines.lock().unwrap().last().cloned().unwrap();
    assert!(line.contains("action: Some(Token)"), "what was decided stands on it: {line}");
    assert!(line.contains("served: Some(Cache)"), "{line}");

    // Refused while it rests: nobody is asked either.
    world.clock.jump(3601);
    world.server.fail_next(Fault::Answer(unreachable(false)));
    token(&broker, &ask("prod")).await.unwrap_err();
    assert_eq!(new(), ["decision ok", "refresh failed", "issue failed"]);
    token(&broker, &ask("prod")).await.unwrap_err();
    assert_eq!(new(), ["issue failed"]);
}

#[tokio::test]
async fn what_is_due_is_asked_for_behind_the_line_of_what_was_served() {
    let world = World::signed_in();
    let broker = broker(&world);
    bytes(&broker).await;
    world.clock.jump(3400);
    *world.witness.full.lock().unwrap() = true;
    let refusal = token(&broker, &ask("prod")).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::NotRecorded);
    tokio::task::yield_now().await;
    assert_eq!(world.server.refreshes(), 1, "nobody is asked for what cannot be recorded");
    *world.witness.full.lock().unwrap() = false;
    bytes(&broker).await;
    let events = world.witness.events.lock().unwrap().split_off(3);
    assert_eq!(events.first().map(String::as_str), Some("issue ok"));
}

#[tokio::test]
async fn an_access_that_cannot_be_recorded_is_denied() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.witness.full.lock().unwrap() = true;
    let refusal = token(&broker, &ask("prod")).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::NotRecorded);
    assert_eq!(world.server.refreshes(), 0);
}

#[tokio::test]
async fn a_failed_refresh_never_throws_away_a_valid_access_token() {
    for failure in [
        unreachable(false),
        TokenFailure::Misconfigured { error: "invalid_client".into(), description: "off".into() },
        TokenFailure::Rejected { error: "invalid_grant".into(), description: "gone".into() },
    ] {
        let world = World::signed_in();
        let broker = broker(&world);
        bytes(&broker).await;
        world.clock.jump(3580);
        world.server.fail_next(Fault::Answer(failure));
        assert_eq!(bytes(&broker).await, "at-1");
    }
}

#[tokio::test]
async fn an_outage_keeps_the_session_and_is_over_when_it_is_over() {
    let world = World::signed_in();
    let broker = broker(&world);
    world.server.fail_next(Fault::Answer(unreachable(false)));
    let refusal = token(&broker, &ask("prod")).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::TemporarilyUnavailable);
    let resting = token(&broker, &ask("prod")).await.unwrap_err();
    assert_eq!(resting.code, ErrorCode::TemporarilyUnavailable);
    assert_eq!(world.presented().len(), 1, "no second attempt while it rests");
    world.clock.jump(2);
    assert_eq!(bytes(&broker).await, "at-1");
}

#[tokio::test]
async fn only_invalid_grant_ends_a_session_and_the_store_is_read_again_first() {
    let world = World::signed_in();
    let broker = broker(&world);
    let dead = TokenFailure::Rejected { error: "invalid_grant".into(), description: "x".into() };
    world.server.fail_next(Fault::Answer(dead.clone()));
    let refusal = token(&broker, &ask("prod")).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::LoginRequired);
    assert!(matches!(ended(&broker), EndReason::Rejected { .. }));
    let left = world.store.records.lock().unwrap()[&SessionKey::of("prod")].clone();
    assert!(left.refresh_token.is_none(), "a dead refresh token is forgotten");
    assert!(left.identity.is_some() && left.ended.is_some(), "whose it was is not");
    let log = world.store.log.lock().unwrap().join(" ");
    assert_eq!(log, "load mark load save 2 unmark");
}

#[tokio::test]
async fn the_loser_of_a_race_takes_the_winner_s_token_from_the_store() {
    let world = World::signed_in();
    let broker = broker(&world);
    broker.load_session(&SessionKey::of("prod")).await.unwrap();
    let dead = TokenFailure::Rejected { error: "invalid_grant".into(), description: "x".into() };
    world.server.fail_next(Fault::Answer(dead));
    // Another process rotated rt-0 and saved what it got.
    let mut newer = stored("rt-0");
    newer.refresh_token = Some(crate::token::RefreshToken::new("rt-other"));
    newer.generation += 1;
    world.store.records.lock().unwrap().insert(SessionKey::of("prod"), newer);
    let refusal = token(&broker, &ask("prod")).await.unwrap_err();
    assert_eq!(world.presented(), ["rt-0", "rt-other"]);
    assert_eq!(refusal.code, ErrorCode::LoginRequired);
}

#[tokio::test]
async fn an_answer_that_never_came_is_tried_once_more_and_then_named() {
    let world = World::signed_in();
    let broker = broker(&world);
    bytes(&broker).await;
    world.clock.jump(3550);
    world.server.fail_next(Fault::LoseAnswer);
    assert_eq!(bytes(&broker).await, "at-1", "served while it is valid");
    tokio::task::yield_now().await;
    world.clock.jump(10);
    assert_eq!(bytes(&broker).await, "at-1");
    assert_eq!(world.presented().len(), 2, "not sent again before the token is near its end");
    world.clock.jump(25);
    assert_eq!(bytes(&broker).await, "at-1");
    assert_eq!(world.presented(), ["rt-0", "rt-1", "rt-1"]);
    world.clock.jump(60);
    assert!(token(&broker, &ask("prod")).await.is_err());
    assert!(matches!(ended(&broker), EndReason::LostInRotation { .. }));
}

#[tokio::test]
async fn a_mark_from_before_a_crash_says_lost_in_rotation_when_the_old_token_is_dead() {
    let world = World::signed_in();
    let mark = InFlight {
        refresh_token: Fingerprint::of("rt-0"),
        since: crate::time::Timestamp::from_secs(5),
        attempts: 1,
    };
    world.store.marks.lock().unwrap().insert(SessionKey::of("prod"), mark);
    let dead = TokenFailure::Rejected { error: "invalid_grant".into(), description: "x".into() };
    world.server.fail_next(Fault::Answer(dead));
    let broker = broker(&world);
    let refusal = token(&broker, &ask("prod")).await.unwrap_err();
    assert!(refusal.cause.unwrap().starts_with("lost in rotation"));
}

#[tokio::test]
async fn a_rotated_token_that_cannot_be_saved_is_kept_in_memory_and_saved_later() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.store.fail_saves.lock().unwrap() = Some(StoreFailure::Locked("locked".into()));
    assert_eq!(bytes(&broker).await, "at-1");
    assert_eq!(safety(&broker), Safety::MemoryOnly);
    *world.store.fail_saves.lock().unwrap() = None;
    broker.tend(false).await;
    assert_eq!(safety(&broker), Safety::Kept);
    let records = world.store.records.lock().unwrap();
    let kept = records[&SessionKey::of("prod")].refresh_token.as_ref().unwrap();
    assert_eq!(kept.expose(), "rt-1");
}

#[tokio::test]
async fn a_locked_store_is_a_named_error_and_not_a_sign_out() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.store.fail_all.lock().unwrap() = Some(StoreFailure::Locked("locked".into()));
    let refusal = token(&broker, &ask("prod")).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::KeychainLocked);
    *world.store.fail_all.lock().unwrap() = None;
    broker.reconsider_store();
    assert_eq!(bytes(&broker).await, "at-1");
}

#[tokio::test]
async fn a_damaged_record_asks_for_a_sign_in_and_is_never_sent() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.store.fail_loads.lock().unwrap() = Some(StoreFailure::Corrupt("the record is".into()));
    let refusal = token(&broker, &ask("prod")).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::LoginRequired);
    assert_eq!(refusal.cause.as_deref(), Some("the stored record is damaged: the record is"));
    assert_eq!(refusal.hint.as_deref(), Some("run `dagpass login prod`"));
    assert_eq!(world.server.refreshes(), 0);
}

#[tokio::test]
async fn a_refresh_that_answers_for_somebody_else_ends_the_session() {
    let world = World::signed_in();
    let broker = broker(&world);
    world.server.fail_next(Fault::AnotherSubject("mallory".into()));
    assert!(token(&broker, &ask("prod")).await.is_err());
    assert!(matches!(ended(&broker), EndReason::SubjectChanged { .. }));
}

#[tokio::test]
async fn a_narrowing_that_ping_refused_is_remembered_and_named() {
    let world = World::signed_in();
    let broker = broker(&world);
    world.server.fail_next(Fault::Answer(TokenFailure::Misconfigured {
        error: "invalid_scope".into(),
        description: "May not request scopes for multiple resources".into(),
    }));
    for _ in 0..3 {
        let refusal = token(&broker, &narrowed("b:read")).await.unwrap_err();
        assert_eq!(refusal.code, ErrorCode::InvalidScope);
        assert!(refusal.cause.unwrap().contains("multiple resources"));
    }
    assert_eq!(world.presented().len(), 1);
    assert_eq!(bytes(&broker).await, "at-1", "the session stands");
}

#[tokio::test]
async fn logout_revokes_the_current_refresh_token_once_and_forgets_it() {
    let world = World::signed_in();
    let broker = broker(&world);
    let key = SessionKey::of("prod");
    assert!(broker.sign_out(&key, &Caller::default()).await.unwrap().is_some());
    assert!(broker.sign_out(&key, &Caller::default()).await.unwrap().is_none());
    assert_eq!(world.server.revoked.load(Ordering::SeqCst), 1);
    assert!(world.store.records.lock().unwrap().is_empty());
    let refusal = token(&broker, &ask("prod")).await.unwrap_err();
    assert_eq!(refusal.hint.as_deref(), Some("run `dagpass login prod`"));
}

#[tokio::test]
async fn a_sign_out_whose_record_stays_says_what_it_came_to_all_the_same() {
    let world = World::signed_in();
    let broker = broker(&world);
    bytes(&broker).await;
    *world.store.fail_all.lock().unwrap() = Some(StoreFailure::Locked("locked".into()));
    let refusal = broker.sign_out(&SessionKey::of("prod"), &Caller::default()).await.unwrap_err();
    let cause = refusal.cause.unwrap();
    assert!(cause.starts_with("nobody is served any more, revocation: confirmed; "), "{cause}");
    assert!(cause.contains("the stored record stays") && cause.contains("locked"), "{cause}");
    assert_eq!(token(&broker, &ask("prod")).await.unwrap_err().code, ErrorCode::LoginRequired);
}

#[tokio::test]
async fn a_hanging_issuer_does_not_keep_a_caller_whose_token_is_still_valid() {
    let world = World::signed_in();
    let broker = broker(&world);
    bytes(&broker).await;
    world.clock.jump(3580);
    let shut = world.server.gate.lock().await;
    assert_eq!(bytes(&broker).await, "at-1");
    drop(shut);
}

#[tokio::test]
async fn an_end_that_ping_brought_about_says_how_long_the_session_lasted() {
    for (seen_before, lasted) in [(1800, Some(2_800)), (7200, None)] {
        let world = World::signed_in();
        let broker = broker(&world);
        bytes(&broker).await;
        world.clock.jump(seen_before);
        world.server.fail_next(Fault::Answer(TokenFailure::Rejected {
            error: "invalid_grant".into(),
            description: "session ended".into(),
        }));
        let request = TokenRequest { rejected: rejected("at-1"), ..ask("prod") };
        for _ in 0..2 {
            let refusal = token(&broker, &request).await.unwrap_err();
            assert_eq!(refusal.code, ErrorCode::LoginRequired, "refused, and its session is over");
        }
        let unrefused = token(&broker, &ask("prod")).await;
        assert_eq!(unrefused.is_ok(), lasted.is_some(), "others are served to the token's end");
        let SessionState::Ended { lasted: told, .. } = state(&broker) else { panic!("not ended") };
        assert_eq!(told.map(|span| span.as_secs()), lasted);
    }
}

#[tokio::test]
async fn a_dead_way_to_ping_answers_the_whole_queue_and_a_refused_target_only_itself() {
    for (failure, served) in [
        (unreachable(false), 0),
        (unreachable(true), 0),
        (
            TokenFailure::Misconfigured {
                error: "invalid_scope".into(),
                description: String::new(),
            },
            9,
        ),
    ] {
        let world = World::signed_in();
        let broker = broker(&world);
        let shut = world.server.gate.lock().await;
        let callers: Vec<_> = (0..10)
            .map(|n| {
                let (broker, request) = (broker.clone(), narrowed(&format!("s{n}:read")));
                tokio::spawn(async move { token(&broker, &request).await.is_ok() })
            })
            .collect();
        super::settle().await;
        assert_eq!(world.presented().len(), 1, "one at a time");
        world.server.fail_next(Fault::Answer(failure.clone()));
        drop(shut);
        let mut good = 0;
        for caller in callers {
            good += usize::from(caller.await.unwrap());
        }
        assert_eq!(good, served, "{failure:?}");
        assert_eq!(world.presented().len(), 1 + served, "{failure:?}");
    }
}

#[tokio::test]
async fn what_a_server_refused_is_believed_for_an_hour_and_until_the_config_changes() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.server.lifetime.lock().unwrap() = std::time::Duration::from_secs(12 * 3600);
    bytes(&broker).await;
    let refuse =
        |of: &str, renewed| TokenRequest { rejected: rejected(of), renewed, ..ask("prod") };
    token(&broker, &refuse("at-1", false)).await.unwrap();
    for _ in 0..3 {
        token(&broker, &refuse("at-2", true)).await.unwrap();
    }
    assert_eq!(world.server.refreshes(), 2, "another would be refused as well");
    world.clock.jump(3_601);
    token(&broker, &refuse("at-2", false)).await.unwrap();
    assert_eq!(world.server.refreshes(), 3, "that may be mended by now");
    token(&broker, &refuse("at-3", true)).await.unwrap();
    let key = SessionKey::of("prod");
    broker.configure([(key, std::sync::Arc::new(crate::fakes::profile()))]);
    token(&broker, &refuse("at-3", false)).await.unwrap();
    assert_eq!(world.server.refreshes(), 4);
}

#[tokio::test]
async fn a_store_that_would_not_say_is_asked_once_however_many_want_a_token() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.store.fail_loads.lock().unwrap() = Some(StoreFailure::Locked("x".into()));
    let asked = || world.store.log.lock().unwrap().iter().filter(|one| *one == "unread").count();
    for _ in 0..10 {
        let refusal = token(&broker, &ask("prod")).await.unwrap_err();
        assert_eq!(refusal.code, ErrorCode::KeychainLocked);
    }
    assert_eq!(asked(), 1);
    broker.reconsider_store();
    token(&broker, &ask("prod")).await.unwrap_err();
    assert_eq!(asked(), 2, "once more when it may have changed");
}
