//! Fact: an agent killed as a refresh is answered, under a grace period or with a locked keychain leaves
//! a session that works, or one that says why it does not. Each step by itself is `kill_matrix`'s.

use std::time::Duration;

use serde_json::json;

use crate::http;
use crate::idp::{Family, Setting, assert_none_twice};
use crate::scene::Scene;
use crate::wait::until;
use crate::world::Ended;

const REFRESH: &str = "endpoint=token&grant=refresh_token";
const DONE: &str = "endpoint=token&grant=refresh_token&state=done";

/// Signed in, and the next refresh meets `kind`.
fn at_a_refresh_that_meets(kind: &str, rotation: &str) -> Scene {
    let scene = Scene::signed_in(Setting { rotation, ..Setting::of(Family::PingOne) });
    scene.idp.fault(&json!({ "endpoint": "token", "grant": "refresh_token", "kind": kind }));
    scene
}

/// Asks for a refresh and kills the agent once `arrived` returns.
fn kill_during_a_refresh(scene: &Scene, arrived: impl FnOnce()) {
    let ask = scene.rejecting().to_string();
    let socket = scene.world.socket();
    std::thread::scope(|scope| {
        let asking = scope.spawn(move || http::on_socket(&socket, "POST", "/v1/token", &ask));
        arrived();
        scene.world.kill_agent();
        // Whether it still had an answer is not what is asked here.
        let _answered = asking.join().unwrap();
    });
}

/// While the provider holds the refresh.
fn kill_while_held(scene: &Scene) {
    kill_during_a_refresh(scene, || {
        scene.idp.wait(1, &format!("{REFRESH}&state=held"));
    });
    scene.idp.wait(1, DONE);
}

fn says_lost_in_rotation(refused: Ended) {
    let refused = refused.expect(3);
    assert!(refused.stderr.contains("lost in rotation"), "{}", refused.stderr);
    assert!(refused.stderr.contains("hint: run `dagpass login"), "{}", refused.stderr);
}

#[test]
fn after_the_provider_rotated_with_grace_it_works_after_a_restart() {
    let scene = at_a_refresh_that_meets("hold-after", "grace");
    kill_while_held(&scene);
    scene.world.start_agent();
    let token = scene.world.token(&[]).expect("the old token is still taken");
    assert_eq!(scene.idp.call_api(&token), 200);
    scene.close();
}

#[test]
fn as_the_answer_arrives_it_works_or_says_why() {
    let scene = Scene::signed_in(Setting::of(Family::PingFederate));
    let (mut worked, mut lost) = (0, 0);
    // Milliseconds from the answer to the kill: through reading, checking, saving, publishing.
    for delay in [0, 1, 2, 4, 8, 16, 32, 64] {
        let before = scene.idp.calls(DONE).len();
        kill_during_a_refresh(&scene, || {
            scene.idp.wait(before + 1, DONE);
            std::thread::park_timeout(Duration::from_millis(delay));
        });
        scene.world.start_agent();
        match scene.world.token(&[]) {
            Ok(token) => {
                worked += 1;
                assert_eq!(scene.idp.call_api(&token), 200, "after {delay} ms");
            }
            Err(refused) => {
                lost += 1;
                says_lost_in_rotation(refused);
                scene.sign_in();
            }
        }
    }
    println!("killed as the answer arrived: {worked} worked, {lost} said why");
    scene.close();
}

#[test]
fn with_a_locked_keychain_the_rotated_token_is_not_lost() {
    let mut scene = Scene::signed_in(Setting::of(Family::PingOne));
    scene.world.bus().lock();
    let token = scene.refreshed();
    assert_eq!(scene.idp.call_api(&token), 200, "a locked keychain stops nobody");
    let state = || {
        let reply = scene.world.api("GET", "/v1/status", &serde_json::Value::Null);
        (reply.json()["profiles"][0]["state"] == "degraded").then_some(())
    };
    until("the state `degraded`", state);
    scene.world.kill_agent();
    scene.world.bus().stop_keyring();
    scene.world.bus().start_keyring();
    scene.world.start_agent();
    let token = scene.world.token(&[]).expect("the rotated token was kept");
    assert_eq!(scene.idp.call_api(&token), 200);
    assert_none_twice(&scene.idp.refreshes());
    scene.close();
}
