//! From Ping's answer to a session: what was received is kept, judged, and takes its place, whatever
//! becomes of whoever asked and of the agent.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{broker, bytes, ended, settle, state};
use crate::broker::Broker;
use crate::error::{ErrorCode, Refusal};
use crate::fakes::{Fault, World, ask, serve as token, stored, token_set};
use crate::pending::PendingSignIn;
use crate::ports::{Browser, Callbacks, Clock, Listening, Pending, TokenFailure};
use crate::profile::{Flow, Profile, Redirect};
use crate::request::{Caller, SessionKey, Target, TokenRequest};
use crate::session::{EndReason, SessionState, StoredSession};
use crate::sign_in::{Claim, Desktop, Opening, Progress, SignInOptions, SignInPorts, Step};

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

pub(super) fn key() -> SessionKey {
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

pub(super) fn becomes(world: &World, who: &str) {
    who.clone_into(&mut world.server.subject.lock().unwrap());
}

pub(super) fn pending(world: &World) -> Option<PendingSignIn> {
    world.store.pending.lock().unwrap().get(&key()).cloned()
}

pub(super) fn record(world: &World) -> Option<String> {
    let records = world.store.records.lock().unwrap();
    let token = records.get(&key())?.refresh_token.as_ref()?;
    Some(token.expose().to_owned())
}

pub(super) fn revoked(world: &World) -> Vec<String> {
    world.server.revoked_tokens.lock().unwrap().clone()
}

pub(super) async fn until(what: impl Fn() -> bool) {
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
    let agreed = Claim { accept_subject: Some("mallory".to_owned()), ..Claim::default() };
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
async fn whose_a_session_was_that_could_not_be_renewed_is_known_as_well() {
    let world = World::signed_in();
    let first = broker(&world);
    let now = world.clock.now();
    let set = token_set("at-x", None, now, now.plus(Duration::from_secs(60)));
    let alone = StoredSession { refresh_token: None, signed_in_at: now, ..stored("none") };
    super::sign_in(&first, alone, set).await.unwrap();
    world.clock.jump(61);
    becomes(&world, "mallory");
    for broker in [&first, &broker(&world)] {
        let refusal = signed_in(&world, broker).await.unwrap_err();
        assert_eq!(refusal.code, ErrorCode::SubjectChanged);
    }
}

#[tokio::test]
async fn keys_that_are_away_for_a_moment_cost_nobody_what_was_received() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.server.disbelief.lock().unwrap() = Some(super::unreachable(false));
    let person = signing_in(&world, &broker, Claim::default());
    until(|| pending(&world).is_some()).await;
    settle().await;
    assert!(!person.is_finished());
    *world.server.disbelief.lock().unwrap() = None;
    person.await.unwrap().unwrap();
    assert_eq!(record(&world).as_deref(), Some("s1-rt"));

    *world.server.disbelief.lock().unwrap() = Some(super::unreachable(false));
    let refusal = signed_in(&world, &broker).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::TemporarilyUnavailable);
    settle().await;
    assert!(revoked(&world).contains(&"s2-rt".to_owned()), "nobody waits for ever");
    assert_eq!(record(&world).as_deref(), Some("s1-rt"));
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

#[tokio::test]
async fn what_was_asked_for_one_target_is_served_as_no_other_whatever_the_config_says_by_then() {
    let world = World::signed_in();
    let mut own = crate::fakes::profile();
    own.connection = Some("lake".to_owned());
    own.own_token.resource = Some("https://lake.example".to_owned());
    let mut moved = own.clone();
    moved.own_token.resource = Some("https://another.example".to_owned());
    let broker = Broker::new(world.ports());
    broker.configure([(key(), Arc::new(own.clone()))]);
    let keys = world.server.keys.lock().await;
    let person = signing_in(&world, &broker, Claim::default());
    until(|| pending(&world).is_some()).await;
    broker.configure([(key(), Arc::new(moved.clone()))]);
    drop(keys);
    person.await.unwrap().unwrap();
    let served = async |profile: &Profile| {
        let request = TokenRequest::new(key(), Target::of_sign_in(profile));
        token(&broker, &request).await.unwrap().access_token().expose().to_owned()
    };
    assert_eq!(served(&own).await, "s1-at");
    assert_ne!(served(&moved).await, "s1-at");
}
