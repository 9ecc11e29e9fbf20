//! What a crash leaves of a sign-in that was received and not judged, and what the next agent makes of it.

use std::sync::Arc;
use std::time::Duration;

use super::sign_in::{becomes, key, pending, record, revoked, signing_in, until};
use super::{broker, bytes, ended, settle, state};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::fakes::{Fault, World, ask, profile, serve as token, stored};
use crate::pending::PendingSignIn;
use crate::ports::StoreFailure;
use crate::profile::Profile;
use crate::request::Caller;
use crate::session::{EndReason, SessionState, StoredSession};
use crate::sign_in::{Assurance, Claim};
use crate::token::RefreshToken;

/// What an agent that was killed between Ping's answer and the judgment leaves.
async fn killed_while_judging(world: &World) {
    let broker = broker(world);
    let keys = world.server.keys.lock().await;
    let person = signing_in(world, &broker, Claim::default());
    until(|| pending(world).is_some()).await;
    person.abort();
    // The task that judges dies with the agent; here it never gets its keys.
    std::mem::forget(keys);
}

/// The same machine, and an agent that was started anew.
fn next_life(world: World) -> World {
    let fresh = World::signed_in();
    fresh.server.take_over(&world.server);
    World { store: world.store.clone(), ..fresh }
}

#[tokio::test]
async fn what_a_crash_left_unjudged_is_judged_at_the_next_start() {
    let world = World::signed_in();
    killed_while_judging(&world).await;
    let world = next_life(world);
    let broker = broker(&world);
    broker.judge_pending_sign_ins().await;
    settle().await;
    assert_eq!(world.presented(), ["s1-rt"], "by one refresh of its own");
    assert_eq!(record(&world).as_deref(), Some("rt-1"));
    assert!(pending(&world).is_none());
    assert!(matches!(state(&broker), SessionState::Active(_)));
    bytes(&broker).await;
    assert_eq!(world.presented().len(), 1, "its token serves");
}

#[tokio::test]
async fn at_the_next_start_another_person_still_overwrites_nothing() {
    let world = World::signed_in();
    killed_while_judging(&world).await;
    let world = next_life(world);
    becomes(&world, "mallory");
    let broker = broker(&world);
    broker.judge_pending_sign_ins().await;
    settle().await;
    assert_eq!((record(&world).as_deref(), pending(&world).is_none()), (Some("rt-0"), true));
    assert_eq!(revoked(&world), ["rt-1"], "what the check was given");
}

#[tokio::test]
async fn what_nobody_can_know_is_given_up_and_said() {
    let world = World::signed_in();
    killed_while_judging(&world).await;
    let world = next_life(world);
    world.store.records.lock().unwrap().clear();
    world.store.pending.lock().unwrap().get_mut(&key()).unwrap().sent = true;
    let broker = broker(&world);
    let refusal = token(&broker, &ask("prod")).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::LoginRequired);
    assert!(refusal.cause.unwrap().contains("broke off"));
    assert!(world.presented().is_empty() && revoked(&world).is_empty(), "it may be spent");
    assert!(pending(&world).is_none());
}

#[tokio::test]
async fn where_ping_is_away_at_the_next_start_it_is_judged_later() {
    let world = World::signed_in();
    killed_while_judging(&world).await;
    let world = next_life(world);
    world.store.records.lock().unwrap().clear();
    let broker = broker(&world);
    world.server.fail_next(Fault::Answer(super::unreachable(false)));
    token(&broker, &ask("prod")).await.unwrap_err();
    assert!(pending(&world).is_some_and(|pending| !pending.sent), "it never left");
    broker.tend(false).await;
    settle().await;
    assert_eq!(world.presented().len(), 1, "not before its time");
    world.clock.jump(60);
    broker.tend(false).await;
    settle().await;
    assert_eq!(world.presented(), ["s1-rt", "s1-rt"]);
    assert!(pending(&world).is_none());
    bytes(&broker).await;
}

/// A loaded machine's keychain: what it did not say in time it did all the same, or did not take back.
#[tokio::test]
async fn what_never_left_is_judged_though_a_slow_store_has_it_marked_as_sent() {
    let world = World::signed_in();
    killed_while_judging(&world).await;
    let world = next_life(world);
    world.store.records.lock().unwrap().clear();
    let late = |how| *world.store.late_pends.lock().unwrap() = how;
    late(Some(StoreFailure::TimedOut(Duration::from_secs(2))));
    let broker = broker(&world);
    broker.judge_pending_sign_ins().await;
    settle().await;
    assert!(world.presented().is_empty() && pending(&world).unwrap().sent, "marked, and kept back");
    late(None);
    world.server.fail_next(Fault::Answer(super::unreachable(false)));
    world.clock.jump(60);
    broker.tend(false).await;
    settle().await;
    assert_eq!(world.presented(), ["s1-rt"], "tried, and it never left");
    world.store.pending.lock().unwrap().get_mut(&key()).unwrap().sent = true;
    world.clock.jump(60);
    broker.tend(false).await;
    settle().await;
    assert_eq!(world.presented(), ["s1-rt", "s1-rt"]);
    assert!(pending(&world).is_none());
    bytes(&broker).await;
}

#[tokio::test]
async fn a_pending_sign_in_of_another_client_or_of_one_that_signed_out_goes() {
    let world = World::signed_in();
    killed_while_judging(&world).await;
    let world = next_life(world);
    let other = Profile { client_id: "other".into(), ..profile() };
    let elsewhere = Broker::new(world.ports());
    elsewhere.configure([(key(), Arc::new(other))]);
    elsewhere.judge_pending_sign_ins().await;
    settle().await;
    assert_eq!((revoked(&world), pending(&world).is_none()), (vec!["s1-rt".to_owned()], true));

    let world = World::signed_in();
    killed_while_judging(&world).await;
    let world = next_life(world);
    let broker = broker(&world);
    world.server.fail_next(Fault::Answer(super::unreachable(false)));
    broker.load_session(&key()).await.unwrap();
    settle().await;
    broker.sign_out(&key(), &Caller::default()).await.unwrap();
    settle().await;
    assert!(pending(&world).is_none() && record(&world).is_none());
    assert!(revoked(&world).contains(&"s1-rt".to_owned()));
}

#[tokio::test]
async fn one_that_took_its_place_already_is_only_forgotten() {
    let world = World::signed_in();
    let broker = broker(&world);
    broker.load_session(&key()).await.unwrap();
    let promoted =
        StoredSession { refresh_token: Some(RefreshToken::new("rt-0")), ..stored("rt-0") };
    let asked_at = promoted.signed_in_at;
    let assurance = Assurance::asked(&profile(), &Claim::default(), None, asked_at);
    let left = PendingSignIn { stored: promoted, assurance, sent: false };
    world.store.pending.lock().unwrap().insert(key(), left);
    let again = super::broker(&world);
    again.judge_pending_sign_ins().await;
    settle().await;
    assert!(world.presented().is_empty() && pending(&world).is_none());
    world.clock.jump(Duration::from_secs(1).as_secs().try_into().unwrap());
    assert_eq!(bytes(&again).await, "at-1");
}

#[tokio::test]
async fn a_check_that_brings_nothing_to_judge_is_given_up_after_a_few() {
    let world = World::signed_in();
    killed_while_judging(&world).await;
    let world = next_life(world);
    world.store.records.lock().unwrap().clear();
    for _ in 0..10 {
        world.server.fail_next(Fault::NoAccessToken);
    }
    let broker = broker(&world);
    broker.judge_pending_sign_ins().await;
    for _ in 0..20 {
        settle().await;
        world.clock.jump(30);
        broker.tend(false).await;
    }
    settle().await;
    assert_eq!(world.presented().len(), 3);
    assert!(pending(&world).is_none());
    assert!(matches!(ended(&broker), EndReason::BrokeOff { .. }));
    assert_eq!(revoked(&world), ["rt-3"], "the last of them");
}

#[tokio::test]
async fn at_the_next_start_keys_that_are_away_are_waited_for() {
    let world = World::signed_in();
    killed_while_judging(&world).await;
    let world = next_life(world);
    world.store.records.lock().unwrap().clear();
    let broker = broker(&world);
    *world.server.disbelief.lock().unwrap() = Some(super::unreachable(false));
    broker.judge_pending_sign_ins().await;
    settle().await;
    assert!(pending(&world).is_some_and(|pending| !pending.sent));
    *world.server.disbelief.lock().unwrap() = None;
    world.clock.jump(60);
    broker.tend(false).await;
    settle().await;
    assert_eq!(world.presented(), ["s1-rt", "rt-1"], "each once");
    assert!(pending(&world).is_none());
    bytes(&broker).await;
}
