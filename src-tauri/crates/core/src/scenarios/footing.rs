//! Profiles that nobody signs in to, whose config or secret becomes another while something is on its way: what
//! comes of the old is no answer for the new, and what is a person's waits for them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::clients::{
    broker, client, grants, invalid_client, is_no_persons, named, refused, service,
};
use super::{bytes, narrowed, settle};
use crate::broker::Broker;
use crate::deployment::refusals::jwt_bearer;
use crate::deployment::{AssertionKind, Deployment, JwtBearerFailure};
use crate::error::{ErrorCode, Refusal};
use crate::fakes::{World, ask, profile, serve as token};
use crate::logout::{Reason, WindUp};
use crate::ports::{Clock, Revocation, StoreFailure, TokenFailure};
use crate::profile::{AssertionAudience, ClientAuth, Profile, ProfileName, Scopes};
use crate::refusals;
use crate::request::{Caller, Obtain, SessionKey, Target, TokenRequest};
use crate::session::{ProofOfClient, TroubleKind};

fn asks(broker: &Broker) -> tokio::task::JoinHandle<Result<String, Refusal>> {
    let broker = broker.clone();
    tokio::spawn(async move {
        let issued = token(&broker, &ask("prod")).await?;
        Ok(issued.access_token().expose().to_owned())
    })
}

#[tokio::test]
async fn what_is_on_its_way_for_a_person_is_not_the_services_and_what_is_for_one_scope_not_anothers()
 {
    let world = World::signed_in();
    let broker = super::broker(&world);
    let shut = world.server.gate.lock().await;
    let persons = asks(&broker);
    settle().await;
    named(&broker, service());
    let services = asks(&broker);
    settle().await;
    drop(shut);
    assert_eq!(persons.await.unwrap().unwrap(), "at-1");
    assert_eq!(services.await.unwrap().unwrap(), "c-1");

    let shut = world.server.gate.lock().await;
    named(&broker, Profile { scopes: Scopes::parse("a b c"), ..service() });
    let before = asks(&broker);
    settle().await;
    named(&broker, Profile { scopes: Scopes::parse("a"), ..service() });
    let after = asks(&broker);
    settle().await;
    drop(shut);
    assert_eq!(before.await.unwrap().unwrap(), "c-2");
    assert_eq!(after.await.unwrap().unwrap(), "c-3");
    assert_eq!((bytes(&broker).await.as_str(), grants(&world)), ("c-3", 3));
}

#[tokio::test]
async fn an_old_secrets_late_refusal_says_nothing_of_the_new_one() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.server.no_client.lock().unwrap() = Some(invalid_client());
    let shut = world.server.gate.lock().await;
    let old = asks(&broker);
    settle().await;
    broker.client_changed(&service());
    drop(shut);
    assert!(old.await.unwrap().is_err());
    assert_eq!(client(&broker).trouble, None);
    *world.server.no_client.lock().unwrap() = None;
    assert_eq!(bytes(&broker).await, "c-2");
}

#[tokio::test]
async fn whoever_asks_behind_a_new_secret_does_not_hear_what_the_old_one_is_told() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.server.no_client.lock().unwrap() = Some(invalid_client());
    let shut = world.server.gate.lock().await;
    let old = asks(&broker);
    settle().await;
    broker.client_changed(&service());
    let new = asks(&broker);
    settle().await;
    drop(shut);
    // Behind the old one, which has been refused then.
    let again = world.server.gate.lock().await;
    *world.server.no_client.lock().unwrap() = None;
    drop(again);
    assert!(old.await.unwrap().is_err());
    assert_eq!(new.await.unwrap().unwrap(), "c-2");
}

#[tokio::test]
async fn a_look_into_the_store_that_began_before_a_change_is_taken_again_behind_it() {
    let world = World::signed_in();
    let broker = broker(&world);
    let slow = world.server.keys.lock().await;
    *world.server.proof.lock().unwrap() = Ok(false);
    let asked = asks(&broker);
    settle().await;
    *world.server.proof.lock().unwrap() = Ok(true);
    broker.client_changed(&service());
    drop(slow);
    assert_eq!(asked.await.unwrap().unwrap(), "c-1");
    assert_eq!(client(&broker).proof, ProofOfClient::Here);

    let world = World::signed_in();
    let broker = self::broker(&world);
    let slow = world.server.keys.lock().await;
    let asked = asks(&broker);
    settle().await;
    named(&broker, Profile { scopes: Scopes::parse("a"), ..service() });
    drop(slow);
    asked.await.unwrap().unwrap();
    assert_eq!(client(&broker).stored.granted, Scopes::parse("a"));
}

#[tokio::test]
async fn a_client_that_was_refused_rests_on_whatever_else_changes() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.server.no_client.lock().unwrap() = Some(invalid_client());
    refused(&broker).await;
    let patient = Profile { refresh_margin: Duration::from_secs(10), ..service() };
    named(&broker, patient.clone());
    broker.client_changed(&Profile { name: ProfileName::new("other"), ..service() });
    refused(&broker).await;
    assert_eq!(grants(&world), 1, "it would be refused again");
    assert_eq!(client(&broker).trouble.unwrap().kind, TroubleKind::Misconfigured);
    let posted = Profile { client_auth: ClientAuth::SecretPost, ..patient };
    named(&broker, posted.clone());
    refused(&broker).await;
    assert_eq!(grants(&world), 2, "it proves itself in another way");
    named(&broker, Profile { assertion_audience: AssertionAudience::TokenEndpoint, ..posted });
    refused(&broker).await;
    assert_eq!(grants(&world), 3, "to somebody else");
}

#[tokio::test]
async fn a_token_at_hand_waits_for_no_keychain_and_is_renewed_whatever_changed() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.server.lifetime.lock().unwrap() = Duration::from_secs(60);
    assert_eq!(bytes(&broker).await, "c-1");
    let slow = world.server.keys.lock().await;
    broker.client_changed(&service());
    let asked = asks(&broker);
    settle().await;
    assert!(asked.is_finished(), "it waits for the keychain");
    assert_eq!(asked.await.unwrap().unwrap(), "c-1");
    drop(slow);
    world.clock.jump(46);
    broker.tend(false).await;
    settle().await;
    assert_eq!((grants(&world), bytes(&broker).await.as_str()), (2, "c-2"));
}

#[tokio::test]
async fn a_service_that_is_logged_out_takes_no_persons_token_away_unrevoked() {
    let world = World::signed_in();
    let broker = broker(&world);
    let (key, caller) = (SessionKey::of("prod"), Caller::default());
    *world.store.fail_loads.lock().unwrap() = Some(StoreFailure::Locked("x".into()));
    assert!(broker.sign_out(&key, &caller).await.is_err(), "it is not known whose it is");
    assert!(world.store.records.lock().unwrap().contains_key(&key));
    *world.store.fail_loads.lock().unwrap() = None;
    let revoked = broker.sign_out(&key, &caller).await.unwrap();
    assert_eq!(revoked, Some(Revocation::Confirmed));
    assert_eq!(*world.server.revoked_tokens.lock().unwrap(), ["rt-0"]);
    assert!(!world.store.records.lock().unwrap().contains_key(&key));
}

#[tokio::test]
async fn a_refused_client_is_presented_once_for_exchanges_and_for_what_it_gives_back() {
    let world = World::signed_in();
    let broker = broker(&world);
    *world.server.no_exchange.lock().unwrap() = Some(invalid_client());
    assert_eq!(bytes(&broker).await, "c-1");
    let exchanged = |resource: &str| {
        let resource = Some(resource.to_owned());
        let target = Target { obtain: Obtain::Exchange, resource, ..Target::default() };
        let (broker, request) = (broker.clone(), TokenRequest { target, ..ask("prod") });
        tokio::spawn(async move { token(&broker, &request).await.map(drop) })
    };
    let shut = world.server.gate.lock().await;
    let asked = ["https://a", "https://b", "https://c"].map(exchanged);
    settle().await;
    drop(shut);
    for one in asked {
        assert_eq!(one.await.unwrap().unwrap_err().code, ErrorCode::InvalidClient);
    }
    assert_eq!(world.server.exchanges.load(Ordering::SeqCst), 1);
    let (key, caller) = (SessionKey::of("prod"), Caller::default());
    world.store.records.lock().unwrap().clear();
    let resting = broker.sign_out(&key, &caller).await.unwrap();
    assert_eq!(resting, Some(Revocation::Unconfirmed));
    assert_eq!(world.server.revoked_tokens.lock().unwrap().len(), 0, "it would be refused");

    bytes(&broker).await;
    token(&broker, &narrowed("a")).await.unwrap();
    *world.server.no_client.lock().unwrap() = Some(invalid_client());
    let refused = broker.sign_out(&key, &caller).await.unwrap();
    assert_eq!(refused, Some(Revocation::Unconfirmed));
    assert_eq!(world.server.revoked_tokens.lock().unwrap().len(), 1, "one no is enough");
}

#[tokio::test]
async fn an_automatic_logout_goes_on_where_the_config_names_the_person_again() {
    let world = World::signed_in();
    let broker = super::broker(&world);
    let (key, now) = (SessionKey::of("prod"), world.clock.now());
    bytes(&broker).await;
    let until = now.plus(Duration::from_secs(600));
    let wind_up = WindUp { reason: Reason::Lock, at: now, until, runs: ["run-1".into()].into() };
    assert!(broker.wind_up(&key, &Caller::default(), (wind_up, "lock")).unwrap());
    world.clock.jump(5);
    named(&broker, service());
    assert_eq!(bytes(&broker).await, "c-1");
    let view = broker.session(&key).unwrap();
    assert!(view.out.is_none() && view.wind_up.is_none(), "a client left no screen");
    named(&broker, profile());
    assert!(broker.session(&key).unwrap().wind_up.is_some());
    assert_eq!(refused(&broker).await.code, ErrorCode::LoginRequired);
}

#[tokio::test]
async fn a_persons_newest_token_is_saved_while_the_config_has_a_service() {
    let world = World::signed_in();
    let broker = super::broker(&world);
    *world.store.fail_saves.lock().unwrap() = Some(StoreFailure::Locked("x".into()));
    assert_eq!(bytes(&broker).await, "at-1");
    named(&broker, service());
    assert_eq!(bytes(&broker).await, "c-1");
    *world.store.fail_saves.lock().unwrap() = None;
    world.clock.jump(4_000);
    broker.tend(false).await;
    settle().await;
    let records = world.store.records.lock().unwrap();
    let kept = records.get(&SessionKey::of("prod")).unwrap().refresh_token.as_ref();
    assert_eq!(kept.unwrap().expose(), "rt-1");
}

#[test]
fn nobody_is_told_to_sign_in_by_an_exchange_or_a_deployment() {
    let deployment = Deployment {
        name: "prod".to_owned(),
        url: "https://airflow.example".to_owned(),
        assertion: AssertionKind::AccessToken,
    };
    let description = || "not you".to_owned();
    let denied = TokenFailure::AccessDenied { description: description() };
    is_no_persons(&refusals::exchange(&service(), &denied));
    is_no_persons(&refusals::exchange(&service(), &invalid_client()));
    for failure in [
        JwtBearerFailure::NoIdToken,
        JwtBearerFailure::SignInTooOld { max_age: None, description: "too old".to_owned() },
        JwtBearerFailure::AccessDenied { description: description() },
    ] {
        is_no_persons(&jwt_bearer(&service(), &deployment, &failure));
    }
}

#[tokio::test]
async fn who_asks_for_a_service_waits_for_no_revocation_and_its_logout_counts_at_once() {
    let world = World::signed_in();
    let broker = broker(&world);
    let key = SessionKey::of("prod");
    assert_eq!(bytes(&broker).await, "c-1");
    let before = broker.sign_outs(&key);
    let slow = world.server.revoking.lock().await;
    let ends = tokio::spawn({
        let (broker, key) = (broker.clone(), key.clone());
        async move { broker.sign_out(&key, &Caller::default()).await }
    });
    settle().await;
    assert!(broker.sign_outs(&key) > before && !ends.is_finished());
    let next = asks(&broker);
    settle().await;
    assert!(next.is_finished(), "it waits for the revocation");
    assert_eq!(next.await.unwrap().unwrap(), "c-2");
    drop(slow);
    assert_eq!(ends.await.unwrap().unwrap(), Some(Revocation::Confirmed));
}
