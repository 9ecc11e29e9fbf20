//! Fact: `login --fresh` proves anew who it is at an independent provider: left to itself by browser, also
//! where none opens, and by code where the provider tells it, be it by the first refresh.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::idp::{Family, Setting};
use crate::pasted_callback::printed_url_by;
use crate::scene::Scene;
use crate::wait::until;

/// When the person last proved who they are, by the provider's word.
fn proven(scene: &Scene) -> i64 {
    let status = scene.world.cli(&["status", "--json"]).expect(0).stdout;
    let status: Value = serde_json::from_str(&status).unwrap();
    let who = &status["profiles"][0]["who"];
    who["auth_time"].as_i64().unwrap_or_else(|| panic!("{status:#}"))
}

fn epoch() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

fn a_new_proof(family: Family) {
    let scene = Scene::signed_in(Setting::of(family));
    scene.sign_in_by("dagpass login --fresh");
    let asked = scene.idp.calls("endpoint=device_authorization").pop().unwrap();
    assert_eq!(asked["prompt"], "login", "{asked:#}");
    assert_eq!(asked["max_age"], "1", "{asked:#}");
    let by_code = proven(&scene);

    let next = || (epoch() > by_code).then_some(());
    until("another second: `auth_time` has no finer grain", next);
    let line = "dagpass login --fresh --no-open";
    let (mut login, url) = printed_url_by(&scene.world, &scene.idp.issuer, line);
    assert!(url.contains("prompt=login") && url.contains("max_age=0"), "{url}");
    writeln!(login.stdin(), "{}", scene.idp.authorize(&url)).unwrap();
    scene.world.keep("dagpass login --fresh", login.ended().expect(0));
    assert!(proven(&scene) > by_code);
    assert_eq!(scene.idp.call_api(&scene.token()), 200);
    scene.close();
}

#[test]
fn at_pingone() {
    a_new_proof(Family::PingOne);
}

/// It gives a device no ID token.
#[test]
fn at_pingfederate() {
    a_new_proof(Family::PingFederate);
}
