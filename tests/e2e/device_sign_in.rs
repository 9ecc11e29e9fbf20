//! Fact: a device sign-in at an independent provider, with the paths and habits of each family,
//! gives a token that a protected API takes, and survives a restart of the agent.

use serde_json::Value;

use crate::idp::{Family, Setting};
use crate::scene::Scene;

fn a_device_sign_in_gives_a_token_that_outlives_the_agent(family: Family) {
    let scene = Scene::new(Setting::of(family));
    scene.sign_in();
    let token = scene.world.token(&[]).expect("signed in");
    assert_eq!(scene.idp.call_api(&token), 200);
    assert_eq!(scene.world.token(&["prod"]).expect("signed in"), token, "the same bytes again");

    let status: Value =
        serde_json::from_str(&scene.world.cli(&["status", "--json"]).expect(0).stdout).unwrap();
    let profile = &status["profiles"][0];
    assert_eq!(profile["state"], "signed_in", "{status:#}");
    assert_eq!(profile["who"]["sub"], "alice", "{status:#}");
    let whoami = scene.world.cli(&["whoami"]).expect(0).stdout;
    assert!(whoami.contains("alice"), "{whoami}");
    if family != Family::PingOne {
        assert_eq!(profile["who"]["groups"][0], "Data Engineers", "{status:#}");
    }

    assert!(scene.idp.refreshes().is_empty());
    scene.world.restart_agent();
    let after = scene.world.token(&[]).expect("the session was stored");
    assert_eq!(scene.idp.call_api(&after), 200);
    assert_eq!(scene.idp.refreshes().len(), 1);
    scene.close();
}

#[test]
fn on_pingone() {
    a_device_sign_in_gives_a_token_that_outlives_the_agent(Family::PingOne);
}

#[test]
fn on_pingfederate() {
    a_device_sign_in_gives_a_token_that_outlives_the_agent(Family::PingFederate);
}

#[test]
fn on_pingam() {
    a_device_sign_in_gives_a_token_that_outlives_the_agent(Family::PingAm);
}
