//! Fact: `logout` revokes the current refresh token once, at the family's own endpoint, forgets
//! it, and never touches Ping's own session.

use serde_json::{Value, json};

use crate::http;
use crate::idp::{Family, Setting};
use crate::scene::Scene;

fn logout_revokes_the_current_token_once(family: Family) {
    let scene = Scene::signed_in(Setting::of(family));
    scene.refreshed();
    let current = scene.idp.refreshes().last().unwrap()["issued"].clone();

    scene.world.cli(&["logout"]).expect(0);
    let revoked = scene.idp.calls("endpoint=revocation");
    assert_eq!(revoked.len(), 1, "{revoked:#?}");
    assert_eq!((&revoked[0]["presented"], &revoked[0]["status"]), (&current, &json!(200)));
    scene.world.token(&[]).expect_err("signed out").expect(3);

    scene.world.cli(&["logout"]);
    assert_eq!(scene.idp.calls("endpoint=revocation").len(), 1, "revoked again");
    assert!(scene.idp.calls("endpoint=end_session").is_empty());
    scene.world.restart_agent();
    scene.world.token(&[]).expect_err("nothing is stored").expect(3);
    scene.close();
}

#[test]
fn on_pingone() {
    logout_revokes_the_current_token_once(Family::PingOne);
}

#[test]
fn on_pingfederate() {
    logout_revokes_the_current_token_once(Family::PingFederate);
}

#[test]
fn on_pingam() {
    logout_revokes_the_current_token_once(Family::PingAm);
}

/// PingAM ends no session without the hint; the ID token that it is stands in no address of ours.
#[test]
fn with_sso_a_local_browser_is_sent_to_ping_with_the_hint_once() {
    let scene = Scene::signed_in(Setting::of(Family::PingAm));
    let said = scene.world.cli(&["logout", "--sso", "--json"]).expect(0);
    let reply: Value = serde_json::from_str(&said.stdout).unwrap();
    let address = reply["profiles"][0]["end_session_url"].as_str().unwrap();
    assert!(address.starts_with("http://127.0.0.1:"), "{address}");
    let ended = http::request(address, "GET", "").unwrap();
    assert_eq!(ended.status, 303);
    assert!(http::request(address, "GET", "").map_or(0, |again| again.status) != 303, "once");
    scene.close();
}
