//! The clockwork looks when something is due and not before, and is woken where that is sooner than it knew.

use std::time::Duration;

use super::{broker, bytes, narrowed, settle, unreachable};
use crate::broker::Broker;
use crate::fakes::{Fault, World, ask, rejected, serve as token, stored, token_set};
use crate::ports::{Clock, StoreFailure};
use crate::request::TokenRequest;
use crate::session::StoredSession;

/// From now until something is due; `None` where nothing will be.
fn due_in(world: &World, broker: &Broker) -> Option<u64> {
    let now = world.clock.now();
    broker.next_due().map(|due| now.until(due).as_secs())
}

#[tokio::test]
async fn nothing_is_due_until_a_token_in_use_nears_its_end() {
    let world = World::signed_in();
    let broker = broker(&world);
    assert_eq!(due_in(&world, &broker), None, "nothing was ever asked for");
    bytes(&broker).await;
    assert_eq!(due_in(&world, &broker), None, "by then it will not be in use any more");
    world.clock.jump(3000);
    bytes(&broker).await;
    assert_eq!(due_in(&world, &broker), Some(540));
    world.clock.jump(540);
    assert_eq!(due_in(&world, &broker), Some(0));
    broker.tend(false).await;
    settle().await;
    assert_eq!(world.server.refreshes(), 2);
    assert_eq!(due_in(&world, &broker), None);
}

#[tokio::test]
async fn rests_ends_and_what_is_unsaved_have_their_own_times() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.server.lifetime.lock().unwrap() = Duration::from_secs(60);
    bytes(&broker).await;
    assert_eq!(due_in(&world, &broker), Some(45));
    world.clock.jump(46);
    world.server.fail_next(Fault::Answer(unreachable(false)));
    broker.tend(false).await;
    settle().await;
    assert_eq!(due_in(&world, &broker), Some(1), "the first rest");

    *world.store.fail_saves.lock().unwrap() = Some(StoreFailure::Locked("x".into()));
    world.clock.jump(2);
    broker.tend(false).await;
    settle().await;
    assert_eq!(due_in(&world, &broker), Some(0), "to be saved at once");
    broker.tend(false).await;
    assert_eq!(due_in(&world, &broker), Some(1), "and then seldom");

    let world = World::signed_in();
    let broker = super::broker(&world);
    let now = world.clock.now();
    let set = token_set("at-own", None, now, now.plus(Duration::from_secs(300)));
    let bare = StoredSession { refresh_token: None, ..stored("none") };
    super::sign_in(&broker, bare, set).await.unwrap();
    assert_eq!(due_in(&world, &broker), Some(300), "it ends with its token");
    world.clock.jump(300);
    broker.tend(false).await;
    assert_eq!(due_in(&world, &broker), None);
}

#[tokio::test]
async fn a_store_that_cannot_be_written_and_a_flight_under_way_are_no_reason_to_look_again_at_once()
{
    let world = World::signed_in();
    let broker = broker(&world);
    *world.server.lifetime.lock().unwrap() = Duration::from_secs(60);
    bytes(&broker).await;
    world.clock.jump(46);
    *world.store.fail_all.lock().unwrap() = Some(StoreFailure::Locked("x".into()));
    broker.tend(false).await;
    assert_eq!(due_in(&world, &broker), Some(5));
    *world.store.fail_all.lock().unwrap() = None;
    world.clock.jump(5);
    let hangs = world.server.gate.lock().await;
    broker.tend(false).await;
    settle().await;
    assert_eq!(due_in(&world, &broker), None, "until it lands");
    drop(hangs);
    settle().await;
    bytes(&broker).await;
    assert_eq!(due_in(&world, &broker), Some(45));
}

#[tokio::test]
async fn whoever_sleeps_is_woken_by_what_is_due_sooner_than_they_know() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.server.lifetime.lock().unwrap() = Duration::from_secs(60);
    assert_eq!(due_in(&world, &broker), None);
    bytes(&broker).await;
    broker.alarmed().await;
    assert_eq!(due_in(&world, &broker), Some(45));
    token(&broker, &narrowed("a:read")).await.unwrap();
    broker.alarmed().await;
    // One that is in use already wakes nobody.
    assert_eq!(due_in(&world, &broker), Some(45));
    bytes(&broker).await;
    let woken = tokio::time::timeout(Duration::ZERO, broker.alarmed()).await;
    assert!(woken.is_err());
}

#[tokio::test]
async fn what_nobody_asks_for_any_more_is_forgotten_with_its_token() {
    let world = World::signed_in();
    let broker = broker(&world);
    let key = crate::request::SessionKey::of("prod");
    for scope in ["a:read", "b:read"] {
        token(&broker, &narrowed(scope)).await.unwrap();
    }
    let session = broker.session_of(&key).unwrap();
    assert_eq!(session.remembered(), (2, 2));
    world.clock.jump(3599);
    token(&broker, &narrowed("a:read")).await.unwrap();
    world.clock.jump(60);
    broker.tend(false).await;
    settle().await;
    assert_eq!(session.remembered(), (1, 1), "the one that was asked for lately stays");
    world.clock.jump(9000);
    broker.tend(false).await;
    settle().await;
    assert_eq!(session.remembered(), (0, 0));
}

#[tokio::test]
async fn who_brought_a_refused_token_waits_longer_for_another_and_not_for_ever() {
    let world = World::signed_in();
    let broker = broker(&world);
    bytes(&broker).await;
    let hangs = world.server.gate.lock().await;
    let before = world.clock.now();
    let refused = TokenRequest { rejected: rejected("at-1"), ..ask("prod") };
    let issued = token(&broker, &refused).await.unwrap();
    assert_eq!(issued.access_token().expose(), "at-1", "Ping does not answer");
    assert_eq!(before.until(world.clock.now()).as_secs(), 6);
    drop(hangs);
    settle().await;
    assert_eq!(bytes(&broker).await, "at-2");
}
