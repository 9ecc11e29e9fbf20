//! A config that points somewhere else: no token follows it there, none is lost, and it is lived with
//! again once the config is mended.

use std::path::PathBuf;
use std::sync::Arc;

use super::{bytes, ended, state, token, unreachable};
use crate::broker::Broker;
use crate::endpoints;
use crate::error::ErrorCode;
use crate::fakes::{Fault, World, ask, profile, stored, token_set};
use crate::ports::{Clock, Revocation};
use crate::profile::{EndpointOverrides, Network, Profile};
use crate::request::{Caller, SessionKey};
use crate::session::{EndReason, SessionState, StoredSession};

const EVIL: &str = "https://evil.example";

fn key() -> SessionKey {
    SessionKey::of("prod")
}

fn configure(broker: &Broker, profile: Profile) {
    broker.configure([(key(), Arc::new(profile))]);
}

fn started(world: &World, profile: Profile) -> Broker {
    let broker = Broker::new(world.ports());
    configure(&broker, profile);
    broker
}

/// Everything that a token may be sent to, at that host.
fn at(host: &str) -> Profile {
    let url = |path: &str| Some(format!("{host}/{path}"));
    let endpoints = EndpointOverrides {
        token: url("token"),
        revocation: url("revoke"),
        ..EndpointOverrides::default()
    };
    Profile { endpoints, ..profile() }
}

fn made_at(host: &str) -> StoredSession {
    StoredSession { endpoints: Some(endpoints::of(&at(host))), ..stored("rt-0") }
}

fn keep(world: &World, session: StoredSession) {
    world.store.records.lock().unwrap().insert(key(), session);
}

fn kept(world: &World) -> Option<StoredSession> {
    world.store.records.lock().unwrap().get(&key()).cloned()
}

fn sent_to(world: &World) -> Vec<String> {
    world.server.sent_to.lock().unwrap().clone()
}

#[tokio::test]
async fn a_token_does_not_follow_the_config_elsewhere_and_is_there_when_it_comes_back() {
    let world = World::signed_in();
    let broker = started(&world, profile());
    assert_eq!(bytes(&broker).await, "at-1");
    world.clock.jump(4_000);

    configure(&broker, at(EVIL));
    let refusal = token(&broker, &ask("prod")).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::LoginRequired);
    assert_eq!(refusal.hint.as_deref(), Some("run `dagpass login prod`"));
    let said = "the config sends its token to another host \
        (was where https://idp.example itself says, is https://evil.example)";
    assert_eq!(refusal.cause.as_deref(), Some(said));
    broker.tend(true).await;
    broker.tend(false).await;
    configure(&broker, at("https://worse.example"));
    assert!(token(&broker, &ask("prod")).await.is_err());
    assert!(matches!(ended(&broker), EndReason::Elsewhere { .. }));
    assert!(kept(&world).is_some(), "nothing is lost");

    configure(&broker, profile());
    assert_eq!(bytes(&broker).await, "at-2", "no sign-in");
    assert_eq!(world.presented(), ["rt-0", "rt-1"]);
    assert_eq!(sent_to(&world), ["", ""]);
}

#[tokio::test]
async fn an_edit_while_the_agent_is_off_is_the_same() {
    let world = World::signed_in();
    let broker = started(&world, at(EVIL));
    assert!(token(&broker, &ask("prod")).await.is_err());
    assert!(matches!(ended(&broker), EndReason::Elsewhere { .. }));
    assert_eq!(sent_to(&world), [] as [&str; 0]);
    let broker = started(&world, profile());
    assert_eq!(bytes(&broker).await, "at-1");
}

#[tokio::test]
async fn the_cures_of_an_outage_cost_no_sign_in_and_no_reading_of_the_store() {
    let world = World::signed_in();
    keep(&world, made_at("https://gw.example"));
    let broker = started(&world, at("https://gw.example"));
    assert_eq!(bytes(&broker).await, "at-1");
    let reads = |world: &World| {
        world.store.log.lock().unwrap().iter().filter(|line| *line == "load").count()
    };
    let before = reads(&world);
    let mut cured = at("https://GW.example:443/v2");
    cured.network = Network {
        ca_file: Some(PathBuf::from("ca.pem")),
        proxy: Some("http://proxy.example:3128".to_owned()),
        no_proxy: None,
    };
    cured.endpoints.jwks = Some("https://keys.example/jwks".to_owned());
    configure(&broker, cured);
    assert_eq!(bytes(&broker).await, "at-1", "from the cache");
    assert_eq!(reads(&world), before);
}

#[tokio::test]
async fn a_sign_out_meanwhile_tells_the_host_it_was_made_with() {
    for offline in [false, true] {
        let world = World::signed_in();
        keep(&world, made_at("https://gw.example"));
        let broker = started(&world, at(EVIL));
        if offline {
            world.server.revocations.lock().unwrap().push_back(Revocation::Pending);
        }
        let said = broker.sign_out(&key(), &Caller::default()).await.unwrap();
        let expected = if offline { Revocation::Pending } else { Revocation::Confirmed };
        assert_eq!(said, Some(expected));
        assert!(kept(&world).is_none());
        assert!(token(&broker, &ask("prod")).await.is_err());
        assert!(matches!(state(&broker), SessionState::SignedOut), "{:?}", state(&broker));
        if offline {
            world.clock.jump(60);
            broker.pay_revocations();
            while !broker.owed_revocations().await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        }
        let sent = if offline { 2 } else { 1 };
        assert_eq!(sent_to(&world), vec!["https://gw.example"; sent]);
    }
}

#[tokio::test]
async fn without_the_store_a_session_that_is_held_back_is_revoked_and_its_record_owed() {
    let world = World::signed_in();
    let broker = started(&world, at(EVIL));
    assert!(token(&broker, &ask("prod")).await.is_err());
    *world.store.fail_all.lock().unwrap() = Some(crate::ports::StoreFailure::Locked("x".into()));
    let refused = broker.sign_out(&key(), &Caller::default()).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::KeychainLocked);
    assert_eq!(sent_to(&world), [""], "where it was made");
    *world.store.fail_all.lock().unwrap() = None;
    broker.sign_out(&key(), &Caller::default()).await.unwrap();
    assert!(kept(&world).is_none());
}

#[tokio::test]
async fn what_a_config_that_is_gone_has_signed_in_is_revoked_where_it_was_made() {
    let world = World::signed_in();
    let broker = Broker::new(world.ports());
    let made = made_at("https://gw.example");
    keep(&world, made.clone());
    let said = broker.sign_out_unnamed(&key(), Some(&made), &Caller::default()).await.unwrap();
    assert_eq!(said, Some(Revocation::Confirmed));
    assert_eq!(sent_to(&world), ["https://gw.example"]);
}

async fn signed_out_unnamed(world: &World, broker: &Broker) -> Option<Revocation> {
    let record = kept(world);
    broker.sign_out_unnamed(&key(), record.as_ref(), &Caller::default()).await.unwrap()
}

#[tokio::test]
async fn a_profile_that_is_taken_out_signed_out_and_put_back_is_signed_out() {
    let world = World::signed_in();
    let broker = started(&world, profile());
    bytes(&broker).await;
    // Memory alone has the newest token.
    let locked = crate::ports::StoreFailure::Locked("x".into());
    *world.store.fail_saves.lock().unwrap() = Some(locked);
    world.clock.jump(4_000);
    assert_eq!(bytes(&broker).await, "at-2");
    *world.store.fail_saves.lock().unwrap() = None;
    assert!(broker.unnamed().is_empty(), "the config names it");
    broker.configure([]);
    assert_eq!(broker.unnamed(), [key()]);
    assert_eq!(signed_out_unnamed(&world, &broker).await, Some(Revocation::Confirmed));
    assert!(kept(&world).is_none() && broker.unnamed().is_empty());
    assert!(!world.server.is_alive("rt-2"), "the newest is what was revoked");
    configure(&broker, profile());
    let refused = token(&broker, &ask("prod")).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::LoginRequired);
    assert_eq!(world.presented(), ["rt-0", "rt-1"], "nobody is signed in again by putting it back");
}

/// A request whose refresh was sent, and waits behind the server's gate; did it give a token?
async fn on_its_way(world: &World, broker: &Broker) -> tokio::task::JoinHandle<bool> {
    let asking = tokio::spawn({
        let broker = broker.clone();
        async move { token(&broker, &ask("prod")).await.is_ok() }
    });
    while world.presented().is_empty() {
        tokio::task::yield_now().await;
    }
    asking
}

#[tokio::test]
async fn a_refresh_on_its_way_when_its_profile_was_taken_out_keeps_nothing_of_the_sign_out() {
    let world = World::signed_in();
    let broker = started(&world, profile());
    let shut = world.server.gate.lock().await;
    let asking = on_its_way(&world, &broker).await;
    broker.configure([]);
    let mut signed_out = Box::pin(signed_out_unnamed(&world, &broker));
    tokio::select! {
        biased;
        ended = &mut signed_out => panic!("it did not wait for what is on its way: {ended:?}"),
        () = super::settle() => {}
    }
    drop(shut);
    assert_eq!(signed_out.await, Some(Revocation::Confirmed));
    asking.await.unwrap();
    super::settle().await;
    assert!(kept(&world).is_none(), "what the refresh saved is gone");
    assert!(!world.server.is_alive("rt-1"));
    configure(&broker, profile());
    assert!(token(&broker, &ask("prod")).await.is_err());
}

#[tokio::test]
async fn a_record_of_another_client_than_the_one_that_was_taken_out_is_revoked_with_it() {
    let world = World::signed_in();
    let other = Profile { client_id: "another".into(), ..profile() };
    let broker = started(&world, other);
    broker.load_session(&key()).await.unwrap();
    broker.configure([]);
    assert_eq!(signed_out_unnamed(&world, &broker).await, Some(Revocation::Confirmed));
    assert!(kept(&world).is_none() && !world.server.is_alive("rt-0"));
}

#[tokio::test]
async fn a_record_of_before_is_taken_at_the_configs_word_once() {
    let world = World::signed_in();
    keep(&world, StoredSession { endpoints: None, ..stored("rt-0") });
    let broker = started(&world, profile());
    broker.load_session(&key()).await.unwrap();
    assert_eq!(kept(&world).unwrap().endpoints, Some(EndpointOverrides::default()), "at once");
    for broker in [started(&world, at(EVIL)), broker] {
        configure(&broker, at(EVIL));
        assert!(token(&broker, &ask("prod")).await.is_err());
    }
    assert_eq!(sent_to(&world), [] as [&str; 0]);
}

#[tokio::test]
async fn a_sign_in_that_a_change_of_the_config_overtakes_is_given_up_and_sent_nowhere() {
    let mut other = profile();
    other.issuer = crate::profile::Issuer::new(EVIL);
    for meanwhile in [at(EVIL), other] {
        let world = World::signed_in();
        let broker = started(&world, profile());
        let made = StoredSession { generation: 2, ..stored("rt-new") };
        configure(&broker, meanwhile);
        let now = world.clock.now();
        let end = now.plus(std::time::Duration::from_secs(60));
        let set = token_set("at-new", Some("rt-new"), now, end);
        let refused = super::sign_in(&broker, made, set).await.unwrap_err();
        assert_eq!(refused.cause.as_deref(), Some("the config changed while you signed in"));
        assert!(token(&broker, &ask("prod")).await.is_err(), "its access token neither");
        configure(&broker, profile());
        assert_eq!(bytes(&broker).await, "at-1", "who was signed in before still is");
        assert_eq!(sent_to(&world), [""]);
    }
}

#[tokio::test]
async fn a_refresh_on_its_way_lands_where_it_was_sent_and_what_it_brought_is_held_back() {
    let world = World::signed_in();
    let broker = started(&world, profile());
    let shut = world.server.gate.lock().await;
    let asking = on_its_way(&world, &broker).await;
    configure(&broker, at(EVIL));
    drop(shut);
    assert!(asking.await.unwrap(), "it was asked before");
    assert!(token(&broker, &ask("prod")).await.is_err());
    assert_eq!(kept(&world).unwrap().generation, 2, "saved");
    configure(&broker, profile());
    assert_eq!(bytes(&broker).await, "at-2");
    assert_eq!(sent_to(&world), ["", ""]);
}

/// Another agent signed in by another config, and this one finds its token where its own was.
#[tokio::test]
async fn a_newer_token_in_the_store_that_another_config_made_is_not_sent() {
    let world = World::signed_in();
    let broker = started(&world, at("https://gw.example"));
    keep(&world, made_at("https://gw.example"));
    world.server.fail_next(Fault::Answer(unreachable(false)));
    assert!(token(&broker, &ask("prod")).await.is_err());
    world.clock.jump(4_000);
    let theirs = StoredSession { generation: 9, ..stored("rt-of-another") };
    keep(&world, StoredSession { issuer: crate::profile::Issuer::new(EVIL), ..theirs });
    world.server.fail_next(Fault::Answer(crate::ports::TokenFailure::Rejected {
        error: "invalid_grant".into(),
        description: "dead".into(),
    }));
    assert!(token(&broker, &ask("prod")).await.is_err());
    assert_eq!(world.presented(), ["rt-0", "rt-0"]);
}

#[tokio::test]
async fn a_profile_that_is_taken_out_and_put_back_is_the_same_session() {
    let world = World::signed_in();
    let broker = started(&world, profile());
    let shut = world.server.gate.lock().await;
    let asking = on_its_way(&world, &broker).await;
    broker.configure([]);
    let gone = token(&broker, &ask("prod")).await.unwrap_err();
    assert_eq!(gone.code, ErrorCode::NotFound);
    assert!(broker.sessions().is_empty());
    configure(&broker, profile());
    let again = tokio::spawn({
        let broker = broker.clone();
        async move { bytes(&broker).await }
    });
    super::settle().await;
    assert_eq!(world.presented(), ["rt-0"], "nobody presents it beside the first");
    drop(shut);
    assert!(asking.await.unwrap(), "it was asked before");
    assert_eq!(again.await.unwrap(), "at-1", "it joined what was on its way");
    assert_eq!(world.presented(), ["rt-0"]);

    // What memory alone has is not lost by it.
    let locked = crate::ports::StoreFailure::Locked("x".into());
    *world.store.fail_saves.lock().unwrap() = Some(locked);
    world.clock.jump(4_000);
    assert_eq!(bytes(&broker).await, "at-2");
    broker.configure([]);
    configure(&broker, profile());
    assert_eq!(bytes(&broker).await, "at-3");
    assert_eq!(world.server.presented_again(), [] as [&str; 0]);
}
