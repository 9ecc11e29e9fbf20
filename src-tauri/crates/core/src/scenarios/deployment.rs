//! A deployment's JWT through the broker: what it costs, what a refusal does, what a sign-out takes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::broker;
use crate::broker::Broker;
use crate::deployment::{AssertionKind, Deployment, JwtBearerFailure};
use crate::error::ErrorCode;
use crate::fakes::{Fault, World, ask, rejected, serve as token, stored, token_set};
use crate::ports::{Clock, Revocation, TokenFailure};
use crate::request::{Caller, Obtain, SessionKey, Target, TokenRequest};
use crate::time::Timestamp;
use crate::token::{HeldIdToken, IdToken, Stated, TokenSet};

fn by(assertion: AssertionKind) -> TokenRequest {
    let (name, url) = ("af".to_owned(), "https://airflow.example".to_owned());
    let deployment = Deployment { name: name.clone(), url, assertion };
    let target = Target { obtain: Obtain::JwtBearer(Box::new(deployment)), ..Target::default() };
    TokenRequest { target, deployment: Some(name), ..ask("prod") }
}

fn wanted() -> TokenRequest {
    by(AssertionKind::AccessToken)
}

async fn jwt(broker: &Broker) -> String {
    token(broker, &wanted()).await.unwrap().access_token().expose().to_owned()
}

async fn logged_out(broker: &Broker) -> Vec<Revocation> {
    let told = broker.log_out(&SessionKey::of("prod"), &Caller::default()).await.unwrap();
    told.into_iter().map(|one| one.revocation).collect()
}

async fn signed_out(broker: &Broker) -> Vec<Revocation> {
    broker.sign_out(&SessionKey::of("prod"), &Caller::default()).await.unwrap();
    logged_out(broker).await
}

fn away() -> JwtBearerFailure {
    JwtBearerFailure::Unreachable { cause: "timed out".into(), retry_after: None }
}

fn too_old() -> JwtBearerFailure {
    let max_age = Some(Duration::from_secs(43_200));
    JwtBearerFailure::SignInTooOld { max_age, description: "no auth_time".into() }
}

async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_a_profile_that_was_taken_out_was_given_is_taken_back_as_well() {
    let world = World::signed_in();
    let broker = broker(&world);
    jwt(&broker).await;
    broker.configure([]);
    let key = SessionKey::of("prod");
    assert_eq!(broker.unnamed(), std::slice::from_ref(&key));
    broker.sign_out_unnamed(&key, None, &Caller::default()).await.unwrap();
    assert_eq!(logged_out(&broker).await, [Revocation::Confirmed]);
    assert_eq!(world.airflow.logged_out(), ["jwt-1"]);
    assert!(broker.unnamed().is_empty());
}

#[tokio::test]
async fn a_hundred_callers_cost_one_exchange_and_get_the_same_bytes() {
    let world = World::signed_in();
    let broker = broker(&world);
    let shut = world.airflow.gate.lock().await;
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let broker = broker.clone();
            tokio::spawn(async move { jwt(&broker).await })
        })
        .collect();
    settle().await;
    drop(shut);
    for caller in callers {
        assert_eq!(caller.await.unwrap(), "jwt-1");
    }
    assert_eq!(world.airflow.presented(), ["at-1"]);
    for _ in 0..100 {
        world.clock.jump(15);
        assert_eq!(jwt(&broker).await, "jwt-1");
    }
    assert_eq!((world.airflow.presented().len(), world.server.refreshes()), (1, 1));
}

#[tokio::test]
async fn an_exchange_outlives_its_first_caller() {
    let world = World::signed_in();
    let broker = broker(&world);
    let shut = world.airflow.gate.lock().await;
    let impatient = tokio::spawn({
        let broker = broker.clone();
        async move { jwt(&broker).await }
    });
    while world.airflow.presented().is_empty() {
        tokio::task::yield_now().await;
    }
    impatient.abort();
    drop(shut);
    assert_eq!(jwt(&broker).await, "jwt-1");
    assert_eq!(world.airflow.presented().len(), 1);
}

#[tokio::test]
async fn a_jwt_that_ends_before_ping_s_token_is_bought_anew_with_the_same_one() {
    let world = World::signed_in();
    let broker = broker(&world);
    assert_eq!(jwt(&broker).await, "jwt-1");
    world.clock.jump(1790);
    assert_eq!(jwt(&broker).await, "jwt-2");
    assert_eq!(world.airflow.presented(), ["at-1", "at-1"]);
    assert_eq!(world.server.refreshes(), 1);
}

#[tokio::test]
async fn a_jwt_that_ends_with_ping_s_token_is_bought_anew_with_a_new_one() {
    let world = World::signed_in();
    *world.airflow.lifetime.lock().unwrap() = Duration::from_secs(3600);
    let broker = broker(&world);
    jwt(&broker).await;
    world.clock.jump(3580);
    assert_eq!(jwt(&broker).await, "jwt-2");
    assert_eq!(world.airflow.presented(), ["at-1", "at-2"]);
}

#[tokio::test]
async fn min_ttl_is_met_by_a_new_ping_token_or_answered_with_short_lived() {
    let world = World::signed_in();
    *world.airflow.lifetime.lock().unwrap() = Duration::from_secs(3600);
    let broker = broker(&world);
    jwt(&broker).await;
    world.clock.jump(1000);
    let long = TokenRequest { min_ttl: Some(Duration::from_secs(3000)), ..wanted() };
    let issued = token(&broker, &long).await.unwrap();
    assert_eq!((issued.access_token().expose(), issued.short_lived), ("jwt-2", false));
    assert_eq!(world.airflow.presented(), ["at-1", "at-2"]);
    world.clock.jump(100);
    let longer = TokenRequest { min_ttl: Some(Duration::from_secs(7200)), ..wanted() };
    for _ in 0..5 {
        assert!(token(&broker, &longer).await.unwrap().short_lived);
        world.clock.jump(2);
    }
    assert_eq!(world.airflow.presented().len(), 2, "stretched once, not for every caller");
}

#[tokio::test]
async fn a_refused_jwt_costs_one_exchange_and_no_refresh_however_many_say_so() {
    let world = World::signed_in();
    let broker = broker(&world);
    jwt(&broker).await;
    world.clock.jump(100);
    let request = TokenRequest { rejected: rejected("jwt-1"), ..wanted() };
    for _ in 0..32 {
        assert_eq!(token(&broker, &request).await.unwrap().access_token().expose(), "jwt-2");
    }
    assert_eq!(world.airflow.presented(), ["at-1", "at-1"]);
    assert_eq!(world.server.refreshes(), 1);
}

#[tokio::test]
async fn a_failing_exchange_leaves_the_valid_jwt_and_the_session() {
    for failure in [away(), too_old(), JwtBearerFailure::AccessDenied { description: "x".into() }] {
        let world = World::signed_in();
        let broker = broker(&world);
        jwt(&broker).await;
        world.clock.jump(1785);
        for _ in 0..20 {
            world.airflow.fail_next(failure.clone());
        }
        assert_eq!(jwt(&broker).await, "jwt-1");
        world.clock.jump(16);
        let refused = token(&broker, &wanted()).await.unwrap_err();
        assert!(token(&broker, &ask("prod")).await.is_ok(), "{refused:?}");
    }
}

#[tokio::test]
async fn a_deployment_that_refuses_is_asked_once_for_all_who_ask_meanwhile() {
    let world = World::signed_in();
    let broker = broker(&world);
    world.airflow.fail_next(JwtBearerFailure::AccessDenied { description: "no group".into() });
    for _ in 0..32 {
        let refused = token(&broker, &wanted()).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::AccessDenied);
    }
    assert_eq!(world.airflow.presented().len(), 1);
    world.clock.jump(2);
    assert_eq!(jwt(&broker).await, "jwt-2");
}

#[tokio::test]
async fn a_jwt_is_bought_while_ping_is_away_and_its_token_holds() {
    let world = World::signed_in();
    let broker = broker(&world);
    jwt(&broker).await;
    world.clock.jump(3550);
    let cause = "no route".into();
    let lost = TokenFailure::Unreachable { cause, sent: false, retry_after: None };
    world.server.fail_next(Fault::Answer(lost.clone()));
    world.server.fail_next(Fault::Answer(lost));
    assert_eq!(jwt(&broker).await, "jwt-2");
    assert_eq!(world.airflow.presented(), ["at-1", "at-1"]);
}

#[tokio::test]
async fn a_sign_in_that_is_too_old_makes_the_next_one_a_new_proof() {
    let world = World::signed_in();
    let broker = broker(&world);
    let key = SessionKey::of("prod");
    assert!(!broker.wants_new_proof(&key).unwrap());
    world.airflow.fail_next(too_old());
    let refused = token(&broker, &wanted()).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::InsufficientUserAuthentication);
    assert_eq!(refused.hint.as_deref(), Some("run `dagpass login prod --fresh`"));
    assert!(refused.cause.unwrap().contains("at most 12 h old"));
    assert!(broker.wants_new_proof(&key).unwrap());

    let now = world.clock.now();
    let set = token_set("at-new", Some("rt-new"), now, now.plus(Duration::from_secs(3600)));
    let session = crate::session::StoredSession { signed_in_at: now, ..stored("rt-new") };
    super::sign_in(&broker, session.clone(), set.clone()).await.unwrap();
    assert!(broker.wants_new_proof(&key).unwrap(), "nothing told when they proved who they are");
    let stated = Stated { auth_time: Some(now), ..Stated::default() };
    let proven = TokenSet { stated: Some(stated), ..set };
    super::sign_in(&broker, session, proven).await.unwrap();
    assert!(!broker.wants_new_proof(&key).unwrap());
    assert_eq!(jwt(&broker).await, "jwt-2");
    assert_eq!(world.airflow.presented()[1], "at-new");
}

#[tokio::test]
async fn an_id_token_is_handed_in_while_it_holds_and_missed_by_name() {
    let world = World::signed_in();
    let broker = broker(&world);
    let request = by(AssertionKind::IdToken);
    let refused = token(&broker, &request).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::LoginRequired);
    assert!(refused.hint.unwrap().contains("assertion = \"access_token\""));

    let now = world.clock.now();
    let end = |secs: u64| now.plus(Duration::from_secs(secs));
    let mut set = token_set("at-new", Some("rt-new"), now, end(3600));
    set.id_token = Some(HeldIdToken { token: IdToken::new("id-1"), expires_at: end(300) });
    super::sign_in(&broker, stored("rt-new"), set).await.unwrap();
    world.airflow.fail_next(too_old());
    let refused = token(&broker, &request).await.unwrap_err();
    assert_eq!(refused.hint.as_deref(), Some("run `dagpass login prod --browser --fresh`"));
    world.clock.jump(2);
    token(&broker, &request).await.unwrap();
    assert_eq!(world.airflow.presented(), ["id-1", "id-1"]);
}

#[tokio::test]
async fn nothing_leaves_unrecorded_and_the_record_names_deployment_and_assertion() {
    let world = World::signed_in();
    let broker = broker(&world);
    jwt(&broker).await;
    let lines = world.witness.lines.lock().unwrap().clone();
    for event in ["event: Exchange", "event: Issue"] {
        let line = lines.iter().find(|line| line.contains(event)).unwrap();
        for part in [
            r#"deployment: Some("af")"#,
            &format!(r#"fingerprint: Some("{}")"#, &rejected("jwt-1").unwrap().short()),
            &format!(r#"assertion: Some("{}")"#, &rejected("at-1").unwrap().short()),
        ] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }
    *world.witness.full.lock().unwrap() = true;
    assert_eq!(token(&broker, &wanted()).await.unwrap_err().code, ErrorCode::NotRecorded);
}

#[tokio::test]
async fn a_sign_out_takes_back_every_jwt_that_may_still_live() {
    let world = World::signed_in();
    let broker = broker(&world);
    jwt(&broker).await;
    world.clock.jump(100);
    token(&broker, &TokenRequest { rejected: rejected("jwt-1"), ..wanted() }).await.unwrap();
    assert_eq!(signed_out(&broker).await, [Revocation::Confirmed; 2]);
    assert_eq!(world.airflow.logged_out(), ["jwt-1", "jwt-2"]);
    let events = world.witness.events.lock().unwrap().clone();
    let revoked = events.iter().filter(|event| *event == "revocation ok").count();
    assert_eq!(revoked, 3, "each, and the session's own refresh token");
    assert_eq!(token(&broker, &wanted()).await.unwrap_err().code, ErrorCode::LoginRequired);
    assert_eq!(logged_out(&broker).await, [], "taken back once");
}

#[tokio::test]
async fn a_jwt_past_its_end_is_not_taken_back() {
    let world = World::signed_in();
    let broker = broker(&world);
    jwt(&broker).await;
    world.clock.jump(1801);
    assert_eq!(signed_out(&broker).await, []);
}

#[tokio::test]
async fn a_deployment_that_hangs_or_is_away_never_holds_a_sign_out_up() {
    let world = World::signed_in();
    let broker = broker(&world);
    jwt(&broker).await;
    world.airflow.hangs.store(true, Ordering::SeqCst);
    let before = world.clock.now();
    assert_eq!(signed_out(&broker).await, [Revocation::Unconfirmed]);
    assert_eq!(before.until(world.clock.now()), Duration::from_secs(5));

    let world = World::signed_in();
    let broker = self::broker(&world);
    jwt(&broker).await;
    *world.airflow.revocation.lock().unwrap() = Revocation::Pending;
    assert_eq!(signed_out(&broker).await, [Revocation::Pending]);
    *world.airflow.revocation.lock().unwrap() = Revocation::Confirmed;
    assert_eq!(signed_out(&broker).await, [Revocation::Confirmed], "tried again");
}

#[tokio::test]
async fn a_jwt_that_comes_after_the_sign_out_is_taken_back_and_served_to_nobody() {
    let world = World::signed_in();
    let broker = broker(&world);
    let shut = world.airflow.gate.lock().await;
    let late = tokio::spawn({
        let broker = broker.clone();
        async move { token(&broker, &wanted()).await }
    });
    while world.airflow.presented().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(signed_out(&broker).await, []);
    drop(shut);
    assert_eq!(late.await.unwrap().unwrap_err().code, ErrorCode::LoginRequired);
    assert_eq!(world.airflow.logged_out(), ["jwt-1"]);
}

#[tokio::test]
async fn a_jwt_in_use_is_renewed_ahead_of_need() {
    let world = World::signed_in();
    let broker = broker(&world);
    jwt(&broker).await;
    for _ in 0..12 {
        world.clock.jump(150);
        jwt(&broker).await;
        broker.tend(false).await;
        settle().await;
    }
    assert_eq!(jwt(&broker).await, "jwt-2");
    assert!(world.clock.now() < Timestamp::from_secs(1_000_000 + 1801));
}
