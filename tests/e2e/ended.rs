//! Fact: a session that Ping ended says `login_required` at once, to a caller that is not
//! interactive too, and names the command that helps; nothing opens a browser.

use std::fs;
use std::time::Instant;

use serde_json::json;

use crate::idp::{Family, Setting, notebook};
use crate::scene::Scene;
use crate::wait::until;
use crate::world::World;

fn a_revoked_family_is_login_required_at_once(family: Family) {
    let world = World::new();
    world.set("BROWSER", notebook(&world).to_str().unwrap());
    let scene = Scene::in_world(world, Setting { access: 4, ..Setting::of(family) }, "");
    scene.world.start_agent();
    scene.sign_in();
    scene.world.token(&[]).expect("signed in");
    scene.idp.revoke_families();
    let refused = until("the end of the last token", || scene.world.token(&[]).err());
    refused.expect(3);

    let start = Instant::now();
    let refused = scene.world.token(&[]).expect_err("the family is dead").expect(3);
    println!("{family}: refused after {:?}", start.elapsed());
    assert!(refused.stdout.is_empty());
    assert!(refused.stderr.contains("invalid_grant"), "{}", refused.stderr);
    assert!(refused.stderr.contains("hint: run `dagpass login prod`"), "{}", refused.stderr);

    let reply = scene.ask(&json!({}));
    assert_eq!(reply.json()["error"], "login_required", "{}", reply.body);
    assert_eq!(scene.idp.calls("endpoint=token&error=invalid_grant").len(), 1, "asked once");
    assert!(fs::metadata(scene.world.root().join("tmp/opened")).is_err(), "a browser was opened");
    scene.sign_in();
    scene.world.token(&[]).expect("signed in again");
    scene.close();
}

#[test]
fn on_pingone() {
    a_revoked_family_is_login_required_at_once(Family::PingOne);
}

#[test]
fn on_pingfederate() {
    a_revoked_family_is_login_required_at_once(Family::PingFederate);
}

#[test]
fn on_pingam() {
    a_revoked_family_is_login_required_at_once(Family::PingAm);
}
