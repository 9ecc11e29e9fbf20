use dagpass_core::token::IdentitySource;
use dagpass_sandbox::{AccessFormat, Endpoint as At, Fault, GroupsShape, Kind, SignWith};
use serde_json::json;

use super::*;

#[tokio::test]
async fn an_id_token_that_is_not_the_issuer_s_signs_nobody_in() {
    let table = [
        (SignWith::Key, true),
        (SignWith::NextKey, true),
        (SignWith::None, false),
        (SignWith::Hs256, false),
        (SignWith::UnknownKid, false),
        (SignWith::ForeignKey, false),
    ];
    for (sign_with, fine) in table {
        let stage = Stage::new(Family::PingOne);
        assert!(stage.browser("alice").await.is_ok(), "the keys are known before");
        stage.sandbox.quirks(|quirks| quirks.sign_with = sign_with);
        let outcome = stage.browser("alice").await;
        assert_eq!(outcome.is_ok(), fine, "{sign_with:?} {outcome:?}");
        if let Err(failure) = outcome {
            assert!(matches!(failure, TokenFailure::Misconfigured { .. }), "{failure:?}");
            stage.scan(&format!("{failure} {failure:?}"));
        }
    }
}

#[tokio::test]
async fn a_code_does_not_wait_for_the_keys_and_what_it_gave_is_judged_once_they_are_there() {
    let stage = Stage::new(Family::PingOne);
    let device = stage.ask_device(None).await.unwrap();
    stage.sandbox.approve_device(&device.user_code, "alice").unwrap();
    stage.sandbox.fault(Fault::at(At::Jwks, Kind::PortalHtml).times(1));
    let grant = Grant::DeviceCode { code: &device.device_code, verifier: None };
    let redeemed = stage.ping.redeem(&stage.profile, grant).await.unwrap();
    let Redeemed::Tokens(received) = redeemed else { panic!("{redeemed:?}") };
    let failure = stage.ping.judge(&stage.profile, grant, *received.clone()).await.unwrap_err();
    assert!(matches!(failure, TokenFailure::Unreachable { .. }), "{failure:?}");
    let set = stage.ping.judge(&stage.profile, grant, *received).await.unwrap();
    assert_eq!(set.identity.unwrap().subject.sub, "alice");
}

#[tokio::test]
async fn keys_that_were_fetched_in_time_are_not_asked_for_again() {
    let stage = Stage::new(Family::PingOne);
    stage.sandbox.fault(Fault::at(At::Jwks, Kind::PortalHtml).times(1));
    assert!(stage.ping.fetch_keys(&stage.profile).await.is_err());
    stage.ping.fetch_keys(&stage.profile).await.unwrap();
    stage.sandbox.fault(Fault::at(At::Jwks, Kind::PortalHtml));
    assert!(stage.browser("alice").await.is_ok());
}

#[tokio::test]
async fn a_wrong_claim_signs_nobody_in() {
    for claims in [
        json!({"iss": "https://evil.example"}),
        json!({"aud": "another-client"}),
        json!({"nonce": null}),
        json!({"nonce": "of another flow"}),
        json!({"azp": "another-client"}),
        json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),
    ] {
        let stage = Stage::new(Family::PingAm);
        let changed = claims.as_object().unwrap().clone();
        stage.sandbox.quirks(|quirks| quirks.id_token_claims = changed);
        let failure = stage.browser("alice").await.unwrap_err();
        assert!(matches!(failure, TokenFailure::Misconfigured { .. }), "{claims} {failure:?}");
    }
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_once_a_minute() {
    let stage = Stage::new(Family::PingOne);
    stage.browser("alice").await.unwrap();
    let readings = || {
        let log = stage.sandbox.log();
        log.iter().filter(|entry| entry.endpoint == At::Jwks).count()
    };
    assert_eq!(readings(), 1);
    stage.sandbox.quirks(|quirks| quirks.sign_with = SignWith::UnknownKid);
    for _ in 0..3 {
        assert!(stage.browser("alice").await.is_err());
    }
    assert_eq!(readings(), 2);
    stage.clock.jump(60);
    assert!(stage.browser("alice").await.is_err());
    assert_eq!(readings(), 3);
}

#[tokio::test]
async fn a_refresh_that_answers_for_another_person_is_named() {
    let stage = Stage::new(Family::PingOne);
    let set = stage.browser("alice").await.unwrap();
    stage.sandbox.quirks(|quirks| quirks.answer_as = Some("mallory".into()));
    let failure = stage.refresh(&stage.session(&set)).await.unwrap_err();
    assert_eq!(failure, TokenFailure::SubjectChanged { now: "mallory".into() });
}

#[tokio::test]
async fn a_refreshed_id_token_may_not_rest_on_an_older_sign_in() {
    let stage = Stage::new(Family::PingOne);
    let mut session = stage.session(&stage.browser("alice").await.unwrap());
    if let Some(who) = &mut session.identity {
        who.auth_time = Some(stage.clock.now().plus(Duration::from_secs(1_000)));
    }
    stage.sandbox.quirks(|quirks| {
        quirks.id_token_claims.insert("auth_time".into(), json!(1_000_000));
    });
    let set = stage.refresh(&session).await.unwrap();
    assert!(set.disbelieved.unwrap().contains("older sign-in"));
    assert!(set.refresh_token.is_some() && set.identity.is_none());
}

#[tokio::test]
async fn a_refresh_keeps_its_rotated_token_though_the_keys_cannot_be_had() {
    let stage = Stage::new(Family::PingOne);
    let session = stage.session(&stage.browser("alice").await.unwrap());
    let restarted = Stage { ping: Ping::new(stage.clock.clone()), ..stage };
    restarted.sandbox.fault(Fault::at(At::Jwks, Kind::PortalHtml));
    let next = restarted.refresh(&session).await.unwrap();
    assert!(next.refresh_token.is_some());
    assert_eq!(next.identity, None, "what was known stays");
}

#[tokio::test]
async fn a_clock_that_is_ten_minutes_off_still_signs_in_and_is_reported() {
    for offset in [600, -600] {
        let stage = Stage::new(Family::PingOne);
        stage.sandbox.quirks(|quirks| quirks.date_offset = offset);
        let skew = stage.ping.offers(&stage.profile).await.unwrap().clock_skew.unwrap();
        assert!((skew - offset).abs() <= 5, "{skew}");
        let set = stage.browser("alice").await.unwrap();
        let life = set.received_at.until(set.expires_at).as_secs();
        assert!((3_590..=3_600).contains(&life), "{offset} {life}");
    }
}

#[tokio::test]
async fn who_it_is_comes_from_the_next_source_where_one_is_silent() {
    let stage = Stage::new(Family::PingFederate);
    stage.sandbox.fault(Fault::at(At::Userinfo, Kind::ProxyForbidden));
    let who = stage.device("bob").await.unwrap().identity.unwrap();
    assert_eq!((who.subject.sub.as_str(), who.source), ("bob", IdentitySource::AccessTokenClaims));
    stage.sandbox.quirks(|quirks| quirks.at_format = AccessFormat::Reference);
    assert_eq!(stage.device("bob").await.unwrap().identity, None);
}

#[tokio::test]
async fn userinfo_that_names_somebody_else_is_not_mixed_in() {
    let stage = Stage::new(Family::PingOne);
    stage.sandbox.quirks(|quirks| {
        quirks.groups_shape = GroupsShape::Absent;
        quirks.userinfo_claims.insert("sub".into(), json!("mallory"));
    });
    let who = stage.browser("alice").await.unwrap().identity.unwrap();
    assert_eq!((who.subject.sub.as_str(), who.groups.len()), ("alice", 0));
}

#[tokio::test]
async fn groups_come_out_as_names_in_every_shape() {
    for shape in [
        GroupsShape::Array,
        GroupsShape::String,
        GroupsShape::CommaString,
        GroupsShape::Dn,
        GroupsShape::Many,
        GroupsShape::Absent,
    ] {
        let stage = Stage::new(Family::PingOne);
        stage.sandbox.quirks(|quirks| quirks.groups_shape = shape);
        let groups = stage.browser("alice").await.unwrap().identity.unwrap().group_names();
        assert_eq!(groups.is_empty(), shape == GroupsShape::Absent, "{shape:?}");
        assert_eq!(groups.len() > 200, shape == GroupsShape::Many, "{shape:?}");
        assert!(groups.iter().all(|name| !name.contains(['=', ','])), "{shape:?} {groups:?}");
    }
}
