//! The traps of this trade, played through the broker with fakes that misbehave.

mod answers;
mod clients;
mod clockwork;
mod deployment;
mod endpoints;
mod exchange;
mod faults;
mod footing;
mod found;
mod judged;
mod logout;
mod model;
mod owed;
mod pending;
mod renewal;
mod rests;
mod sign_in;
mod ways_in;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::broker::Broker;
use crate::error::Refusal;
use crate::fakes::{World, ask, profile, rejected, serve as token};
use crate::issuer_limit::AT_ONCE;
use crate::ports::TokenFailure;
use crate::profile::{Profile, ProfileName, Scopes};
use crate::request::{Caller, Purpose, SessionKey, Target, TokenRequest};
use crate::session::{EndReason, Safety, SessionState, StoredSession};
use crate::sign_in::{Assurance, Claim};
use crate::token::TokenSet;

fn broker(world: &World) -> Broker {
    let broker = Broker::new(world.ports());
    broker.configure([(SessionKey::of("prod"), Arc::new(profile()))]);
    broker
}

async fn bytes(broker: &Broker) -> String {
    token(broker, &ask("prod")).await.unwrap().access_token().expose().to_owned()
}

fn state(broker: &Broker) -> SessionState {
    broker.session(&SessionKey::of("prod")).unwrap().state
}

fn ended(broker: &Broker) -> EndReason {
    match state(broker) {
        SessionState::Ended { why, .. } => why,
        other => panic!("not ended: {other:?}"),
    }
}

fn safety(broker: &Broker) -> Safety {
    match state(broker) {
        SessionState::Active(active) => active.safety,
        other => panic!("not active: {other:?}"),
    }
}

/// Somebody signed in and was believed, after whatever there was.
async fn sign_in(broker: &Broker, stored: StoredSession, set: TokenSet) -> Result<(), Refusal> {
    let session = broker.session_of(&SessionKey::of("prod"))?;
    broker.load(&session).await;
    let _alone = session.alone().await;
    let set = TokenSet { identity: stored.identity.clone(), ..set };
    let (asked_at, profile) = (set.received_at, session.profile());
    let asked = Assurance::asked(&profile, &Claim::default(), None, asked_at);
    let set = (Target::of_sign_in(&profile), set);
    broker.promote(&session, stored, set, (&asked, &Caller::default())).await
}

/// Whatever can go on goes on.
async fn settle() {
    for _ in 0..400 {
        tokio::task::yield_now().await;
    }
}

fn unreachable(sent: bool) -> TokenFailure {
    TokenFailure::Unreachable { cause: "timed out".into(), sent, retry_after: None }
}

fn narrowed(scope: &str) -> TokenRequest {
    let target = Target { scopes: Some(Scopes::parse(scope)), ..Target::default() };
    TokenRequest { target, ..ask("prod") }
}

#[tokio::test]
async fn a_hundred_callers_at_expiry_cost_one_refresh_and_get_a_hundred_answers() {
    let world = World::signed_in();
    let broker = broker(&world);
    let shut = world.server.gate.lock().await;
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let broker = broker.clone();
            tokio::spawn(async move { bytes(&broker).await })
        })
        .collect();
    tokio::task::yield_now().await;
    drop(shut);
    for caller in callers {
        assert_eq!(caller.await.unwrap(), "at-1");
    }
    assert_eq!(world.server.refreshes(), 1);
}

#[tokio::test]
async fn a_hundred_callers_on_three_audiences_cost_three_refreshes_and_no_token_is_sent_twice() {
    let world = World::signed_in();
    let broker = broker(&world);
    let callers: Vec<_> = (0..100)
        .map(|n| {
            let broker = broker.clone();
            let request = narrowed(["a:read", "b:read", "c:read"][n % 3]);
            tokio::spawn(async move { token(&broker, &request).await.is_ok() })
        })
        .collect();
    for caller in callers {
        assert!(caller.await.unwrap());
    }
    assert_eq!(world.presented(), ["rt-0", "rt-1", "rt-2"]);
}

#[tokio::test]
async fn a_caller_that_hangs_up_never_cancels_a_rotation_already_sent() {
    let world = World::signed_in();
    let broker = broker(&world);
    let shut = world.server.gate.lock().await;
    let impatient = tokio::spawn({
        let broker = broker.clone();
        async move { bytes(&broker).await }
    });
    while world.presented().is_empty() {
        tokio::task::yield_now().await;
    }
    impatient.abort();
    drop(shut);
    assert_eq!(bytes(&broker).await, "at-1");
    assert_eq!(world.server.refreshes(), 1);
}

#[tokio::test]
async fn the_same_bytes_come_back_until_the_token_nears_expiry() {
    let world = World::signed_in();
    let broker = broker(&world);
    for _ in 0..150 {
        assert_eq!(bytes(&broker).await, "at-1");
        world.clock.jump(20);
    }
    assert_eq!(world.server.refreshes(), 1);
}

#[tokio::test]
async fn min_ttl_is_honoured_or_answered_with_short_lived_after_one_refresh() {
    let world = World::signed_in();
    *world.server.lifetime.lock().unwrap() = Duration::from_secs(300);
    let broker = broker(&world);
    bytes(&broker).await;
    world.clock.jump(100);
    let request = TokenRequest { min_ttl: Some(Duration::from_secs(600)), ..ask("prod") };
    for _ in 0..20 {
        let issued = token(&broker, &request).await.unwrap();
        assert!(issued.short_lived);
        assert_eq!(issued.access_token().expose(), "at-2");
        world.clock.jump(2);
    }
    assert_eq!(world.server.refreshes(), 2);
    let modest = TokenRequest { min_ttl: Some(Duration::from_secs(60)), ..ask("prod") };
    assert!(!token(&broker, &modest).await.unwrap().short_lived);
}

#[tokio::test]
async fn a_rejected_token_is_refreshed_once_however_many_say_so() {
    let world = World::signed_in();
    let broker = broker(&world);
    bytes(&broker).await;
    world.clock.jump(100);
    let request = TokenRequest { rejected: rejected("at-1"), ..ask("prod") };
    for _ in 0..32 {
        let issued = token(&broker, &request).await.unwrap();
        assert_eq!(issued.access_token().expose(), "at-2");
    }
    assert_eq!(world.server.refreshes(), 2);
}

#[tokio::test]
async fn thirty_two_tasks_one_after_another_whose_audience_is_wrong_cost_one_refresh() {
    let world = World::signed_in();
    let broker = broker(&world);
    bytes(&broker).await;
    world.clock.jump(100);
    for _ in 0..32 {
        let first = bytes(&broker).await;
        let refused = TokenRequest { rejected: rejected(&first), ..ask("prod") };
        let second = token(&broker, &refused).await.unwrap().access_token().expose().to_owned();
        if second != first {
            let again = TokenRequest { rejected: rejected(&second), renewed: true, ..ask("prod") };
            token(&broker, &again).await.unwrap();
        }
    }
    assert_eq!(world.server.refreshes(), 2, "the first token, and one in its place");
}

#[tokio::test]
async fn a_five_second_token_never_loops_and_a_minute_costs_two_refreshes_of_a_60_s_token() {
    for (lifetime, at_most) in [(5, 16), (60, 2), (1, 60)] {
        let world = World::signed_in();
        *world.server.lifetime.lock().unwrap() = Duration::from_secs(lifetime);
        let broker = broker(&world);
        bytes(&broker).await;
        for _ in 0..240 {
            world.clock.jump_millis(250);
            broker.tend(false).await;
            tokio::task::yield_now().await;
            bytes(&broker).await;
            tokio::task::yield_now().await;
        }
        let cost = world.server.refreshes() - 1;
        assert!(cost <= at_most, "{lifetime} s tokens cost {cost} refreshes a minute");
    }
}

#[tokio::test]
async fn what_a_caller_renewed_while_the_store_was_asked_is_not_renewed_again() {
    let world = World::signed_in();
    let broker = broker(&world);
    bytes(&broker).await;
    world.clock.jump(3500);
    bytes(&broker).await;
    world.clock.jump(50);
    let slow = world.store.gate.lock().await;
    let clockwork = tokio::spawn({
        let broker = broker.clone();
        async move { broker.tend(false).await }
    });
    tokio::task::yield_now().await;
    while bytes(&broker).await != "at-2" {
        tokio::task::yield_now().await;
    }
    drop(slow);
    clockwork.await.unwrap();
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.server.refreshes(), 2);
}

#[tokio::test]
async fn a_profile_nobody_uses_is_left_alone() {
    let world = World::signed_in();
    let broker = broker(&world);
    bytes(&broker).await;
    world.clock.jump(3550);
    broker.tend(false).await;
    tokio::task::yield_now().await;
    assert_eq!(world.server.refreshes(), 1);
}

#[tokio::test]
async fn fifty_profiles_that_wake_with_callers_take_turns_at_their_issuer() {
    let world = World::signed_in();
    let broker = Broker::new(world.ports());
    let names: Vec<String> = (0..50).map(|n| format!("p{n}")).collect();
    let sessions = names.iter().map(|name| {
        let named = Profile { name: ProfileName::new(name.as_str()), ..profile() };
        (SessionKey::of(name), Arc::new(named))
    });
    broker.configure(sessions);
    for name in &names {
        let mut records = world.store.records.lock().unwrap();
        records.insert(SessionKey::of(name), crate::fakes::stored("rt-0"));
    }
    let shut = world.server.gate.lock().await;
    let callers: Vec<_> = names
        .iter()
        .map(|name| {
            let (broker, request) = (broker.clone(), ask(name));
            tokio::spawn(async move { drop(token(&broker, &request).await) })
        })
        .collect();
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.presented().len(), AT_ONCE, "the others wait for their turn");
    drop(shut);
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(world.presented().len(), 50, "everybody had one");
    assert_eq!(world.server.most_at_once.load(Ordering::SeqCst), AT_ONCE);
}

#[tokio::test]
async fn a_profile_changed_while_its_token_rotates_keeps_its_session() {
    let world = World::signed_in();
    let broker = broker(&world);
    let shut = world.server.gate.lock().await;
    let before = tokio::spawn({
        let broker = broker.clone();
        async move { bytes(&broker).await }
    });
    while world.presented().is_empty() {
        tokio::task::yield_now().await;
    }
    let more = Profile { scopes: Scopes::parse("openid more"), ..profile() };
    broker.configure([(SessionKey::of("prod"), Arc::new(more))]);
    let after = tokio::spawn({
        let broker = broker.clone();
        async move { bytes(&broker).await }
    });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    drop(shut);
    assert_eq!((before.await.unwrap().as_str(), after.await.unwrap().as_str()), ("at-1", "at-1"));
    assert_eq!(world.presented(), ["rt-0"], "it is the same session's");
}

#[tokio::test]
async fn clock_jumps_both_ways_cost_one_refresh_each() {
    for jump in [7200, -7200] {
        let world = World::signed_in();
        let broker = broker(&world);
        bytes(&broker).await;
        world.clock.jump(jump);
        assert_eq!(bytes(&broker).await, "at-2");
        assert_eq!(bytes(&broker).await, "at-2");
        assert_eq!(world.server.refreshes(), 2, "jump {jump}");
    }
}

#[tokio::test]
async fn a_new_config_keeps_the_session_of_a_client_that_stayed_the_same() {
    let world = World::signed_in();
    let broker = broker(&world);
    bytes(&broker).await;
    let mut patient = profile();
    patient.refresh_margin = Duration::from_secs(10);
    broker.configure([(SessionKey::of("prod"), Arc::new(patient))]);
    assert_eq!(bytes(&broker).await, "at-1");
    let mut other = profile();
    other.client_id = "another".into();
    broker.configure([(SessionKey::of("prod"), Arc::new(other))]);
    assert!(token(&broker, &ask("prod")).await.is_err());
}

#[tokio::test]
async fn look_ups_at_parse_time_keep_no_session_warm_and_cost_nothing_while_a_token_is_valid() {
    for (purpose, expected) in [(Purpose::DagParse, 1), (Purpose::Use, 2)] {
        let world = World::signed_in();
        let broker = broker(&world);
        let request = TokenRequest { purpose, ..ask("prod") };
        // A DAG processor's rhythm over the first token's whole life, and a tick short of its end.
        for _ in 0..119 {
            token(&broker, &request).await.unwrap();
            world.clock.jump(30);
            broker.tend(false).await;
            tokio::task::yield_now().await;
        }
        world.clock.jump(29);
        token(&broker, &request).await.unwrap();
        assert_eq!(world.server.refreshes(), expected, "{purpose:?}");
    }
}
