//! What happens while an issue goes on the record, which may have to wait for its turn there.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::audit::Event;

/// Where nothing has to be waited for.
fn at_once<T>(deed: impl Future<Output = T>) -> T {
    let mut deed = pin!(deed);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..100 {
        if let Poll::Ready(done) = deed.as_mut().poll(&mut context) {
            return done;
        }
    }
    panic!("it waits for something");
}

fn revoke_all(broker: &Broker) {
    for lease in broker.leases(&terminal(900)).leases {
        broker.revoke_leases(&terminal(900), Which::Id(&lease.id), "by the person").unwrap();
    }
}

fn sign_out(broker: &Broker) {
    at_once(broker.sign_out(&SessionKey::of("prod"), &Caller::default())).unwrap();
}

fn find(broker: &Broker) {
    let token = broker.leases(&terminal(900)).leases.swap_remove(0).tokens.swap_remove(0);
    broker.end_leases_with(&token.fingerprint, "found", &Caller::default()).unwrap();
}

#[tokio::test]
async fn what_was_ended_before_its_line_does_not_leave_behind_it() {
    type Deed = (&'static str, fn(&Broker), ErrorCode);
    let deeds: [Deed; 5] = [
        ("revoked", revoke_all, ErrorCode::AccessDenied),
        ("signed out", sign_out, ErrorCode::LoginRequired),
        ("found", find, ErrorCode::TemporarilyUnavailable),
        ("its run ended", |broker| broker.end_leases_of("run-a"), ErrorCode::AccessDenied),
        (
            "all ended",
            |broker| assert!(broker.end_all_leases() > 0),
            ErrorCode::TemporarilyUnavailable,
        ),
    ];
    for (case, deed, code) in deeds {
        for known in [false, true] {
            let scene = scene();
            let who = run("run-a");
            if known {
                scene.bytes(&who).await.unwrap();
            }
            let broker = scene.broker.clone();
            scene.world.witness.meanwhile.at(Event::Issue, move || deed(&broker));
            assert_eq!(scene.bytes(&who).await, Err(code), "{case}, known: {known}");
            let said = scene.lines("event: Issue").pop().unwrap();
            assert!(!said.contains("outcome: Ok"), "{case}: that it did not leave is said: {said}");
            let holds = scene.all().iter().any(|lease| lease.holds(scene.world.clock.now()));
            assert!(!holds, "{case}, known: {known}");
        }
    }
}

#[tokio::test]
async fn what_ends_another_s_lease_meanwhile_keeps_nothing_back() {
    let scene = scene();
    scene.bytes(&run("run-a")).await.unwrap();
    let broker = scene.broker.clone();
    scene.world.witness.meanwhile.at(Event::Issue, move || broker.end_leases_of("run-a"));
    assert_eq!(scene.bytes(&terminal(10)).await, served("at-1"));
    assert_eq!(scene.of(&terminal(10)).times, 1);
}

#[tokio::test]
async fn nothing_leaves_while_a_sign_out_goes_on_the_record_and_again_where_that_was_full() {
    let scene = scene();
    let key = SessionKey::of("prod");
    scene.bytes(&terminal(10)).await.unwrap();
    let (broker, witness) = (scene.broker.clone(), scene.world.witness.clone());
    scene.world.witness.meanwhile.at(Event::SignOut, move || {
        let (shell, wanted) = (terminal(10), ask("prod"));
        let permit = broker.permit(&shell, Action::Token, wanted).unwrap();
        let refused = at_once(broker.token(permit, &shell)).unwrap_err();
        assert_eq!(refused.code, ErrorCode::LoginRequired);
        *witness.full.lock().unwrap() = true;
    });
    assert!(scene.broker.sign_out(&key, &Caller::default()).await.is_err());
    assert!(scene.lines("event: SignOut").is_empty());
    *scene.world.witness.full.lock().unwrap() = false;
    assert_eq!(scene.bytes(&terminal(10)).await, served("at-1"), "nobody was signed out");
}

#[tokio::test]
async fn a_no_stands_where_the_issue_that_it_overtook_could_not_be_recorded() {
    let scene = scene();
    let shell = terminal(10);
    scene.bytes(&shell).await.unwrap();
    scene.broker.end_all_leases();
    let (broker, witness) = (scene.broker.clone(), scene.world.witness.clone());
    scene.world.witness.meanwhile.at(Event::Issue, move || {
        revoke_all(&broker);
        *witness.full.lock().unwrap() = true;
    });
    assert_eq!(scene.bytes(&shell).await, Err(ErrorCode::NotRecorded));
    *scene.world.witness.full.lock().unwrap() = false;
    assert_eq!(scene.bytes(&shell).await, DENIED);
}
