//! From Ping's answer to a session: what was received is kept, judged, and takes its place, whatever
//! becomes of whoever asked and of the agent.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{broker, bytes, ended, settle, state};
use crate::broker::Broker;
use crate::error::{ErrorCode, Refusal};
use crate::fakes::{Fault, World, ask, serve as token};
use crate::pending::PendingSignIn;
use crate::ports::{Browser, Callbacks, Listening, Pending, TokenFailure};
use crate::profile::{Flow, Profile, Redirect};
use crate::request::{Caller, SessionKey, Target, TokenRequest};
use crate::session::{EndReason, SessionState, StoredSession};
use crate::sign_in::{Claim, Desktop, Opening, Progress, SignInOptions, SignInPorts, Step};
use crate::token::RefreshToken;

struct Nowhere;

impl Browser for Nowhere {
    fn opening(&self, _desktop: &Desktop) -> Opening {
        Opening::Unlikely
    }

    fn open<'a>(&'a self, _url: &'a str, _desk: &'a Desktop) -> Pending<'a, Result<(), String>> {
        Box::pin(async { Err("there is none".to_owned()) })
    }
}

impl Callbacks for Nowhere {
    fn listen<'a>(&'a self, _redirect: &'a Redirect) -> Pending<'a, Result<Listening, String>> {
        Box::pin(async { Err("no port".to_owned()) })
    }
}

impl Progress for Nowhere {
    fn tell(&self, _step: Step) {}
}

fn key() -> SessionKey {
    SessionKey::of("prod")
}

/// A person signs in by code.
pub(super) fn signing_in(world: &World, broker: &Broker, claim: Claim) -> JoinHandle<Outcome> {
    let ports = SignInPorts {
        clock: world.clock.clone(),
        server: world.server.clone(),
        store: world.store.clone(),
        browser: Arc::new(Nowhere),
        callbacks: Arc::new(Nowhere),
        random: || "0".repeat(43),
    };
    let broker = broker.clone();
    tokio::spawn(async move {
        let options = SignInOptions { flow: Some(Flow::Device), claim, ..SignInOptions::default() };
        let (_nobody, pasted) = mpsc::channel(1);
        let (how, caller) = ((&ports, &options), Caller::default());
        broker.sign_in(&key(), how, &caller, (&Nowhere, pasted)).await?.run().await
    })
}

type Outcome = Result<(), Refusal>;

async fn signed_in(world: &World, broker: &Broker) -> Outcome {
    signing_in(world, broker, Claim::default()).await.unwrap()
}

fn becomes(world: &World, who: &str) {
    who.clone_into(&mut world.server.subject.lock().unwrap());
}

fn pending(world: &World) -> Option<PendingSignIn> {
    world.store.pending.lock().unwrap().get(&key()).cloned()
}

fn record(world: &World) -> Option<String> {
    let records = world.store.records.lock().unwrap();
    let token = records.get(&key())?.refresh_token.as_ref()?;
    Some(token.expose().to_owned())
}

fn revoked(world: &World) -> Vec<String> {
    world.server.revoked_tokens.lock().unwrap().clone()
}

async fn until(what: impl Fn() -> bool) {
    for _ in 0..100_000 {
        if what() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never came");
}

#[tokio::test]
async fn what_was_received_is_kept_before_it_is_judged_and_served_to_nobody_until_then() {
    let world = World::signed_in();
    let broker = broker(&world);
    assert_eq!(bytes(&broker).await, "at-1");
    let keys = world.server.keys.lock().await;
    let person = signing_in(&world, &broker, Claim::default());
    until(|| pending(&world).is_some()).await;
    settle().await;
    assert!(!person.is_finished(), "nobody is told before it is over");
    assert_eq!(record(&world).as_deref(), Some("rt-1"), "the session is as it was");
    assert_eq!(bytes(&broker).await, "at-1", "and serves");
    drop(keys);
    person.await.unwrap().unwrap();
    settle().await;
    assert_eq!(bytes(&broker).await, "s1-at");
    assert_eq!(record(&world).as_deref(), Some("s1-rt"));
    assert!(pending(&world).is_none());
    assert_eq!(revoked(&world), ["rt-1"], "what it took the place of, once");
}

#[tokio::test]
async fn what_was_replaced_is_left_alone_where_that_may_end_the_new_session() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.server.withholds.lock().unwrap() = true;
    signed_in(&world, &broker).await.unwrap();
    settle().await;
    assert!(revoked(&world).is_empty());
    let lines = world.witness.lines.lock().unwrap().join("\n");
    assert!(lines.contains("may end the newer sign-in"), "{lines}");
    assert!(world.store.owed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn another_person_overwrites_nothing_and_what_they_were_given_is_revoked() {
    let world = World::signed_in();
    let broker = broker(&world);
    becomes(&world, "mallory");
    let refusal = signed_in(&world, &broker).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::SubjectChanged);
    settle().await;
    assert_eq!((record(&world).as_deref(), pending(&world).is_none()), (Some("rt-0"), true));
    assert_eq!(revoked(&world), ["s1-rt"]);
    let agreed = Claim { accept_subject: Some("mallory".to_owned()), fresh: false };
    signing_in(&world, &broker, agreed).await.unwrap().unwrap();
    assert_eq!(record(&world).as_deref(), Some("s2-rt"));
}

#[tokio::test]
async fn who_a_session_belonged_to_is_known_after_its_end_also_to_the_next_agent() {
    let world = World::signed_in();
    let first = broker(&world);
    let dead = TokenFailure::Rejected { error: "invalid_grant".into(), description: "x".into() };
    world.server.fail_next(Fault::Answer(dead));
    token(&first, &ask("prod")).await.unwrap_err();
    becomes(&world, "mallory");
    for broker in [&first, &broker(&world)] {
        let refusal = signed_in(&world, broker).await.unwrap_err();
        assert_eq!(refusal.code, ErrorCode::SubjectChanged);
        assert!(matches!(ended(broker), EndReason::Rejected { .. }), "and why it ended");
    }
    becomes(&world, "alice");
    signed_in(&world, &first).await.unwrap();
    // Whoever signs out leaves the place to anybody.
    first.sign_out(&key(), &Caller::default()).await.unwrap();
    becomes(&world, "mallory");
    signed_in(&world, &first).await.unwrap();
}

#[tokio::test]
async fn a_caller_who_goes_away_stops_nothing_that_was_redeemed() {
    let world = World::signed_in();
    let broker = broker(&world);
    let keys = world.server.keys.lock().await;
    let person = signing_in(&world, &broker, Claim::default());
    until(|| pending(&world).is_some()).await;
    person.abort();
    settle().await;
    drop(keys);
    until(|| record(&world).as_deref() == Some("s1-rt")).await;
    settle().await;
    assert_eq!(bytes(&broker).await, "s1-at");
    assert!(pending(&world).is_none());
}

#[tokio::test]
async fn what_is_not_believed_is_revoked_and_forgotten() {
    let world = World::signed_in();
    let broker = broker(&world);
    let description = "bad signature".to_owned();
    let disbelief = TokenFailure::Misconfigured { error: "invalid_token".into(), description };
    *world.server.disbelief.lock().unwrap() = Some(disbelief);
    signed_in(&world, &broker).await.unwrap_err();
    settle().await;
    assert_eq!(revoked(&world), ["s1-rt"]);
    assert_eq!((record(&world).as_deref(), pending(&world).is_none()), (Some("rt-0"), true));
}

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

#[tokio::test]
async fn a_pending_sign_in_of_another_client_or_of_one_that_signed_out_goes() {
    let world = World::signed_in();
    killed_while_judging(&world).await;
    let world = next_life(world);
    let other = Profile { client_id: "other".into(), ..crate::fakes::profile() };
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
    let promoted = StoredSession {
        refresh_token: Some(RefreshToken::new("rt-0")),
        ..crate::fakes::stored("rt-0")
    };
    let left = PendingSignIn { stored: promoted, claim: Claim::default(), sent: false };
    world.store.pending.lock().unwrap().insert(key(), left);
    let again = super::broker(&world);
    again.judge_pending_sign_ins().await;
    settle().await;
    assert!(world.presented().is_empty() && pending(&world).is_none());
    world.clock.jump(Duration::from_secs(1).as_secs().try_into().unwrap());
    assert_eq!(bytes(&again).await, "at-1");
}

#[tokio::test]
async fn who_signs_out_while_a_sign_in_is_judged_is_signed_out() {
    let world = World::signed_in();
    let broker = broker(&world);
    let keys = world.server.keys.lock().await;
    let person = signing_in(&world, &broker, Claim::default());
    until(|| pending(&world).is_some()).await;
    broker.sign_out(&key(), &Caller::default()).await.unwrap();
    drop(keys);
    let refusal = person.await.unwrap().unwrap_err();
    assert!(refusal.cause.unwrap().contains("you signed out"));
    settle().await;
    assert!(matches!(state(&broker), SessionState::SignedOut));
    assert!(record(&world).is_none() && pending(&world).is_none());
    assert_eq!(revoked(&world), ["rt-0", "s1-rt"]);
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
async fn the_first_token_of_a_connection_with_a_sign_in_of_its_own_is_served() {
    let world = World::signed_in();
    let mut own = crate::fakes::profile();
    own.connection = Some("lake".to_owned());
    own.own_token.resource = Some("https://lake.example".to_owned());
    let broker = Broker::new(world.ports());
    broker.configure([(key(), Arc::new(own.clone()))]);
    signed_in(&world, &broker).await.unwrap();
    let issued = token(&broker, &TokenRequest::new(key(), Target::of_sign_in(&own))).await.unwrap();
    assert_eq!(issued.access_token().expose(), "s1-at");
    assert!(world.presented().is_empty(), "it was asked for from the start");
}
