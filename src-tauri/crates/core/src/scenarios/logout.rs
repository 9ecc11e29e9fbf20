//! A session that nobody asked to end, played through the broker.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{bytes, sign_in, state};
use crate::broker::{Broker, Issued};
use crate::error::{ErrorCode, Refusal};
use crate::fakes::{World, ask, stored, token_set};
use crate::logout::{Out, Reason, WindUp};
use crate::policy::Action;
use crate::ports::Clock;
use crate::principal::{Kind, Principal};
use crate::request::{Caller, SessionKey};
use crate::session::{SessionState, StoredSession};
use crate::time::Timestamp;

fn key() -> SessionKey {
    SessionKey::of("prod")
}

fn run(id: &str) -> Principal {
    Principal::new(Kind::Run(id.to_owned()), Caller::default())
}

async fn token_of(broker: &Broker, principal: &Principal) -> Result<Issued, Refusal> {
    let permit = broker.permit(principal, Action::Token, ask("prod"))?;
    broker.token(permit, principal).await
}

fn winding(at: Timestamp) -> WindUp {
    let until = at.plus(Duration::from_secs(600));
    let runs = BTreeSet::from(["run-1".to_owned()]);
    WindUp { reason: Reason::Lock, at, until, runs }
}

fn lines(world: &World, event: &str) -> Vec<String> {
    let lines = world.witness.lines.lock().unwrap();
    lines.iter().filter(|line| line.contains(&format!("event: {event}"))).cloned().collect()
}

#[tokio::test]
async fn a_run_in_flight_goes_on_with_fresh_tokens_and_everybody_else_is_signed_out() {
    let world = World::signed_in();
    let broker = super::broker(&world);
    assert_eq!(bytes(&broker).await, "at-1");
    let now = world.clock.now();
    let caller = Caller::default();
    let told = "lock: 1 run goes on until 12:00";
    assert!(broker.wind_up(&key(), &caller, (winding(now), told)).unwrap());
    assert!(!broker.wind_up(&key(), &caller, (winding(now), told)).unwrap(), "once");
    let said = lines(&world, "SignOut");
    assert!(said.len() == 1 && said[0].contains(told), "{said:?}");

    let owner = Principal::new(Kind::Owner, Caller::default());
    for (case, other) in [("the owner", &owner), ("a new run", &run("run-2"))] {
        let refusal = token_of(&broker, other).await.unwrap_err();
        assert_eq!(refusal.code, ErrorCode::LoginRequired, "{case}");
        assert_eq!(refusal.cause.as_deref(), Some(Reason::Lock.sentence()), "{case}");
        assert_eq!(refusal.hint.as_deref(), Some("run `dagpass login prod`"), "{case}");
    }
    // Its token ends within the grace, and it gets the next.
    *world.server.lifetime.lock().unwrap() = Duration::from_secs(120);
    world.clock.jump(590);
    assert!(token_of(&broker, &run("run-1")).await.is_ok());
    world.clock.jump(10);
    let refusal = token_of(&broker, &run("run-1")).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::LoginRequired, "the grace is over");

    let out = Out { reason: Reason::Lock, at: now };
    let revoked = broker.sign_out_because(&key(), &caller, (out, "lock")).await.unwrap();
    assert!(revoked.is_some(), "as any sign-out");
    assert!(matches!(state(&broker), SessionState::SignedOut));
    assert_eq!(world.server.revoked.load(Ordering::SeqCst), 1);
    let refusal = token_of(&broker, &owner).await.unwrap_err();
    assert_eq!(refusal.cause.as_deref(), Some(Reason::Lock.sentence()));
}

#[tokio::test]
async fn whoever_signs_in_meanwhile_is_served_and_the_run_with_them() {
    let world = World::signed_in();
    let broker = super::broker(&world);
    bytes(&broker).await;
    let now = world.clock.now();
    broker.wind_up(&key(), &Caller::default(), (winding(now), "lock")).unwrap();
    let set = token_set("at-new", Some("rt-new"), now, now.plus(Duration::from_secs(3600)));
    sign_in(&broker, StoredSession { signed_in_at: now, ..stored("rt-new") }, set).await.unwrap();
    assert_eq!(bytes(&broker).await, "at-new");
    world.clock.jump(700);
    assert!(token_of(&broker, &run("run-1")).await.is_ok());
    let view = broker.session(&key()).unwrap();
    assert!(view.out.is_none() && view.wind_up.is_none());
}

#[tokio::test]
async fn a_sign_out_by_a_person_gives_no_reason_and_one_of_an_earlier_life_does() {
    let world = World::signed_in();
    let broker = super::broker(&world);
    bytes(&broker).await;
    broker.wind_up(&key(), &Caller::default(), (winding(world.clock.now()), "lock")).unwrap();
    assert!(served(&broker).await.is_err());
    broker.sign_out(&key(), &Caller::default()).await.unwrap();
    assert_eq!(served(&broker).await.unwrap_err().cause, None);
    let out = Out { reason: Reason::After, at: world.clock.now() };
    broker.went(&key(), out).unwrap();
    let refusal = served(&broker).await.unwrap_err();
    assert_eq!(refusal.cause.as_deref(), Some(Reason::After.sentence()));
    assert_eq!(refusal.hint.as_deref(), Some("run `dagpass login prod --fresh`"));
}

async fn served(broker: &Broker) -> Result<Issued, Refusal> {
    crate::fakes::serve(broker, &ask("prod")).await
}

#[tokio::test]
async fn a_sign_out_that_waited_ends_nobody_who_signed_in_meanwhile() {
    let world = World::signed_in();
    let broker = super::broker(&world);
    bytes(&broker).await;
    let out = Out { reason: Reason::Idle, at: world.clock.now() };
    world.clock.jump(1);
    let now = world.clock.now();
    let set = token_set("at-new", Some("rt-new"), now, now.plus(Duration::from_secs(3600)));
    sign_in(&broker, StoredSession { signed_in_at: now, ..stored("rt-new") }, set).await.unwrap();
    let ended = broker.sign_out_because(&key(), &Caller::default(), (out, "idle")).await;
    assert_eq!(ended.unwrap(), None);
    assert_eq!(bytes(&broker).await, "at-new");
    assert!(lines(&world, "SignOut").is_empty());
}

#[tokio::test]
async fn a_session_that_ping_ends_within_the_grace_serves_nobody_else_what_is_still_valid() {
    let world = World::signed_in();
    let broker = super::broker(&world);
    bytes(&broker).await;
    broker.wind_up(&key(), &Caller::default(), (winding(world.clock.now()), "lock")).unwrap();
    let session = broker.session_of(&key()).unwrap();
    session.end(crate::session::EndReason::NoRefreshToken, world.clock.now());
    assert!(token_of(&broker, &run("run-1")).await.is_ok(), "it is valid until its end");
    assert_eq!(served(&broker).await.unwrap_err().code, ErrorCode::LoginRequired);
}
