//! What an issuer says of itself, and whose signature counts.

use dagpass_core::error::ErrorCode;
use dagpass_core::ports::Revocation;
use dagpass_core::profile::{Issuer, Profile};
use dagpass_core::request::Caller;
use dagpass_core::session::TroubleKind;
use dagpass_sandbox::{Endpoint, Family, SignWith};

use crate::stage::Stage;

#[tokio::test]
async fn of_two_issuers_on_the_same_keys_only_the_pinned_one_counts() {
    let mut stage = Stage::with(Family::PingOne, |quirks| quirks.custom_domain = true);
    assert!(stage.sandbox.issuer().ends_with("/as"));
    stage.browser("alice").await.unwrap();
    let who = stage.stored().unwrap().identity.unwrap();
    assert_eq!(who.subject.iss, stage.sandbox.issuer());
    stage.lives_on().await;

    // The same tenant under its old name: the document names another issuer.
    let (document, token) =
        (format!("{}{WELL_KNOWN}", stage.sandbox.issuer()), stage.sandbox.url(Endpoint::Token));
    stage.sandbox.quirks(|quirks| quirks.custom_domain = false);
    let old = stage.sandbox.issuer();
    stage.profile(|profile| {
        profile.issuer = Issuer::new(old.as_str());
        profile.endpoints.discovery = Some(document);
    });
    let refusal = stage.device("alice").await.err().unwrap();
    assert!(refusal.cause.unwrap().contains("names issuer"));
    assert_eq!(stage.at_endpoint(Endpoint::DeviceAuthorization).len(), 0, "no code was asked for");

    // A good document, and an ID token from the other name.
    stage.profile(|profile| {
        profile.endpoints.discovery = None;
        profile.endpoints.token = Some(token);
    });
    let refusal = stage.browser("alice").await.err().unwrap();
    assert!(refusal.cause.unwrap().contains("is not from"));
    assert!(stage.token().await.is_err(), "nobody is signed in under the old name");
}

const WELL_KNOWN: &str = "/.well-known/openid-configuration";

#[tokio::test]
async fn an_issuer_with_port_443_is_compared_byte_for_byte() {
    let mut stage = Stage::new(Family::PingAm);
    let document = format!("{}{WELL_KNOWN}", stage.sandbox.issuer());
    let issuer = "https://am.example.com:443/am/oauth2/realms/root/realms/alpha";
    stage.sandbox.quirks(|quirks| quirks.issuer = Some(issuer.to_owned()));
    let pinned = |profile: &mut Profile, exact: &str| {
        profile.issuer = Issuer::new(exact);
        profile.endpoints.discovery = Some(document.clone());
        profile.verification_hosts = vec!["127.0.0.1".to_owned()];
    };
    for near in [issuer.replace(":443", ""), format!("{issuer}/"), issuer.replace("am.", "AM.")] {
        stage.profile(|profile| pinned(profile, &near));
        let refusal = stage.browser("alice").await.err().unwrap();
        assert_eq!(refusal.code, ErrorCode::ServerError, "{near}");
        assert_eq!(stage.at_endpoint(Endpoint::Token).len(), 0, "{near}");
    }
    stage.profile(|profile| pinned(profile, issuer));
    stage.browser("alice").await.unwrap();
    stage.device("alice").await.unwrap();
    assert_eq!(stage.stored().unwrap().identity.unwrap().subject.iss, issuer);
    stage.lives_on().await;
}

#[tokio::test]
async fn an_endpoint_that_the_document_leaves_out_is_named_and_comes_from_the_profile() {
    let mut stage = Stage::with(Family::PingFederate, |quirks| {
        let left_out =
            ["device_authorization_endpoint", "revocation_endpoint", "userinfo_endpoint"];
        quirks.omit_metadata = left_out.map(str::to_owned).to_vec();
    });
    let refusal = stage.device("alice").await.err().unwrap();
    assert_eq!(refusal.code, ErrorCode::UnauthorizedClient, "{refusal:?}");
    let at = stage.sandbox.url(Endpoint::DeviceAuthorization);
    stage.profile(|profile| profile.endpoints.device_authorization = Some(at));
    stage.device("alice").await.unwrap();
    stage.lives_on().await;
    let out = stage.broker.sign_out(&Stage::key(), &Caller::default()).await;
    assert_eq!(out, Ok(Some(Revocation::Unsupported)));
    assert_eq!(stage.at_endpoint(Endpoint::Revoke).len(), 0);

    stage.device("alice").await.unwrap();
    let at = stage.sandbox.url(Endpoint::Revoke);
    stage.profile(|profile| profile.endpoints.revocation = Some(at));
    let out = stage.broker.sign_out(&Stage::key(), &Caller::default()).await;
    assert_eq!(out, Ok(Some(Revocation::Confirmed)));
    assert_eq!(stage.at_endpoint(Endpoint::Revoke).len(), 1);
}

#[tokio::test]
async fn an_id_token_that_is_not_the_issuers_signs_nobody_in() {
    let table = [
        (SignWith::NextKey, true),
        (SignWith::None, false),
        (SignWith::Hs256, false),
        (SignWith::UnknownKid, false),
        (SignWith::ForeignKey, false),
    ];
    for (sign_with, good) in table {
        let stage = Stage::new(Family::PingOne);
        stage.browser("alice").await.unwrap();
        let before = stage.stored().unwrap().generation;
        stage.sandbox.quirks(|quirks| quirks.sign_with = sign_with);
        let (outcome, seen) = stage
            .sign_in(dagpass_core::profile::Flow::Browser, crate::person::Person::named("alice"))
            .await;
        assert_eq!(outcome.is_ok(), good, "{sign_with:?} {outcome:?}");
        assert_eq!(stage.stored().unwrap().generation > before, good, "{sign_with:?}");
        assert!(seen.pages.contains("200 OK") || !good, "{}", seen.pages);
        let searched = !matches!(sign_with, SignWith::None | SignWith::Hs256);
        let readings = stage.at_endpoint(Endpoint::Jwks).len();
        assert_eq!(readings, 1 + usize::from(searched), "{sign_with:?}: one search for a key");
        // What came with it is given back, or what it took the place of.
        stage.landed().await;
        let revoked = stage.at_endpoint(Endpoint::Revoke).len();
        assert_eq!(revoked, 1, "{sign_with:?}");
        // Whoever was signed in before still is.
        stage.sandbox.quirks(|quirks| quirks.sign_with = SignWith::Key);
        stage.lives_on().await;
    }
}

#[tokio::test]
async fn a_forged_id_token_in_a_refresh_is_refused_and_a_key_not_yet_published_is_waited_for() {
    let table = [
        (SignWith::NextKey, true),
        (SignWith::UnknownKid, true),
        (SignWith::None, false),
        (SignWith::Hs256, false),
        (SignWith::ForeignKey, false),
    ];
    // PingFederate keeps the refresh token it was sent; PingOne has killed it by then.
    for ((sign_with, served), family) in
        table.into_iter().flat_map(|row| [(row, Family::PingFederate), (row, Family::PingOne)])
    {
        let stage = Stage::new(family);
        stage.browser("alice").await.unwrap();
        let who = stage.stored().unwrap().identity;
        stage.sandbox.quirks(|quirks| quirks.sign_with = sign_with);
        stage.expire();
        let answer = stage.token().await;
        assert_eq!(answer.is_ok(), served, "{sign_with:?} {answer:?}");
        assert_eq!(stage.stored().unwrap().identity, who, "{sign_with:?}");
        let trouble = stage.active().trouble.map(|trouble| trouble.kind);
        assert_eq!(trouble, (!served).then_some(TroubleKind::Unusable), "{sign_with:?}");
        assert_eq!(stage.token().await.is_ok(), served, "{sign_with:?}");
        assert_eq!(stage.sandbox.refreshes(), 1, "{sign_with:?}");
        stage.sandbox.quirks(|quirks| quirks.sign_with = SignWith::Key);
        stage.lives_on().await;
    }
}

#[tokio::test]
async fn a_key_that_rolled_over_is_found_by_one_reading() {
    let stage = Stage::new(Family::PingOne);
    stage.browser("alice").await.unwrap();
    stage.sandbox.roll_over(true);
    stage.browser("alice").await.unwrap();
    stage.browser("alice").await.unwrap();
    assert_eq!(stage.at_endpoint(Endpoint::Jwks).len(), 2);
    stage.lives_on().await;
}
