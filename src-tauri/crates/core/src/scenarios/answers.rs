//! What a success of the token endpoint may lack, and what becomes of the session then.

use std::time::Duration;

use super::{broker, bytes, state};
use crate::error::ErrorCode;
use crate::fakes::{Fault, World, ask, serve as token};
use crate::ports::TokenFailure;
use crate::request::{SessionKey, Target, TokenRequest};
use crate::session::SessionState;

fn kept(world: &World) -> String {
    let records = world.store.records.lock().unwrap();
    let token = records[&SessionKey::of("prod")].refresh_token.as_ref().unwrap();
    token.expose().to_owned()
}

#[tokio::test]
async fn a_refresh_token_that_came_alone_is_kept_and_sent_in_the_same_turn() {
    let world = World::signed_in();
    let broker = broker(&world);
    world.server.fail_next(Fault::NoAccessToken);
    assert_eq!(bytes(&broker).await, "at-2", "the caller notices nothing");
    assert_eq!(world.presented(), ["rt-0", "rt-1"]);
    let log = world.store.log.lock().unwrap().clone();
    assert_eq!(log, ["load", "mark", "save 2", "mark", "save 3", "unmark"]);
    assert_eq!(kept(&world), "rt-2");
}

#[tokio::test]
async fn a_server_that_gives_none_twice_is_named_and_the_session_stands() {
    let world = World::signed_in();
    let broker = broker(&world);
    world.server.fail_next(Fault::NoAccessToken);
    world.server.fail_next(Fault::NoAccessToken);
    let refusal = token(&broker, &ask("prod")).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::ServerError);
    assert_eq!(refusal.cause.as_deref(), Some("server_error: no access token"));
    assert_eq!(kept(&world), "rt-2", "what came last");
    assert!(world.store.marks.lock().unwrap().is_empty(), "nothing is on its way");
    world.clock.jump(5);
    assert_eq!(bytes(&broker).await, "at-3");
}

#[tokio::test]
async fn a_limit_takes_the_mark_back_and_only_its_time_is_waited_for() {
    let world = World::signed_in();
    let broker = broker(&world);
    bytes(&broker).await;
    world.clock.jump(3_580);
    let retry_after = Some(Duration::from_secs(1_800));
    let limited = TokenFailure::Unreachable { cause: "429".into(), sent: false, retry_after };
    world.server.fail_next(Fault::Answer(limited));
    assert_eq!(bytes(&broker).await, "at-1", "served while it is valid");
    while world.presented().len() < 2 {
        tokio::task::yield_now().await;
    }
    tokio::task::yield_now().await;
    assert!(world.store.marks.lock().unwrap().is_empty(), "nothing is on its way");
    let SessionState::Active(active) = state(&broker) else { panic!("it stands") };
    assert_eq!(active.unanswered, None);
    world.clock.jump(1_700);
    let refusal = token(&broker, &ask("prod")).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::TemporarilyUnavailable, "told at once");
    assert_eq!(world.presented().len(), 2);
    world.clock.jump(101);
    assert_eq!(bytes(&broker).await, "at-2", "the next turn sends");
}

#[tokio::test]
async fn a_token_for_another_audience_is_served_to_nobody_and_asked_for_once() {
    let world = World::signed_in();
    let broker = broker(&world);
    let lake = |audience: Option<&str>| TokenRequest {
        target: Target {
            resource: Some("https://lake.example".to_owned()),
            audience: audience.map(str::to_owned),
            ..Target::default()
        },
        ..ask("prod")
    };
    *world.server.audience.lock().unwrap() = Some(vec!["lake-api".to_owned()]);
    for _ in 0..3 {
        let refusal = token(&broker, &lake(None)).await.unwrap_err();
        assert_eq!(refusal.code, ErrorCode::InvalidTarget);
        let said = "asked for `https://lake.example`, its `aud` is `lake-api`";
        assert_eq!(refusal.cause.as_deref(), Some(said));
    }
    assert_eq!(world.presented(), ["rt-0"], "what it gave does not change by asking");
    let events = world.witness.events.lock().unwrap().clone();
    assert!(!events.iter().any(|event| event.starts_with("Issue Ok")), "{events:?}");
    token(&broker, &lake(Some("lake-api"))).await.unwrap();
    *world.server.audience.lock().unwrap() = None;
    world.clock.jump(3_600);
    token(&broker, &lake(None)).await.expect("one that shows none says nothing");
}

#[tokio::test]
async fn a_token_for_another_audience_takes_the_place_of_none_that_is_good() {
    let world = World::signed_in();
    let broker = broker(&world);
    let resource = "https://lake.example".to_owned();
    let target = Target { resource: Some(resource.clone()), ..Target::default() };
    let lake = TokenRequest { target, ..ask("prod") };
    *world.server.audience.lock().unwrap() = Some(vec![resource]);
    let good = token(&broker, &lake).await.unwrap();
    *world.server.audience.lock().unwrap() = Some(vec!["lake-api".to_owned()]);
    world.clock.jump(3_580);
    for _ in 0..3 {
        let served = token(&broker, &lake).await.expect("it is valid for 20 s");
        assert_eq!(served.access_token().expose(), good.access_token().expose());
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(world.presented().len(), 2, "what it gave does not change by asking");
}
