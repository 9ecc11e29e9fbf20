//! Access tokens: how long they are believed, how often they are asked for, whom they are for.

use std::time::Duration;

use dagpass_core::error::ErrorCode;
use dagpass_core::fakes;
use dagpass_core::ports::SignInServer;
use dagpass_core::profile::Scopes;
use dagpass_core::request::TokenRequest;
use dagpass_core::session::TroubleKind;
use dagpass_core::token::ExpirySource;
use dagpass_sandbox::{AccessFormat, Endpoint, Family};

use crate::stage::Stage;

#[tokio::test]
async fn an_opaque_token_without_expires_in_is_believed_for_300_seconds_and_never_parsed() {
    let stage = Stage::with(Family::PingFederate, |quirks| {
        quirks.at_format = AccessFormat::Reference;
        quirks.omit_expires_in = true;
    });
    stage.device("alice").await.unwrap();
    let issued = stage.token().await.unwrap();
    assert_eq!(issued.set.expiry_source, ExpirySource::Assumed);
    assert_eq!(issued.set.received_at.until(issued.set.expires_at), Duration::from_secs(300));
    assert_eq!(issued.set.audience, None, "not visible is not a guess");
    stage.jump(220);
    assert_eq!(stage.bytes().await, issued.access_token().expose());
    assert_eq!(stage.sandbox.refreshes(), 0);
    stage.jump(81);
    assert_ne!(stage.bytes().await, issued.access_token().expose());
    assert_eq!(stage.sandbox.refreshes(), 1);
}

#[tokio::test]
async fn a_token_of_five_seconds_is_never_refreshed_in_a_loop() {
    let stage = Stage::with(Family::PingOne, |quirks| quirks.at_ttl = 5);
    stage.device("alice").await.unwrap();
    let needy = TokenRequest { min_ttl: Some(Duration::from_secs(60)), ..fakes::ask("prod") };
    for _ in 0..120 {
        stage.clock.jump(Duration::from_millis(500));
        assert!(stage.ask(&needy).await.unwrap().short_lived, "said, not looped over");
        stage.bytes().await;
    }
    let cost = stage.sandbox.refreshes();
    assert!((10..=20).contains(&cost), "{cost} refreshes in a minute");
    assert_eq!(stage.sandbox.replayed(), [""; 0]);
}

#[tokio::test]
async fn scopes_of_two_resources_are_refused_in_pings_words_and_the_session_is_kept() {
    let mut stage = Stage::with(Family::PingOne, |quirks| quirks.one_resource = false);
    stage.profile(|profile| profile.scopes = Scopes::parse("openid api:read data:read"));
    stage.device("alice").await.unwrap();
    stage.sandbox.quirks(|quirks| quirks.one_resource = true);
    stage.expire();
    let refusal = stage.refused(ErrorCode::InvalidScope).await;
    let cause = refusal.cause.unwrap();
    assert!(cause.contains("May not request scopes for multiple resources"), "{cause}");
    assert!(cause.contains("(Correlation ID: "), "{cause}");
    for _ in 0..5 {
        assert!(stage.token().await.is_err());
    }
    assert_eq!(stage.sandbox.refreshes(), 1, "not asked again");
    assert_eq!(stage.active().trouble.unwrap().kind, TroubleKind::Misconfigured);

    let again = stage.device("alice").await;
    let refusal = again.err().unwrap();
    assert_eq!(refusal.code, ErrorCode::InvalidScope, "{refusal:?}");
    assert_eq!(stage.grants("device_code").len(), 1, "no code, so nothing to poll for");

    stage.sandbox.quirks(|quirks| quirks.one_resource = false);
    stage.lives_on().await;
}

#[tokio::test]
async fn the_audience_is_a_name_or_a_list_and_is_shown_as_it_came() {
    for family in Family::ALL {
        let stage = Stage::new(family);
        stage.device("alice").await.unwrap();
        let issued = stage.token().await.unwrap();
        assert_eq!(issued.set.audience.as_deref(), Some(&["api".to_owned()][..]), "{family:?}");
        stage.lives_on().await;
        let resource = stage.refreshes().pop().unwrap().resource;
        assert_eq!(resource, None, "PingOne refuses `resource` beside `openid`");
    }
}

#[tokio::test]
async fn a_clock_ten_minutes_off_is_reported_and_the_session_still_usable() {
    for offset in [600, -600] {
        let stage = Stage::with(Family::PingOne, |quirks| quirks.date_offset = offset);
        let skew = stage.ping.offers(&stage.profile).await.unwrap().clock_skew.unwrap();
        assert!((skew - offset).abs() <= 5, "{skew}");
        for by_browser in [true, false] {
            let seen = match by_browser {
                true => stage.browser("alice").await,
                false => stage.device("alice").await,
            };
            assert!(seen.is_ok(), "{offset} {by_browser}");
        }
        let set = stage.token().await.unwrap().set;
        let life = set.received_at.until(set.expires_at).as_secs();
        assert!((3590..=3600).contains(&life), "{offset}: {life} s by our own clock");
        stage.lives_on().await;
        assert_eq!(stage.at_endpoint(Endpoint::Jwks).len(), 2, "the hourly reading, no search");
    }
}

#[tokio::test]
async fn a_client_that_must_prove_possession_is_told_that_dpop_is_unsupported() {
    for nonce in [false, true] {
        let stage = Stage::new(Family::PingFederate);
        stage.device("alice").await.unwrap();
        stage.sandbox.quirks(|quirks| {
            (quirks.require_dpop, quirks.use_dpop_nonce) = (true, nonce);
        });
        stage.expire();
        let refusal = stage.refused(ErrorCode::ServerError).await;
        let cause = refusal.cause.unwrap();
        assert!(cause.contains("DPoP") && cause.contains("does not do"), "{cause}");
        assert!(stage.token().await.is_err());
        assert_eq!(stage.sandbox.refreshes(), 1, "not asked again");
        let refusal = stage.browser("alice").await.err().unwrap();
        assert!(refusal.cause.unwrap().contains("does not do"));
        stage.sandbox.quirks(|quirks| quirks.require_dpop = false);
        stage.lives_on().await;
    }
}
