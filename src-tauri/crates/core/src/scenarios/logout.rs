//! A session that nobody asked to end, played through the broker.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::sign_in::{pending, record, revoked, signing_in, until};
use super::{bytes, settle, sign_in, state};
use crate::broker::{Broker, Issued};
use crate::error::{ErrorCode, Refusal};
use crate::fakes::{World, ask, stored, token_set};
use crate::logout::{Out, Reason, Rules, WindUp};
use crate::policy::Action;
use crate::ports::{Clock, Revocation};
use crate::principal::{Kind, Principal};
use crate::request::{Caller, SessionKey};
use crate::session::{EndReason, SessionState, StoredSession};
use crate::sign_in::Claim;
use crate::sign_out::Unasked;
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
    let ended = broker.sign_out_because(&key(), &caller, (out, "lock")).await.unwrap();
    assert_eq!(ended, Unasked::Done(Some(Revocation::Confirmed)), "as any sign-out");
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
    assert!(broker.wants_new_proof(&key()).unwrap(), "whoever starts the next sign-in");
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
    assert_eq!(ended.unwrap(), Unasked::NotMeant);
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
    session.end(EndReason::NoRefreshToken, world.clock.now());
    assert!(token_of(&broker, &run("run-1")).await.is_ok(), "it is valid until its end");
    assert_eq!(served(&broker).await.unwrap_err().code, ErrorCode::LoginRequired);
}

#[tokio::test]
async fn a_session_that_ended_before_the_lock_goes_like_any_other_with_what_it_left() {
    for (case, runs) in [("with a run in flight", true), ("with none", false)] {
        let world = World::signed_in();
        let broker = super::broker(&world);
        bytes(&broker).await;
        let session = broker.session_of(&key()).unwrap();
        session.end(EndReason::NoRefreshToken, world.clock.now());
        assert!(served(&broker).await.is_ok(), "{case}: it is valid until its end");
        let view = broker.session(&key()).unwrap();
        assert!(view.good_until.is_some_and(|until| until > world.clock.now()), "{case}");

        world.clock.jump(1);
        let (now, caller) = (world.clock.now(), Caller::default());
        if runs {
            assert!(broker.wind_up(&key(), &caller, (winding(now), "lock")).unwrap());
            assert!(token_of(&broker, &run("run-1")).await.is_ok());
        } else {
            broker.went(&key(), Out { reason: Reason::Lock, at: now }).unwrap();
        }
        for other in [Principal::new(Kind::Owner, Caller::default()), run("run-2")] {
            let refusal = token_of(&broker, &other).await.unwrap_err();
            assert_eq!(refusal.cause.as_deref(), Some(Reason::Lock.sentence()), "{case}");
        }
        let out = Out { reason: Reason::Lock, at: now };
        broker.sign_out_because(&key(), &caller, (out, "lock")).await.unwrap();
        let view = broker.session(&key()).unwrap();
        assert!(matches!(view.state, SessionState::SignedOut) && view.good_until.is_none());
        assert_eq!(view.out, Some(out), "{case}");
        assert_eq!(lines(&world, "SignOut").len(), 1 + usize::from(runs), "{case}");
    }
}

#[tokio::test]
async fn nobody_is_served_while_a_sign_out_waits_for_its_turn_or_failed() {
    let world = World::signed_in();
    let broker = super::broker(&world);
    bytes(&broker).await;
    let session = broker.session_of(&key()).unwrap();
    let out = Out { reason: Reason::Lock, at: world.clock.now() };
    let ends = |broker: Broker| {
        tokio::spawn(async move {
            let caller = Caller::default();
            broker.sign_out_because(&key(), &caller, (out, "lock")).await
        })
    };
    // Ping is slow with a refresh.
    let refresh = session.alone().await;
    let ending = ends(broker.clone());
    settle().await;
    let refusal = served(&broker).await.unwrap_err();
    assert_eq!(refusal.cause.as_deref(), Some(Reason::Lock.sentence()));
    assert!(lines(&world, "SignOut").is_empty(), "it waits");
    // And then the record is full.
    *world.witness.full.lock().unwrap() = true;
    drop(refresh);
    ending.await.unwrap().unwrap_err();
    *world.witness.full.lock().unwrap() = false;
    assert!(matches!(state(&broker), SessionState::Active(_)));
    assert_eq!(broker.session(&key()).unwrap().out, Some(out), "whoever tries again knows why");
    served(&broker).await.unwrap_err();
    ends(broker.clone()).await.unwrap().unwrap();
    assert!(matches!(state(&broker), SessionState::SignedOut));
}

#[tokio::test]
async fn a_sign_in_that_is_being_finished_outlives_a_sign_out_that_nobody_asked_for() {
    let world = World::signed_in();
    let broker = super::broker(&world);
    bytes(&broker).await;
    let out = Out { reason: Reason::After, at: world.clock.now() };
    world.clock.jump(1);
    let keys = world.server.keys.lock().await;
    let person = signing_in(&world, &broker, Claim::default());
    until(|| pending(&world).is_some()).await;
    broker.sign_out_because(&key(), &Caller::default(), (out, "after")).await.unwrap();
    drop(keys);
    person.await.unwrap().unwrap();
    settle().await;
    assert!(matches!(state(&broker), SessionState::Active(_)));
    assert_eq!(record(&world).as_deref(), Some("s1-rt"));
    assert!(!revoked(&world).contains(&"s1-rt".to_owned()));
    assert!(served(&broker).await.is_ok());
}

#[tokio::test]
async fn what_is_over_by_the_clock_is_served_to_nobody_before_anybody_looks() {
    let hour = Some(Duration::from_secs(3600));
    let grace = Duration::from_secs(600);
    // Signed in a thousand seconds ago.
    let table = [("over", 2601, grace, Some(Reason::After)), ("not yet", 2599, grace, None)];
    for (case, later, grace, expected) in table {
        let world = World::signed_in();
        world.clock.jump(later);
        let broker = super::broker(&world);
        broker.signs_out_by(Rules { after: hour, grace, ..Rules::default() });
        let cause = served(&broker).await.err().and_then(|refusal| refusal.cause);
        assert_eq!(cause.as_deref(), expected.map(Reason::sentence), "{case}");
        assert_eq!(world.server.refreshes(), usize::from(expected.is_none()), "{case}");
    }
    // A run in flight is for whoever looks next, unless there is no grace.
    for (grace, is_served) in [(grace, true), (Duration::ZERO, false)] {
        let world = World::signed_in();
        world.clock.jump(2601);
        let broker = super::broker(&world);
        broker.signs_out_by(Rules { after: hour, grace, ..Rules::default() });
        assert_eq!(token_of(&broker, &run("run-1")).await.is_ok(), is_served, "{grace:?}");
    }
}
