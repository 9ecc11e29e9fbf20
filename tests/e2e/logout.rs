//! Fact: `logout` revokes the current refresh token once, at the family's own endpoint, forgets
//! it, and never touches Ping's own session.

use serde_json::json;

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
