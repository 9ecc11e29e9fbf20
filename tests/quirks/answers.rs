//! What a provider may answer where something else was expected, and what the agent makes of it.

use dagpass_core::error::ErrorCode;
use dagpass_core::fakes;
use dagpass_core::ports::Revocation;
use dagpass_core::profile::Scopes;
use dagpass_core::request::{Caller, Obtain, Target, TokenRequest};
use dagpass_core::token::IdentitySource;
use dagpass_sandbox::{Endpoint, Family, Fault, Kind, RefreshScope, UserinfoShape};
use serde_json::{Value, json};

use crate::stage::Stage;

fn members(set: &Value) -> Kind {
    Kind::Members { set: set.as_object().unwrap().clone(), without: Vec::new() }
}

fn oauth(status: u16, error: &str) -> Kind {
    Kind::OAuth { status, error: error.to_owned() }
}

#[tokio::test]
async fn a_refresh_token_that_came_alone_is_sent_at_once_and_nobody_notices() {
    let stage = Stage::new(Family::PingOne);
    stage.device("alice").await.unwrap();
    stage.expire();
    stage.sandbox.fault(Fault::next_refresh(members(&json!({"access_token": null}))));
    stage.bytes().await;
    assert_eq!(stage.sandbox.refreshes(), 2);
    assert!(stage.sandbox.replayed().is_empty());
    stage.lives_on().await;
}

#[tokio::test]
async fn a_sign_in_whose_access_token_is_missing_is_finished_by_its_first_refresh() {
    for browser in [true, false] {
        let stage = Stage::new(Family::PingOne);
        let at_token = Fault::at(Endpoint::Token, members(&json!({"access_token": ""}))).times(1);
        stage.sandbox.fault(at_token);
        let seen = if browser { stage.browser("alice").await } else { stage.device("alice").await };
        seen.unwrap();
        assert_eq!(stage.stored().unwrap().identity.unwrap().subject.sub, "alice");
        assert_eq!(stage.sandbox.refreshes(), 1);
        stage.lives_on().await;
    }
}

#[tokio::test]
async fn groups_by_the_hundred_in_both_tokens_and_a_large_key_set_are_taken() {
    let stage = Stage::new(Family::PingFederate);
    let padded = || Kind::Padded { bytes: 80 * 1024 };
    for at in [Endpoint::Token, Endpoint::Jwks, Endpoint::Userinfo] {
        stage.sandbox.fault(Fault::at(at, padded()));
    }
    stage.browser("alice").await.unwrap();
    stage.lives_on().await;
}

#[tokio::test]
async fn a_server_that_wants_the_scope_named_is_told_it_and_that_is_remembered() {
    let stage = Stage::with(Family::PingFederate, |q| q.refresh_scope = RefreshScope::Required);
    stage.device("alice").await.unwrap();
    stage.expire();
    stage.bytes().await;
    let statuses: Vec<u16> = stage.refreshes().iter().map(|entry| entry.status).collect();
    assert_eq!(statuses, [400, 200]);
    stage.lives_on().await;
}

#[tokio::test]
async fn a_refresh_that_gives_less_is_asked_again_by_name_with_the_new_token() {
    let stage = Stage::with(Family::PingOne, |q| q.refresh_scope = RefreshScope::Lessens);
    stage.device("alice").await.unwrap();
    stage.expire();
    stage.bytes().await;
    let scopes: Vec<_> = stage.refreshes().into_iter().map(|entry| entry.scope).collect();
    let parsed: Vec<_> = scopes.iter().flatten().map(|scope| Scopes::parse(scope)).collect();
    assert_eq!(parsed, [Scopes::parse("openid"), stage.profile.scopes.clone()]);
    assert!(stage.sandbox.replayed().is_empty());
    stage.lives_on().await;
}

#[tokio::test]
async fn a_refresh_that_gives_less_for_good_is_never_served_in_silence() {
    let stage = Stage::new(Family::PingOne);
    stage.device("alice").await.unwrap();
    stage.expire();
    let less = Fault::at(Endpoint::Token, members(&json!({"scope": "openid"})));
    stage.sandbox.fault(less);
    for _ in 0..3 {
        let refusal = stage.refused(ErrorCode::InvalidScope).await;
        assert!(refusal.cause.unwrap().ends_with("granted `openid`"));
        assert_eq!(refusal.hint.as_deref(), Some("run `dagpass login prod`"));
    }
    assert_eq!(stage.sandbox.refreshes(), 2, "by name once, then it rests");
    assert!(stage.stored().unwrap().refresh_token.is_some(), "the session stands");
    stage.sandbox.clear_faults();
    stage.lives_on().await;
}

#[tokio::test]
async fn a_refresh_that_leaves_offline_access_out_is_no_less() {
    let stage = Stage::new(Family::PingOne);
    stage.device("alice").await.unwrap();
    stage.sandbox.fault(Fault::at(Endpoint::Token, members(&json!({"scope": "openid api:read"}))));
    stage.lives_on().await;
}

#[tokio::test]
async fn a_time_of_authentication_that_is_broken_or_zero_ends_nothing() {
    let at = |stage: &Stage, time: Value| {
        stage.sandbox.quirks(|quirks| quirks.id_token_claims.insert("auth_time".into(), time));
    };
    let stage = Stage::new(Family::PingAm);
    at(&stage, json!(1_795_957_199.871));
    stage.browser("alice").await.unwrap();
    for time in [json!(1_795_957_199), json!(0), Value::Null] {
        at(&stage, time);
        stage.lives_on().await;
        let proven = stage.active().stored.identity.unwrap().auth_time.unwrap();
        assert_eq!(proven.as_millis(), 1_795_957_199_000);
    }
}

#[tokio::test]
async fn userinfo_is_read_by_its_content_type_and_never_for_somebody_else() {
    let table = [
        (UserinfoShape::Json, json!({}), true),
        (UserinfoShape::Signed, json!({}), true),
        (UserinfoShape::Signed, json!({"iss": null, "aud": null}), true),
        (UserinfoShape::Signed, json!({"iss": "https://evil.example"}), false),
        (UserinfoShape::Signed, json!({"aud": "another-client"}), false),
        (UserinfoShape::Forged, json!({}), false),
        (UserinfoShape::Json, json!({"sub": "mallory"}), false),
        (UserinfoShape::Signed, json!({"sub": "mallory"}), false),
    ];
    for (shape, claims, used) in table {
        let stage = Stage::with(Family::PingOne, |quirks| {
            quirks.id_token_claims = json!({"groups": null}).as_object().unwrap().clone();
            quirks.userinfo_claims = claims.as_object().unwrap().clone();
            quirks.userinfo_shape = shape;
        });
        stage.browser("alice").await.unwrap();
        let who = stage.active().stored.identity.unwrap();
        let case = format!("{shape:?} {claims}");
        assert_eq!((who.subject.sub.as_str(), who.source), ("alice", IdentitySource::IdToken));
        assert_eq!(!who.groups.is_empty(), used, "{case}");
        stage.lives_on().await;
    }
}

#[tokio::test]
async fn a_device_request_is_asked_again_with_what_the_answer_names() {
    for (family, requests) in [(Family::PingOne, 2), (Family::PingFederate, 2), (Family::PingAm, 1)]
    {
        let stage = Stage::with(family, |quirks| quirks.device_response_type = true);
        stage.device("alice").await.unwrap();
        let asked = stage.at_endpoint(Endpoint::DeviceAuthorization);
        assert_eq!(asked.len(), requests, "{family:?}");
        stage.lives_on().await;
    }
}

#[tokio::test]
async fn a_device_sign_in_that_tells_nothing_is_judged_by_its_first_refresh() {
    let stage = Stage::with(Family::PingAm, |quirks| {
        (quirks.device_response_type, quirks.device_silent) = (true, true);
    });
    stage.device("alice").await.unwrap();
    assert_eq!(stage.sandbox.refreshes(), 1);
    let stored = stage.stored().unwrap();
    assert_eq!(stored.identity.unwrap().source, IdentitySource::IdToken);
    assert_eq!(stored.granted, stage.profile.scopes);
    assert!(stage.sandbox.replayed().is_empty());
    stage.lives_on().await;
}

#[tokio::test]
async fn pingams_revocation_path_is_tried_where_the_document_is_silent() {
    let stage = Stage::with(Family::PingAm, |quirks| {
        quirks.omit_metadata = vec!["revocation_endpoint".to_owned()];
    });
    stage.device("alice").await.unwrap();
    let revoked = stage.broker.sign_out(&Stage::key(), &Caller::default()).await.unwrap();
    assert_eq!(revoked, Some(Revocation::Confirmed));
    assert_eq!(stage.at_endpoint(Endpoint::Revoke).len(), 1);
}

#[tokio::test]
async fn a_revocation_s_success_needs_no_body_and_no_content_type() {
    for (status, content_type) in [(204, None), (200, Some("text/html")), (200, None)] {
        let stage = Stage::new(Family::PingOne);
        stage.device("alice").await.unwrap();
        let content_type = content_type.map(str::to_owned);
        stage.sandbox.fault(Fault::at(Endpoint::Revoke, Kind::Empty { status, content_type }));
        let revoked = stage.broker.sign_out(&Stage::key(), &Caller::default()).await.unwrap();
        assert_eq!(revoked, Some(Revocation::Confirmed), "{status}");
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_presented_is_refused_by_name_and_its_refresh_token_kept() {
    let stage = Stage::new(Family::PingOne);
    stage.device("alice").await.unwrap();
    for kind in ["DPoP", "N_A"] {
        stage.expire();
        stage.sandbox.fault(Fault::next_refresh(members(&json!({"token_type": kind}))));
        let refusal = stage.refused(ErrorCode::ServerError).await;
        assert!(refusal.cause.unwrap().to_lowercase().contains(&kind.to_lowercase()));
        stage.lives_on().await;
    }
    stage.sandbox.fault(Fault::next_refresh(members(&json!({"token_type": "bEARER"}))));
    stage.lives_on().await;
}

#[tokio::test]
async fn an_exchange_that_is_refused_rests_and_says_nothing_of_the_session() {
    let id_token = "urn:ietf:params:oauth:token-type:id_token";
    for (kind, code) in [
        (oauth(400, "invalid_scope"), ErrorCode::InvalidScope),
        (oauth(400, "invalid_grant"), ErrorCode::ServerError),
        (members(&json!({"issued_token_type": id_token})), ErrorCode::ServerError),
        (members(&json!({"token_type": "N_A"})), ErrorCode::ServerError),
    ] {
        let stage = Stage::new(Family::PingFederate);
        stage.device("alice").await.unwrap();
        let grant = Some("token_exchange".to_owned());
        stage.sandbox.fault(Fault { grant, ..Fault::everywhere(kind.clone()) });
        let target = Target {
            resource: Some("https://lake.example".to_owned()),
            obtain: Obtain::Exchange,
            ..Target::default()
        };
        let request = TokenRequest { target, ..fakes::ask("prod") };
        for _ in 0..3 {
            stage.jump(60);
            let refusal = stage.ask(&request).await.unwrap_err();
            assert_eq!(refusal.code, code, "{kind:?}");
            assert!(!refusal.to_string().contains("sign in"), "{refusal}");
        }
        assert_eq!(stage.grants("token_exchange").len(), 1, "{kind:?}: it rests");
        stage.sandbox.clear_faults();
        stage.lives_on().await;
    }
}

#[tokio::test]
async fn a_refreshed_id_token_with_another_nonce_is_set_aside_and_the_access_token_served() {
    let stage = Stage::new(Family::PingOne);
    stage.browser("alice").await.unwrap();
    let before = stage.active().stored;
    assert!(before.nonce.is_some(), "its hash is in the record");
    let changed = json!({"nonce": "of another sign-in", "name": "Somebody Else"});
    stage.sandbox.quirks(|q| q.id_token_claims = changed.as_object().unwrap().clone());
    stage.lives_on().await;
    assert_eq!(stage.active().stored.identity, before.identity, "as it was");
    let same = json!({"name": "Alice Adler"});
    stage.sandbox.quirks(|q| q.id_token_claims = same.as_object().unwrap().clone());
    stage.lives_on().await;
    assert_eq!(stage.active().stored.identity.unwrap().name.as_deref(), Some("Alice Adler"));
}
