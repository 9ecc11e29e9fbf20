//! What a success may look like and still be one.

use dagpass_core::token::RefreshToken;
use dagpass_sandbox::{Fault, Kind};
use serde_json::{Map, Value, json};

use super::*;

fn members(set: &Value, without: &[&str]) -> Kind {
    let set: Map<String, Value> = set.as_object().unwrap().clone();
    Kind::Members { set, without: without.iter().map(|name| (*name).to_owned()).collect() }
}

async fn redeemed(stage: &Stage, session: &StoredSession) -> Result<Redeemed, TokenFailure> {
    let (token, target) = (session.refresh_token.as_ref().unwrap(), Target::default());
    let grant = Grant::RefreshToken { token, target: &target, session, first: false };
    stage.ping.redeem(&stage.profile, grant).await
}

#[tokio::test]
async fn a_success_with_a_refresh_token_is_an_answer_whatever_else_is_in_it() {
    let table = [
        (members(&json!({"access_token": null}), &[]), false),
        (members(&json!({"access_token": ""}), &[]), false),
        (members(&json!({}), &["access_token"]), false),
        (members(&json!({"access_token": 7, "error": "server_error"}), &[]), false),
        (members(&json!({"error": ""}), &[]), true),
        (Kind::ByteOrderMark, true),
        (Kind::Gzip, true),
        (Kind::Padded { bytes: 80 * 1024 }, true),
        (Kind::ContentType { name: "text/html".to_owned() }, true),
        (Kind::ContentType { name: "application/x-www-form-urlencoded".to_owned() }, true),
    ];
    for (kind, serves) in table {
        let stage = Stage::new(Family::PingOne);
        let mut session = stage.session(&stage.browser("alice").await.unwrap());
        stage.sandbox.fault(Fault::next_refresh(kind.clone()));
        let new: Option<RefreshToken> = match redeemed(&stage, &session).await.unwrap() {
            Redeemed::Tokens(received) if serves => received.set.refresh_token,
            Redeemed::Renewal(alone) if !serves => Some(alone.refresh_token),
            other => panic!("{kind:?}: {other:?}"),
        };
        session.refresh_token = new;
        assert!(stage.refresh(&session).await.is_ok(), "{kind:?}: the new one is good");
    }
}

#[tokio::test]
async fn a_success_without_a_refresh_token_may_be_anybody_s() {
    for kind in [
        members(&json!({"access_token": null}), &["refresh_token"]),
        members(&json!({"access_token": "", "refresh_token": ""}), &[]),
        members(&json!({"access_token": "", "refresh_token": 7}), &[]),
    ] {
        let stage = Stage::new(Family::PingFederate);
        let session = stage.session(&stage.browser("alice").await.unwrap());
        stage.sandbox.fault(Fault::next_refresh(kind.clone()));
        let failure = redeemed(&stage, &session).await.unwrap_err();
        let silent = matches!(failure, TokenFailure::Unreachable { sent: true, .. });
        assert!(silent, "{kind:?} {failure:?}");
    }
}

#[tokio::test]
async fn an_answer_over_the_limit_is_named_for_what_it_is() {
    let stage = Stage::new(Family::PingFederate);
    let session = stage.session(&stage.browser("alice").await.unwrap());
    stage.sandbox.fault(Fault::next_refresh(Kind::Padded { bytes: 1100 * 1024 }));
    let failure = redeemed(&stage, &session).await.unwrap_err();
    let TokenFailure::Unreachable { cause, sent: true, .. } = failure else {
        panic!("{failure:?}");
    };
    assert!(cause.text.contains("more than 1024 KiB"), "{cause:?}");
    assert!(cause.remedy.is_some_and(|hint| hint.contains("groups")), "not the network's fault");
}

#[tokio::test]
async fn a_large_key_set_is_taken() {
    let stage = Stage::new(Family::PingOne);
    stage
        .sandbox
        .fault(Fault::at(dagpass_sandbox::Endpoint::Jwks, Kind::Padded { bytes: 80 * 1024 }));
    let set = stage.browser("alice").await.unwrap();
    assert_eq!(set.identity.unwrap().source, dagpass_core::token::IdentitySource::IdToken);
}
