//! Fact: a sign-out while Ping cannot be reached leaves the token to be revoked in the keychain alone,
//! says so, and revokes it once when Ping is back, also after a restart of the agent.

use std::fs;

use crate::idp::{Family, Idp, Setting};
use crate::scene::Scene;
use crate::wait::until;

#[test]
fn the_token_is_revoked_once_when_ping_is_back() {
    let setting = Setting::of(Family::PingFederate);
    let mut scene = Scene::signed_in(setting);
    scene.refreshed();
    let current = scene.idp.refreshes().last().unwrap()["issued"].as_str().unwrap().to_owned();
    scene.idp.give_secrets(&scene.world);
    let port = scene.idp.stop();

    let said = scene.world.cli(&["logout"]).expect(0);
    assert!(said.stderr.contains("revocation pending"), "{}", said.stderr);
    scene.world.token(&[]).expect_err("signed out").expect(3);
    let status = scene.world.cli(&["status"]).expect(0);
    assert!(status.stdout.contains("prod: revocation pending"), "{}", status.stdout);
    let note = fs::read_to_string(scene.world.state().join("to-revoke.json")).unwrap();
    assert!(note.contains("\"profile\":\"prod\""), "{note}");

    scene.world.kill_agent();
    scene.world.start_agent();
    scene.idp = Idp::start(Setting { port, ..setting });
    let revoked =
        until("the revocation", || scene.idp.calls("endpoint=revocation").first().cloned());
    assert_eq!(revoked["presented"], current.as_str());
    until("nothing is owed any more", || {
        let status = scene.world.cli(&["status"]).expect(0);
        (!status.stdout.contains("revocation pending")).then_some(())
    });
    let note = fs::read_to_string(scene.world.state().join("to-revoke.json")).unwrap();
    assert_eq!(note, "[]");
    let ledger = fs::read_to_string(scene.world.state().join("ledger.jsonl")).unwrap();
    assert!(ledger.contains("\"revocation\""), "{ledger}");
    scene.world.restart_agent();
    scene.world.cli(&["status"]).expect(0);
    assert_eq!(scene.idp.calls("endpoint=revocation").len(), 1, "once");
    scene.world.close();
}
