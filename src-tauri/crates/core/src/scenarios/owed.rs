//! Signing out while Ping cannot be reached: the revocation is owed, and paid once.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::broker;
use super::sign_in::signing_in;
use crate::broker::Broker;
use crate::fakes::{Fault, World, ask, serve};
use crate::owed::KEPT_FOR;
use crate::ports::{Revocation, StoreFailure};
use crate::request::{Caller, SessionKey};
use crate::sign_in::Claim;

async fn signed_out(world: &World) -> (Broker, Option<Revocation>) {
    let broker = broker(world);
    let said = broker.sign_out(&SessionKey::of("prod"), &Caller::default()).await.unwrap();
    (broker, said)
}

/// Lets the clockwork look, and what it starts end.
async fn pass(broker: &Broker) {
    broker.pay_revocations();
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

fn offline(world: &World, times: usize) {
    world.server.revocations.lock().unwrap().extend(vec![Revocation::Pending; times]);
}

fn requests(world: &World) -> usize {
    world.server.revoked.load(Ordering::SeqCst)
}

fn last_event(world: &World) -> String {
    world.witness.events.lock().unwrap().last().cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_sign_out_offline_is_revoked_when_ping_is_back_and_never_again() {
    let world = World::signed_in();
    offline(&world, 2);
    let (broker, said) = signed_out(&world).await;
    assert_eq!(said, Some(Revocation::Pending));
    assert!(world.store.records.lock().unwrap().is_empty(), "the session itself is forgotten");
    let log = world.store.log.lock().unwrap().join(" ");
    assert!(log.ends_with("owe forget"), "kept before it is forgotten: {log}");
    pass(&broker).await;
    assert_eq!(requests(&world), 1, "not before its time");
    world.clock.jump(6);
    pass(&broker).await;
    assert_eq!(requests(&world), 2, "still offline");
    let owed = broker.owed_revocations().await.unwrap();
    assert_eq!((owed.len(), owed[0].attempts, owed[0].sent), (1, 2, false));
    world.clock.jump(11);
    pass(&broker).await;
    assert_eq!(requests(&world), 3);
    assert_eq!(last_event(&world), "revocation ok");
    assert!(world.store.owed.lock().unwrap().is_empty());
    world.clock.jump(86_400);
    pass(&broker).await;
    assert_eq!(requests(&world), 3);
}

#[tokio::test]
async fn what_is_owed_outlives_the_agent_and_is_forgotten_after_a_day() {
    let world = World::signed_in();
    offline(&world, 100);
    drop(signed_out(&world).await);
    let again = broker(&world);
    pass(&again).await;
    assert_eq!(again.owed_revocations().await.unwrap().len(), 1);
    world.clock.jump(i64::try_from(KEPT_FOR.as_secs()).unwrap());
    let before = requests(&world);
    pass(&again).await;
    assert_eq!(requests(&world), before, "no last try after the day");
    assert_eq!(last_event(&world), "revocation failed");
    assert!(world.store.owed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_request_that_may_have_left_before_a_crash_is_not_repeated() {
    let world = World::signed_in();
    offline(&world, 1);
    drop(signed_out(&world).await);
    world.store.owed.lock().unwrap()[0].0.sent = true;
    let again = broker(&world);
    world.clock.jump(60);
    pass(&again).await;
    assert_eq!(requests(&world), 1, "the sign-out's own");
    assert_eq!(last_event(&world), "revocation failed");
    assert!(world.store.owed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_debt_is_written_and_the_record_gone_before_ping_is_asked() {
    let world = World::signed_in();
    let broker = broker(&world);
    let shut = world.server.gate.lock().await;
    let leaving = tokio::spawn({
        let broker = broker.clone();
        async move { broker.sign_out(&SessionKey::of("prod"), &Caller::default()).await }
    });
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert!(!leaving.is_finished(), "the server holds the request");
    assert!(world.store.records.lock().unwrap().is_empty());
    let owed = world.store.owed.lock().unwrap()[0].0.clone();
    assert!(owed.sent, "noted before it leaves");
    // The clockwork does not take it for one that a crash left behind.
    pass(&broker).await;
    assert_eq!(world.store.owed.lock().unwrap().len(), 1);
    // As a crash leaves it: the next start says that nobody knows, and asks no second time.
    leaving.abort();
    drop(shut);
    let before = requests(&world);
    let again = super::broker(&world);
    pass(&again).await;
    assert_eq!((requests(&world), last_event(&world).as_str()), (before, "revocation failed"));
    let signed_in = again.session(&SessionKey::of("prod")).unwrap().state;
    assert!(!matches!(signed_in, crate::session::SessionState::Active(_)));
}

#[tokio::test]
async fn what_a_sign_out_sent_is_not_sent_again_where_the_ledger_was_full() {
    let world = World::signed_in();
    let broker = broker(&world);
    broker.load_session(&SessionKey::of("prod")).await.unwrap();
    let shut = world.server.gate.lock().await;
    let leaving = tokio::spawn({
        let broker = broker.clone();
        async move { broker.sign_out(&SessionKey::of("prod"), &Caller::default()).await }
    });
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    *world.witness.full.lock().unwrap() = true;
    drop(shut);
    assert_eq!(leaving.await.unwrap().unwrap(), Some(Revocation::Confirmed));
    *world.witness.full.lock().unwrap() = false;
    world.clock.jump(60);
    pass(&broker).await;
    assert_eq!(requests(&world), 1, "whatever the ledger said");
    assert!(world.store.owed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_sign_out_that_a_locked_keychain_refused_can_be_asked_for_again() {
    let world = World::signed_in();
    let broker = broker(&world);
    let key = SessionKey::of("prod");
    *world.store.fail_all.lock().unwrap() = Some(StoreFailure::Locked("locked".into()));
    assert!(broker.sign_out(&key, &Caller::default()).await.is_err());
    *world.store.fail_all.lock().unwrap() = None;
    assert_eq!(
        broker.sign_out(&key, &Caller::default()).await.unwrap(),
        Some(Revocation::Confirmed),
        "it was not signed out before"
    );
    assert_eq!(requests(&world), 1);
}

#[tokio::test]
async fn a_locked_keychain_puts_the_revocation_off_and_a_full_ledger_keeps_it() {
    let world = World::signed_in();
    offline(&world, 1);
    let (broker, _) = signed_out(&world).await;
    *world.store.fail_all.lock().unwrap() = Some(StoreFailure::Locked("locked".into()));
    world.clock.jump(6);
    pass(&broker).await;
    assert_eq!(requests(&world), 1, "the token cannot be read");
    *world.store.fail_all.lock().unwrap() = None;
    *world.witness.full.lock().unwrap() = true;
    world.clock.jump(11);
    pass(&broker).await;
    assert_eq!(requests(&world), 2);
    *world.witness.full.lock().unwrap() = false;
    world.clock.jump(60);
    pass(&broker).await;
    assert_eq!(requests(&world), 2, "sent once, whatever the ledger said");
    assert!(world.store.owed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_token_that_lies_damaged_is_never_sent_and_not_owed_for_ever() {
    let world = World::signed_in();
    offline(&world, 1);
    let (broker, _) = signed_out(&world).await;
    *world.store.fail_loads.lock().unwrap() = Some(StoreFailure::Corrupt("blank".into()));
    world.clock.jump(6);
    pass(&broker).await;
    assert_eq!(requests(&world), 1, "the sign-out's own");
    assert_eq!(last_event(&world), "revocation failed");
    assert!(world.store.owed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_token_that_cannot_be_kept_is_never_said_to_be_revoked_later() {
    let world = World::signed_in();
    let broker = broker(&world);
    broker.load_session(&SessionKey::of("prod")).await.unwrap();
    offline(&world, 1);
    *world.store.fail_all.lock().unwrap() = Some(StoreFailure::TimedOut(Duration::from_secs(5)));
    let said = broker.sign_out(&SessionKey::of("prod"), &Caller::default()).await;
    assert!(said.is_err(), "{said:?}");
    assert!(broker.owed_revocations().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_paid_is_on_the_record_once_though_its_note_cannot_be_removed() {
    let world = World::signed_in();
    let locked = || StoreFailure::Locked("x".into());
    *world.store.fail_forgets.lock().unwrap() = Some(locked());
    let (broker, said) = signed_out(&world).await;
    assert_eq!(said, Some(Revocation::Confirmed));
    for _ in 0..450 {
        pass(&broker).await;
        world.clock.jump(2);
    }
    let told = || {
        let events = world.witness.events.lock().unwrap();
        events.iter().filter(|event| event.starts_with("revocation")).count()
    };
    assert_eq!((told(), requests(&world)), (1, 1), "in a quarter of an hour");
    *world.store.fail_forgets.lock().unwrap() = None;
    world.clock.jump(60);
    pass(&broker).await;
    assert_eq!((told(), world.store.owed.lock().unwrap().len()), (1, 0));
}

/// Sent without an answer, so that nobody knows whether Ping has rotated it away.
async fn with_an_ambiguous_token(world: &World) -> Broker {
    let broker = broker(world);
    world.server.fail_next(Fault::LoseAnswer);
    serve(&broker, &ask("prod")).await.unwrap_err();
    broker
}

#[tokio::test]
async fn a_token_that_may_be_spent_is_not_revoked_and_that_is_on_the_record() {
    let world = World::signed_in();
    let broker = with_an_ambiguous_token(&world).await;
    let said = broker.sign_out(&SessionKey::of("prod"), &Caller::default()).await.unwrap();
    assert_eq!(said, Some(Revocation::Unconfirmed));
    pass(&broker).await;
    assert_eq!(requests(&world), 0, "PingFederate would count it towards a lock-out");
    assert!(world.store.owed.lock().unwrap().is_empty(), "nor later");
    assert!(world.store.records.lock().unwrap().is_empty());
    assert_eq!(last_event(&world), "revocation failed");
    let lines = world.witness.lines.lock().unwrap().join("\n");
    assert!(lines.contains("may be spent"), "{lines}");
}

#[tokio::test]
async fn a_sign_in_does_not_revoke_a_token_that_may_be_spent_either() {
    let world = World::signed_in();
    let broker = with_an_ambiguous_token(&world).await;
    signing_in(&world, &broker, Claim::default()).await.unwrap().unwrap();
    pass(&broker).await;
    assert_eq!(requests(&world), 0);
    let lines = world.witness.lines.lock().unwrap().join("\n");
    assert!(lines.contains("may be spent"), "{lines}");
}
