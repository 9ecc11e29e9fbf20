//! Fact: with tokens of five seconds and rotation on, whoever asks is served without a gap over
//! more than three lifetimes, and no refresh token reaches the provider twice.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::idp::{Family, Setting, assert_none_twice};
use crate::scene::Scene;
use crate::wait::within;

/// Seconds a token lives.
const LIFE: u32 = 5;
const HALF_A_LIFE: u64 = LIFE as u64 * 500;
/// What a token has left when it is handed out: a quarter of its life, of which an `exp` of whole seconds may
/// take some. Who is later than that with it, on a busy machine, is told 401 by right.
const LEFT: Duration = Duration::from_secs(1);

fn tokens_stay_fresh_over_three_lifetimes(family: Family) {
    let scene = Scene::signed_in(Setting { access: LIFE, ..Setting::of(family) });
    let mut tokens = BTreeSet::new();
    let done = within(Duration::from_secs(40), || {
        let asked = Instant::now();
        let token = scene.token();
        let status = scene.idp.call_api(&token);
        let in_time = asked.elapsed() < LEFT;
        assert!(status == 200 || !in_time, "{:#?}", scene.idp.api_log().last());
        tokens.insert(token);
        std::thread::park_timeout(Duration::from_millis(20));
        (tokens.len() >= 5).then_some(())
    });
    assert!(done.is_some(), "{} tokens only", tokens.len());

    let refreshes = scene.idp.refreshes();
    assert!(refreshes.iter().all(|call| call["status"] == 200), "{refreshes:#?}");
    assert_none_twice(&refreshes);
    assert_none_before_half_its_life(&scene.idp.calls("endpoint=token&status=200"));
    println!("{family}: {} calls, {} tokens", scene.idp.api_log().len(), tokens.len());
    scene.close();
}

/// However late a busy machine asks, and though an `exp` of whole seconds takes up to one off a
/// token's life: none has a successor in the first half of it.
fn assert_none_before_half_its_life(issued: &[Value]) {
    for pair in issued.windows(2) {
        let age = pair[1]["at"].as_u64().unwrap() - pair[0]["at"].as_u64().unwrap();
        assert!(age >= HALF_A_LIFE, "refreshed after {age} ms: {issued:#?}");
    }
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
