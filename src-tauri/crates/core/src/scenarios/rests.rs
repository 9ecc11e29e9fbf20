//! What failed is left alone: how often Ping is asked in a quarter of an hour, by callers and by the
//! clockwork together, while it goes on failing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{broker, bytes, narrowed, unreachable};
use crate::broker::Broker;
use crate::deployment::{AssertionKind, Deployment};
use crate::error::ErrorCode;
use crate::fakes::{World, ask, profile, serve as token};
use crate::ports::{Clock, StoreFailure, TokenFailure};
use crate::profile::Scopes;
use crate::request::{Obtain, Target, TokenRequest};

/// Twice a second somebody asks, and the clockwork looks.
async fn a_quarter_of_an_hour(world: &World, broker: &Broker, request: &TokenRequest) {
    for _ in 0..1_800 {
        drop(token(broker, request).await);
        broker.tend(false).await;
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        world.clock.jump_millis(500);
    }
}

fn exchanged() -> TokenRequest {
    let target = Target {
        resource: Some("https://lake.example".into()),
        obtain: Obtain::Exchange,
        ..Target::default()
    };
    TokenRequest { target, ..ask("prod") }
}

fn misconfigured(error: &str) -> TokenFailure {
    TokenFailure::Misconfigured { error: error.into(), description: "no".into() }
}

fn rejected() -> TokenFailure {
    TokenFailure::Rejected { error: "invalid_grant".into(), description: "no".into() }
}

fn asked_to_wait(seconds: u64) -> TokenFailure {
    let retry_after = Some(Duration::from_secs(seconds));
    TokenFailure::Unreachable { cause: "429".into(), sent: false, retry_after }
}

/// What fails, and how often it may be asked.
type Case = (&'static str, Option<TokenFailure>, usize);

#[tokio::test]
async fn a_refresh_that_goes_on_failing_is_asked_for_seldom() {
    let table: [Case; 4] = [
        ("unreachable", Some(unreachable(false)), 36),
        ("429 for a minute", Some(asked_to_wait(60)), 16),
        ("the client is refused", Some(misconfigured("invalid_client")), 36),
        ("the scope is refused", Some(misconfigured("invalid_scope")), 1),
    ];
    for (case, failure, at_most) in table {
        let world = World::signed_in();
        let broker = broker(&world);
        *world.server.no_refresh.lock().unwrap() = failure;
        a_quarter_of_an_hour(&world, &broker, &narrowed("b:read")).await;
        let asked = world.presented().len();
        assert!((1..=at_most).contains(&asked), "{case}: {asked}");
    }
}

#[tokio::test]
async fn a_scope_that_came_back_short_rotates_once_and_not_twice_a_second() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.server.lifetime.lock().unwrap() = Duration::from_secs(60);
    // It was granted at first, so the clockwork keeps it warm.
    token(&broker, &narrowed("a:read b:read")).await.unwrap();
    *world.server.scope.lock().unwrap() = Some(Scopes::parse("openid a:read"));
    a_quarter_of_an_hour(&world, &broker, &narrowed("a:read b:read")).await;
    assert_eq!(world.server.refreshes(), 2, "the first, and the one that was short");
    let refusal = token(&broker, &narrowed("a:read b:read")).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::InvalidScope);
    assert!(token(&broker, &ask("prod")).await.is_ok(), "the others are served");
    world.clock.jump(3_700);
    *world.server.scope.lock().unwrap() = None;
    assert!(token(&broker, &narrowed("a:read b:read")).await.is_ok(), "asked again after an hour");
}

#[tokio::test]
async fn an_exchange_that_goes_on_failing_is_asked_for_seldom() {
    for (case, failure, at_most) in [
        ("refused", misconfigured("invalid_target"), 1),
        ("its token is refused", rejected(), 1),
        ("429 for a minute", asked_to_wait(60), 16),
        ("unreachable", unreachable(false), 36),
    ] {
        let world = World::signed_in();
        let broker = broker(&world);
        *world.server.lifetime.lock().unwrap() = Duration::from_secs(60);
        token(&broker, &exchanged()).await.unwrap();
        *world.server.no_exchange.lock().unwrap() = Some(failure);
        world.server.exchanges.store(0, Ordering::SeqCst);
        a_quarter_of_an_hour(&world, &broker, &exchanged()).await;
        let asked = world.server.exchanges.load(Ordering::SeqCst);
        assert!((1..=at_most).contains(&asked), "{case}: {asked}");
        let refusal = token(&broker, &exchanged()).await.unwrap_err();
        assert!(!refusal.to_string().contains("sign in"), "{case}: {refusal}");
        *world.server.no_exchange.lock().unwrap() = None;
        world.clock.jump(if at_most == 1 { 3_700 } else { 60 });
        assert!(token(&broker, &exchanged()).await.is_ok(), "{case}: over when it is over");
    }
}

/// The session's own token fails behind a target that is had for it: that is left alone as well.
#[tokio::test]
async fn what_fails_behind_an_exchange_or_a_deployment_is_asked_for_seldom_too() {
    let deployment = Deployment {
        name: "prod".into(),
        url: "https://airflow.example".into(),
        assertion: AssertionKind::AccessToken,
    };
    let target = Target { obtain: Obtain::JwtBearer(Box::new(deployment)), ..Target::default() };
    let by_deployment = TokenRequest { target, ..ask("prod") };
    for request in [exchanged(), by_deployment] {
        for case in ["short", "ledger", "mark"] {
            let world = World::signed_in();
            let broker = broker(&world);
            *world.server.lifetime.lock().unwrap() = Duration::from_secs(60);
            *world.airflow.lifetime.lock().unwrap() = Duration::from_secs(60);
            token(&broker, &request).await.unwrap();
            match case {
                "short" => *world.server.scope.lock().unwrap() = Some(Scopes::parse("less")),
                "ledger" => *world.witness.full.lock().unwrap() = true,
                _ => {
                    let full = StoreFailure::Unavailable("no space".into());
                    *world.store.fail_marks.lock().unwrap() = Some(full);
                }
            }
            let before = world.presented().len();
            a_quarter_of_an_hour(&world, &broker, &request).await;
            let asked = world.presented().len() - before;
            assert!(asked <= 40, "{case}: {asked}");
        }
    }
}

#[tokio::test]
async fn a_clock_set_back_two_hours_freezes_nothing() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.server.no_refresh.lock().unwrap() = Some(unreachable(false));
    assert!(token(&broker, &ask("prod")).await.is_err());
    world.clock.jump(-7_200);
    *world.server.no_refresh.lock().unwrap() = None;
    assert_eq!(bytes(&broker).await, "at-1");

    let refused = World::signed_in();
    let broker = super::broker(&refused);
    *refused.server.no_exchange.lock().unwrap() = Some(misconfigured("invalid_target"));
    assert!(token(&broker, &exchanged()).await.is_err());
    *refused.server.no_exchange.lock().unwrap() = None;
    assert!(token(&broker, &exchanged()).await.is_err(), "it rests");
    refused.clock.jump(-7_200);
    assert!(token(&broker, &exchanged()).await.is_ok());
}

#[tokio::test]
async fn a_mended_config_is_tried_at_once() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.server.no_refresh.lock().unwrap() = Some(misconfigured("invalid_scope"));
    assert!(token(&broker, &narrowed("b:read")).await.is_err());
    *world.server.no_refresh.lock().unwrap() = None;
    assert!(token(&broker, &narrowed("b:read")).await.is_err(), "it rests");
    let key = crate::request::SessionKey::of("prod");
    broker.configure([(key, std::sync::Arc::new(profile()))]);
    assert!(token(&broker, &narrowed("b:read")).await.is_ok());
}

#[tokio::test]
async fn a_full_ledger_does_not_have_a_failing_issuer_asked_without_end() {
    let world = World::signed_in();
    let broker = broker(&world);
    bytes(&broker).await;
    *world.server.no_refresh.lock().unwrap() = Some(unreachable(false));
    world.clock.jump(3_590);
    // Permitted while it could be recorded; what came of it could not.
    drop(token(&broker, &ask("prod")).await);
    *world.witness.full.lock().unwrap() = true;
    let before = world.presented().len();
    for _ in 0..20 {
        broker.tend(false).await;
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        world.clock.jump_millis(500);
    }
    assert!(world.presented().len() - before <= 4, "{:?}", world.presented());
}

#[tokio::test]
async fn a_full_ledger_does_not_have_a_healthy_issuer_asked_without_end() {
    let world = World::signed_in();
    let broker = broker(&world);
    bytes(&broker).await;
    // In use, and due for its successor.
    world.clock.jump(3_300);
    bytes(&broker).await;
    world.clock.jump(255);
    *world.witness.full.lock().unwrap() = true;
    let before = world.presented().len();
    for _ in 0..60 {
        broker.tend(false).await;
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        world.clock.jump_millis(500);
    }
    let asked = world.presented().len() - before;
    assert!((1..=6).contains(&asked), "{asked}");
}

#[tokio::test]
async fn a_resource_that_ping_does_not_know_rests_alone() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.server.no_refresh.lock().unwrap() = Some(misconfigured("invalid_target"));
    let target = Target { resource: Some("https://lake.example".into()), ..Target::default() };
    let lake = TokenRequest { target, ..ask("prod") };
    assert!(token(&broker, &lake).await.is_err());
    *world.server.no_refresh.lock().unwrap() = None;
    assert!(token(&broker, &ask("prod")).await.is_ok(), "the others are served");
    assert!(token(&broker, &lake).await.is_err(), "and this one rests");
}

#[tokio::test]
async fn a_session_without_a_refresh_token_lives_until_its_token_ends() {
    let world = World::signed_in();
    let broker = broker(&world);
    let now = world.clock.now();
    let bare =
        crate::session::StoredSession { refresh_token: None, ..crate::fakes::stored("none") };
    let set = crate::fakes::token_set("at-own", None, now, now.plus(Duration::from_secs(300)));
    super::sign_in(&broker, bare, set).await.unwrap();
    let refusal = token(&broker, &narrowed("b:read")).await.unwrap_err();
    assert!(refusal.cause.unwrap().contains("gets no refresh token"));
    let long = TokenRequest { min_ttl: Some(Duration::from_secs(3600)), ..ask("prod") };
    assert_eq!(token(&broker, &long).await.unwrap().access_token().expose(), "at-own");
    world.clock.jump(295);
    assert_eq!(bytes(&broker).await, "at-own", "to its last second");
    world.clock.jump(6);
    assert_eq!(token(&broker, &ask("prod")).await.unwrap_err().code, ErrorCode::LoginRequired);
}

#[tokio::test]
async fn a_min_ttl_that_was_met_once_does_not_mark_every_later_token() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.server.lifetime.lock().unwrap() = Duration::from_secs(100);
    let long = TokenRequest { min_ttl: Some(Duration::from_secs(90)), ..ask("prod") };
    bytes(&broker).await;
    world.clock.jump(20);
    assert!(!token(&broker, &long).await.unwrap().short_lived, "a fresh one");
    for _ in 0..5 {
        // By its end, without a caller who needs more.
        world.clock.jump(101);
        bytes(&broker).await;
        world.clock.jump(20);
        assert!(!token(&broker, &long).await.unwrap().short_lived, "an hour later as well");
    }
    let before = world.server.refreshes();
    *world.server.lifetime.lock().unwrap() = Duration::from_secs(60);
    world.clock.jump(101);
    for _ in 0..20 {
        world.clock.jump_millis(1_500);
        assert!(token(&broker, &long).await.unwrap().short_lived);
    }
    assert!(world.server.refreshes() - before <= 2, "no loop where the issuer gives less");
}

#[tokio::test]
async fn a_store_that_keeps_nothing_is_written_to_seldom() {
    let world = World::signed_in();
    let broker = broker(&world);
    let full = StoreFailure::Unavailable("full".into());
    *world.store.fail_saves.lock().unwrap() = Some(full);
    bytes(&broker).await;
    let saves = || {
        let log = world.store.log.lock().unwrap();
        log.iter().filter(|what| *what == "refuse").count()
    };
    let before = saves();
    for _ in 0..1_800 {
        broker.tend(false).await;
        world.clock.jump_millis(500);
    }
    assert!((1..=36).contains(&(saves() - before)), "{}", saves() - before);
    *world.store.fail_saves.lock().unwrap() = None;
    world.clock.jump(60);
    broker.tend(false).await;
    assert_eq!(super::safety(&broker), crate::session::Safety::Kept);
}
