//! The device grant as Ping's products differ in it: statuses, rhythm, addresses, who it was.

use dagpass_core::error::ErrorCode;
use dagpass_core::profile::Flow;
use dagpass_core::token::IdentitySource;
use dagpass_sandbox::{AccessFormat, Endpoint, Family, Fault, Kind};

use crate::person::Person;
use crate::stage::Stage;

/// Whole seconds between the polls that came in.
fn rhythm(stage: &Stage) -> Vec<i64> {
    let polls = stage.grants("device_code");
    polls.windows(2).map(|pair| (pair[1].time - pair[0].time + 500) / 1000).collect()
}

#[tokio::test]
async fn pingam_answers_a_pending_poll_with_403_and_the_poll_goes_on() {
    for (family, pending) in
        [(Family::PingOne, 400), (Family::PingFederate, 400), (Family::PingAm, 403)]
    {
        let stage = Stage::new(family);
        let person = Person::named("alice").approving_after(12);
        stage.sign_in(Flow::Device, person).await.0.unwrap();
        let statuses: Vec<u16> = stage.grants("device_code").iter().map(|e| e.status).collect();
        assert_eq!(statuses, [pending, pending, 200], "{family:?}");
        stage.lives_on().await;
    }
}

#[tokio::test]
async fn slow_down_adds_five_seconds_for_good() {
    let stage = Stage::with(Family::PingOne, |quirks| {
        quirks.slow_down_after = Some(2);
        quirks.enforce_interval = true;
    });
    let person = Person::named("alice").approving_after(35);
    stage.sign_in(Flow::Device, person).await.0.unwrap();
    assert_eq!(rhythm(&stage), [5, 10, 10, 10]);
    let errors: Vec<_> = stage.grants("device_code").iter().map(|e| e.error.clone()).collect();
    let slowed = errors.iter().flatten().filter(|error| *error == "slow_down").count();
    assert_eq!(slowed, 1, "the server's pace is kept: {errors:?}");
    stage.lives_on().await;
}

#[tokio::test]
async fn a_lost_poll_does_not_lose_the_sign_in() {
    let stage = Stage::with(Family::PingOne, |quirks| quirks.drop_polls = 2);
    stage.device("alice").await.unwrap();
    let statuses: Vec<u16> = stage.grants("device_code").iter().map(|e| e.status).collect();
    assert_eq!(statuses, [0, 0, 200]);
    stage.lives_on().await;
}

#[tokio::test]
async fn an_approval_in_the_last_seconds_counts() {
    for (ttl, interval, approved) in [(600, 7, 597), (600, 5, 596), (30, 3, 27)] {
        let stage = Stage::with(Family::PingOne, |quirks| {
            (quirks.device_ttl, quirks.device_interval) = (ttl, interval);
            quirks.enforce_interval = true;
        });
        let person = Person::named("alice").approving_after(approved);
        let (outcome, _) = stage.sign_in(Flow::Device, person).await;
        assert!(outcome.is_ok(), "{ttl} {interval} {approved}: {outcome:?}");
        let paced = rhythm(&stage).iter().all(|gap| *gap >= interval);
        assert!(paced, "never faster than told: {:?}", rhythm(&stage));
        stage.lives_on().await;
    }
}

#[tokio::test]
async fn a_code_that_nobody_approves_ends_the_polling_at_its_expiry() {
    let stage = Stage::new(Family::PingOne);
    let (outcome, seen) = stage.sign_in(Flow::Device, Person::away()).await;
    let refusal = outcome.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::ExpiredToken, "{refusal:?}");
    assert_eq!(seen.codes.len(), 1, "a new code only on a person's word");
    let polls = stage.grants("device_code").len();
    assert!((100..=121).contains(&polls), "{polls} polls in 600 s");
    assert!(stage.stored().is_none());
}

#[tokio::test]
async fn a_custom_verification_uri_is_shown_as_it_came_and_nothing_is_added_to_it() {
    let short = "https://acme.co/go";
    let mut stage = Stage::with(Family::PingOne, |quirks| {
        quirks.custom_verification_uri = Some(short.to_owned());
    });
    let refusal = stage.device("alice").await.err().unwrap();
    assert!(refusal.cause.unwrap().contains("verification-hosts"), "a foreign host is named");
    assert!(stage.grants("device_code").is_empty(), "and not polled for");
    stage.profile(|profile| profile.verification_hosts = vec!["acme.co".to_owned()]);
    let seen = stage.device("alice").await.unwrap();
    let code = &seen.codes[0];
    assert_eq!((code.verification_uri.as_str(), &code.verification_uri_complete), (short, &None));
    assert_eq!(code.user_code.len(), 9, "the code is always shown");
    stage.lives_on().await;
}

#[tokio::test]
async fn the_older_spelling_verification_url_is_read() {
    let stage = Stage::with(Family::PingAm, |quirks| quirks.legacy_field = true);
    let seen = stage.device("alice").await.unwrap();
    assert_eq!(seen.codes[0].verification_uri, stage.sandbox.url(Endpoint::DevicePage));
    stage.lives_on().await;
}

#[tokio::test]
async fn without_an_id_token_the_person_is_known_by_userinfo_then_by_claims_then_unknown() {
    let silent = || Fault::at(Endpoint::Userinfo, Kind::ProxyForbidden);
    let table = [
        (AccessFormat::Jwt, false, Some(IdentitySource::Userinfo)),
        (AccessFormat::Reference, false, Some(IdentitySource::Userinfo)),
        (AccessFormat::Jwt, true, Some(IdentitySource::AccessTokenClaims)),
        (AccessFormat::Reference, true, None),
    ];
    for (format, userinfo_is_silent, source) in table {
        let stage = Stage::with(Family::PingFederate, |quirks| quirks.at_format = format);
        if userinfo_is_silent {
            stage.sandbox.fault(silent());
        }
        stage.device("alice").await.unwrap();
        let who = stage.stored().unwrap().identity;
        assert_eq!(who.as_ref().map(|who| who.source), source);
        assert!(who.is_none_or(|who| who.subject.sub == "alice"));
        assert_eq!(stage.at_endpoint(Endpoint::Userinfo).len(), 1, "asked once");
        stage.lives_on().await;
    }
}
