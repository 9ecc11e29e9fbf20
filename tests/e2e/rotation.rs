//! Fact: with tokens of five seconds and rotation on, whoever asks is served without a gap over
//! more than three lifetimes, and no refresh token reaches the provider twice.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::idp::{Family, Setting, assert_none_twice};
use crate::scene::Scene;
use crate::wait::within;

fn tokens_stay_fresh_over_three_lifetimes(family: Family) {
    let scene = Scene::signed_in(Setting { access: 5, ..Setting::of(family) });
    let mut tokens = BTreeSet::new();
    let done = within(Duration::from_secs(40), || {
        let token = scene.token();
        assert_eq!(scene.idp.call_api(&token), 200, "{:#?}", scene.idp.api_log().last());
        tokens.insert(token);
        std::thread::park_timeout(Duration::from_millis(20));
        (tokens.len() >= 5).then_some(())
    });
    assert!(done.is_some(), "{} tokens only", tokens.len());

    let api = scene.idp.api_log();
    assert!(api.iter().all(|call| call["status"] == 200));
    let span = api.last().unwrap()["at"].as_u64().unwrap() - api[0]["at"].as_u64().unwrap();
    assert!(span > 3 * 3_500, "five tokens in {span} ms: refreshed in a loop");
    let refreshes = scene.idp.refreshes();
    assert!(refreshes.iter().all(|call| call["status"] == 200), "{refreshes:#?}");
    assert_none_twice(&refreshes);
    println!("{family}: {} calls, {} tokens, {span} ms", api.len(), tokens.len());
    scene.close();
}

#[test]
fn on_pingone() {
    tokens_stay_fresh_over_three_lifetimes(Family::PingOne);
}

#[test]
fn on_pingfederate() {
    tokens_stay_fresh_over_three_lifetimes(Family::PingFederate);
}

#[test]
fn on_pingam() {
    tokens_stay_fresh_over_three_lifetimes(Family::PingAm);
}
