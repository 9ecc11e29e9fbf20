//! Profiles that nobody signs in to, played through the broker: one grant for however many ask, a refusal that is
//! not asked for again, and nothing that is a person's.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{bytes, narrowed, settle, unreachable};
use crate::broker::Broker;
use crate::error::{ErrorCode, Refusal};
use crate::fakes::{World, ask, profile, rejected, serve as token};
use crate::logout::Rules;
use crate::ports::{Clock, Revocation, StoreFailure, TokenFailure};
use crate::profile::{ClientAuth, Profile, ProfileKind, Scopes};
use crate::request::{Caller, SessionKey, TokenRequest};
use crate::session::{ClientSession, SessionState, TroubleKind};

pub(super) fn service() -> Profile {
    let kind = ProfileKind::Service;
    let (client_auth, scopes) = (ClientAuth::SecretBasic, Scopes::parse("a b"));
    Profile { kind, client_auth, scopes, ..profile() }
}

pub(super) fn named(broker: &Broker, profile: Profile) {
    broker.configure([(SessionKey::of("prod"), Arc::new(profile))]);
}

/// Nobody is signed in, and a record of before lies in the store.
pub(super) fn broker(world: &World) -> Broker {
    let broker = Broker::new(world.ports());
    named(&broker, service());
    broker
}

pub(super) fn grants(world: &World) -> usize {
    world.server.client_grants.load(Ordering::SeqCst)
}

pub(super) fn client(broker: &Broker) -> ClientSession {
    match super::state(broker) {
        SessionState::Client(client) => *client,
        other => panic!("no client: {other:?}"),
    }
}

pub(super) async fn refused(broker: &Broker) -> Refusal {
    token(broker, &ask("prod")).await.unwrap_err()
}

pub(super) fn invalid_client() -> TokenFailure {
    let (error, description) = ("invalid_client".to_owned(), "no such secret".to_owned());
    TokenFailure::Misconfigured { error, description }
}

/// Not one word of signing in.
pub(super) fn is_no_persons(refusal: &Refusal) {
    let said = format!("{refusal} {:?}", refusal.hint);
    assert!(!said.contains("sign") && !said.contains("login"), "{said}");
}

#[tokio::test]
async fn a_hundred_callers_cost_one_grant_and_the_store_is_left_alone() {
    let world = World::signed_in();
    let broker = broker(&world);
    let shut = world.server.gate.lock().await;
    let asks = |broker: &Broker| {
        let broker = broker.clone();
        tokio::spawn(async move { bytes(&broker).await })
    };
    let callers: Vec<_> = (0..100).map(|_| asks(&broker)).collect();
    settle().await;
    drop(shut);
    for caller in callers {
        assert_eq!(caller.await.unwrap(), "c-1");
    }
    assert_eq!((grants(&world), world.server.refreshes()), (1, 0));
    assert!(world.presented().is_empty(), "the refresh token of a person of before");
    assert_eq!(*world.store.log.lock().unwrap(), Vec::<String>::new());
    token(&broker, &narrowed("a")).await.unwrap();
    assert_eq!(grants(&world), 2, "another target");
    {
        let lines = world.witness.lines.lock().unwrap();
        let issued = lines.iter().find(|line| line.contains("event: Issue")).unwrap();
        assert!(
            issued.contains("sub: \"agent\"") && issued.contains("is_client: true"),
            "{issued}"
        );
    }
    let issued = token(&broker, &ask("prod")).await.unwrap();
    assert!(issued.set.refresh_token.is_none(), "RFC 6749 §4.4.3");
}

#[tokio::test]
async fn a_token_in_use_is_renewed_ahead_of_need_and_served_while_the_issuer_is_away() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.server.lifetime.lock().unwrap() = Duration::from_secs(60);
    assert_eq!(bytes(&broker).await, "c-1");
    let due = broker.next_due().unwrap();
    assert_eq!(world.clock.now().until(due).as_secs(), 45);
    world.clock.jump(46);
    broker.tend(false).await;
    settle().await;
    assert_eq!((grants(&world), bytes(&broker).await.as_str()), (2, "c-2"));

    *world.server.no_client.lock().unwrap() = Some(unreachable(true));
    world.clock.jump(55);
    assert_eq!(bytes(&broker).await, "c-2", "it is still good");
    assert_eq!(client(&broker).trouble.unwrap().kind, TroubleKind::Offline);
    world.clock.jump(5);
    let refusal = refused(&broker).await;
    assert_eq!(refusal.code, ErrorCode::TemporarilyUnavailable);
    is_no_persons(&refusal);
    *world.server.no_client.lock().unwrap() = None;
    world.clock.jump(31);
    assert!(bytes(&broker).await.starts_with("c-"));
    assert!(client(&broker).trouble.is_none());
}

#[tokio::test]
async fn a_client_that_is_refused_is_shown_once_whoever_asks_and_again_when_its_secret_changed() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.server.no_client.lock().unwrap() = Some(invalid_client());
    let shut = world.server.gate.lock().await;
    let asks = |request| {
        let broker = broker.clone();
        tokio::spawn(async move { token(&broker, &request).await.map(drop) })
    };
    let asked = [ask("prod"), narrowed("a"), narrowed("b")].map(asks);
    settle().await;
    drop(shut);
    for one in asked {
        let refusal = one.await.unwrap().unwrap_err();
        assert_eq!(refusal.code, ErrorCode::InvalidClient);
        assert!(refusal.hint.as_ref().unwrap().contains("`dagpass secret set prod`"));
        is_no_persons(&refusal);
    }
    assert_eq!(grants(&world), 1, "one attempt, whatever the target");
    world.clock.jump(299);
    assert_eq!(refused(&broker).await.cause.as_deref(), Some("invalid_client: no such secret"));
    assert_eq!(grants(&world), 1);
    world.clock.jump(80);
    refused(&broker).await;
    assert_eq!(grants(&world), 2, "who mends it at the issuer waits no longer");

    *world.server.no_client.lock().unwrap() = None;
    broker.client_changed(&service());
    assert_eq!(bytes(&broker).await, "c-3", "another secret is tried at once");
    // A server refuses the token, and by then the client: what was refused is not served again.
    *world.server.no_client.lock().unwrap() = Some(invalid_client());
    world.clock.jump(2);
    let disliked = TokenRequest { rejected: rejected("c-3"), ..ask("prod") };
    let answer = token(&broker, &disliked).await.unwrap();
    assert_eq!((answer.access_token().expose(), grants(&world)), ("c-3", 4));
    token(&broker, &disliked).await.unwrap();
    assert_eq!(grants(&world), 4);
}

#[tokio::test]
async fn what_proves_it_is_missed_before_anything_is_sent() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.server.proof.lock().unwrap() = Ok(false);
    let refusal = refused(&broker).await;
    assert_eq!(refusal.code, ErrorCode::InvalidClient);
    assert_eq!(refusal.hint.as_deref(), Some("run `dagpass secret set prod`"));
    is_no_persons(&refusal);
    *world.server.proof.lock().unwrap() = Err(StoreFailure::Locked("x".into()));
    named(&broker, service());
    assert!(broker.load_session(&SessionKey::of("prod")).await.is_ok());
    *world.server.proof.lock().unwrap() = Ok(true);
    named(&broker, service());
    assert_eq!((bytes(&broker).await.as_str(), grants(&world)), ("c-1", 1));

    let locked = World::signed_in();
    let broker = self::broker(&locked);
    *locked.server.proof.lock().unwrap() = Err(StoreFailure::Locked("x".into()));
    assert_eq!(refused(&broker).await.code, ErrorCode::KeychainLocked);
    *locked.server.proof.lock().unwrap() = Ok(true);
    broker.reconsider_store();
    assert_eq!(bytes(&broker).await, "c-1");
}

#[tokio::test]
async fn a_sign_out_takes_its_tokens_back_and_the_next_who_asks_gets_another() {
    let world = World::signed_in();
    let broker = broker(&world);
    let (key, caller) = (SessionKey::of("prod"), Caller::default());
    world.store.records.lock().unwrap().clear();
    assert_eq!(broker.sign_out(&key, &caller).await.unwrap(), None, "nothing was out");
    assert_eq!(bytes(&broker).await, "c-1");
    let revoked = broker.sign_out(&key, &caller).await.unwrap();
    assert_eq!(revoked, Some(Revocation::Confirmed));
    assert!(world.server.revoked_tokens.lock().unwrap().contains(&"c-1".to_owned()));
    assert_eq!(bytes(&broker).await, "c-2");
    world.server.revocations.lock().unwrap().push_back(Revocation::Pending);
    let revoked = broker.sign_out(&key, &caller).await.unwrap();
    assert_eq!(revoked, Some(Revocation::Unconfirmed), "it is not owed: it ends by itself");
}

#[tokio::test]
async fn the_rules_by_which_people_are_signed_out_are_not_for_it() {
    let world = World::signed_in();
    let broker = broker(&world);
    broker.signs_out_by(Rules { after: Some(Duration::from_secs(60)), ..Rules::default() });
    assert_eq!(bytes(&broker).await, "c-1");
    world.clock.jump(600);
    assert_eq!(bytes(&broker).await, "c-1", "a person is out by now");
    named(&broker, profile());
    assert_eq!(refused(&broker).await.code, ErrorCode::LoginRequired);
}

#[tokio::test]
async fn another_kind_is_another_session_and_the_persons_stays_theirs() {
    let world = World::signed_in();
    let broker = super::broker(&world);
    assert_eq!(bytes(&broker).await, "at-1");
    named(&broker, service());
    assert_eq!(bytes(&broker).await, "c-1", "no token of the person is the service's");
    named(&broker, Profile { scopes: Scopes::parse("a b c"), ..service() });
    assert_eq!(bytes(&broker).await, "c-2", "what the config asks for is another by now");
    named(&broker, profile());
    assert_eq!(bytes(&broker).await, "at-2", "and none of its is the person's");
}
