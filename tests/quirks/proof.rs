//! What a sign-in proves of whoever signs in, by browser and by code: anew, as whom, and by which policy.

use dagpass_core::error::ErrorCode;
use dagpass_core::profile::Flow;
use dagpass_core::token::IdentitySource;
use dagpass_sandbox::{Endpoint, Family, Fault, Kind};
use serde_json::json;

use crate::person::Person;
use crate::stage::Stage;

fn proving() -> Person {
    Person::named("alice").proving()
}

#[tokio::test]
async fn a_new_proof_is_brought_by_browser_on_every_family() {
    for family in Family::ALL {
        let stage = Stage::new(family);
        stage.browser("alice").await.unwrap();
        let proven = |stage: &Stage| stage.stored().unwrap().identity.unwrap().auth_time.unwrap();
        let first = proven(&stage);
        stage.jump(7200);
        stage.browser("alice").await.unwrap();
        assert_eq!(proven(&stage), first, "{family:?}: Ping's own session serves");
        stage.jump(60);
        stage.sign_in(Flow::Browser, proving()).await.0.unwrap();
        assert!(first.until(proven(&stage)).as_secs() >= 7260, "{family:?}");
        stage.lives_on().await;
    }
}

#[tokio::test]
async fn a_code_that_proves_nothing_new_is_refused_with_the_browser_named() {
    for family in Family::ALL {
        let stage = Stage::new(family);
        stage.browser("alice").await.unwrap();
        let before = stage.stored().unwrap().refresh_token.unwrap().fingerprint();
        stage.jump(7200);
        let refusal = stage.sign_in(Flow::Device, proving()).await.0.unwrap_err();
        assert_eq!(refusal.code, ErrorCode::InsufficientUserAuthentication, "{family:?}");
        let hint = refusal.hint.unwrap();
        assert!(hint.contains("`dagpass login prod --fresh --browser`"), "{family:?} {hint}");
        let asked = stage.at_endpoint(Endpoint::DeviceAuthorization).remove(0).params;
        let both = ["prompt", "max_age"];
        assert!(both.iter().all(|name| asked.iter().any(|sent| sent == name)), "{asked:?}");
        let after = stage.stored().unwrap().refresh_token.unwrap().fingerprint();
        assert_eq!(after, before, "{family:?}: the session stands");
        stage.device("alice").await.unwrap();
        stage.lives_on().await;
    }
}

#[tokio::test]
async fn a_code_that_proves_it_by_its_first_refresh_is_enough() {
    let stage = Stage::with(Family::PingAm, |quirks| quirks.device_silent = true);
    stage.sign_in(Flow::Device, proving()).await.0.unwrap();
    assert_eq!(stage.sandbox.refreshes(), 1);
    stage.lives_on().await;
}

#[tokio::test]
async fn another_policy_than_was_asked_for_signs_nobody_in() {
    for flow in [Flow::Browser, Flow::Device] {
        for (acr, fine) in [(json!("MFA"), true), (json!("pwd"), false), (json!(null), true)] {
            let mut stage = Stage::with(Family::PingOne, |quirks| {
                quirks.id_token_claims.insert("acr".into(), acr.clone());
            });
            stage.profile(|profile| profile.acr_values = Some("phr MFA".to_owned()));
            let outcome = stage.sign_in(flow, Person::named("alice")).await.0;
            assert_eq!(outcome.is_ok(), fine, "{flow:?} {acr} {outcome:?}");
            if let Err(refusal) = outcome {
                assert_eq!(refusal.code, ErrorCode::InsufficientUserAuthentication);
                let cause = refusal.cause.unwrap();
                assert!(cause.contains("`phr MFA`") && cause.contains("`pwd`"), "{cause}");
                assert!(stage.stored().is_none());
            }
        }
    }
}

#[tokio::test]
async fn a_device_request_is_sent_without_what_it_is_refused_for() {
    let stage = Stage::new(Family::PingOne);
    let kind = Kind::OAuth { status: 400, error: "invalid_request".to_owned() };
    stage.sandbox.fault(Fault::at(Endpoint::DeviceAuthorization, kind).times(2));
    stage.sign_in(Flow::Device, proving()).await.0.unwrap();
    let asked = stage.at_endpoint(Endpoint::DeviceAuthorization);
    let sent = |name: &str| -> Vec<bool> {
        asked.iter().map(|entry| entry.params.iter().any(|sent| sent == name)).collect()
    };
    assert_eq!(sent("code_challenge"), [true, false, false], "the likelier reason first");
    assert_eq!(sent("max_age"), [true, true, false]);
    stage.lives_on().await;
}

#[tokio::test]
async fn a_person_whom_each_token_names_otherwise_is_not_another() {
    let stage = Stage::with(Family::PingFederate, |quirks| {
        quirks.id_token_claims.insert("sub".into(), json!("pairwise-7f"));
    });
    let source = |stage: &Stage| stage.stored().unwrap().identity.unwrap().source;
    for _ in 0..2 {
        stage.browser("alice").await.unwrap();
        assert_eq!(source(&stage), IdentitySource::IdToken);
        stage.device("alice").await.unwrap();
        assert_eq!(source(&stage), IdentitySource::Userinfo);
    }
    let refusal = stage.device("bob").await.err().unwrap();
    assert_eq!(refusal.code, ErrorCode::SubjectChanged);
    stage.lives_on().await;
}

#[tokio::test]
async fn keys_that_are_away_for_a_moment_cost_no_sign_in_and_delay_no_code() {
    for flow in [Flow::Browser, Flow::Device] {
        let stage = Stage::new(Family::PingOne);
        stage.sandbox.fault(Fault::at(Endpoint::Jwks, Kind::PortalHtml).times(4));
        stage.sign_in(flow, Person::named("alice")).await.0.unwrap();
        let grant = if flow == Flow::Browser { "authorization_code" } else { "device_code" };
        let statuses: Vec<u16> = stage.grants(grant).iter().map(|entry| entry.status).collect();
        assert_eq!(statuses, [200], "{flow:?}: redeemed once, and at once");
        stage.lives_on().await;
    }
}
