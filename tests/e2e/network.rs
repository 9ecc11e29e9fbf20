//! Fact: a network that fails, lies or asks for patience never ends a session: the answer is
//! `offline` (exit 6), the refresh token stays, and the next try is served.

use serde_json::{Value, json};

use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;

fn the_session_survives(fault: &Value) {
    let scene = Scene::signed_in(Setting { access: 4, ..Setting::of(Family::PingOne) });
    let token = scene.token();
    let mut fault = fault.clone();
    fault["endpoint"] = json!("token");
    fault["grant"] = json!("refresh_token");
    fault["times"] = json!(1);
    scene.idp.fault(&fault);
    scene.wait_until_expired(&token);

    match scene.world.token(&[]) {
        // It asked once more by itself, which is as good.
        Ok(token) => assert_eq!(scene.idp.call_api(&token), 200),
        Err(refused) => {
            let refused = refused.expect(6);
            assert!(!refused.stderr.contains("dagpass login"), "{}", refused.stderr);
        }
    }
    let token = until("a token after the fault", || scene.world.token(&[]).ok());
    assert_eq!(scene.idp.call_api(&token), 200, "{fault}");
    assert!(scene.idp.calls("error=invalid_grant").is_empty());
    scene.close();
}

#[test]
fn a_captive_portal_does_not_end_it() {
    the_session_survives(&json!({ "kind": "portal" }));
}

#[test]
fn a_503_with_retry_after_does_not_end_it() {
    let headers = json!({ "retry-after": "1" });
    the_session_survives(&json!({ "kind": "status", "status": 503, "headers": headers }));
}

#[test]
fn a_proxys_403_does_not_end_it() {
    let headers = json!({ "content-type": "text/html" });
    let body = "<h1>Blocked by policy</h1>";
    the_session_survives(
        &json!({ "kind": "status", "status": 403, "headers": headers, "body": body }),
    );
}

#[test]
fn a_reset_before_the_provider_acted_does_not_end_it() {
    the_session_survives(&json!({ "kind": "reset-before" }));
}

#[test]
fn a_provider_that_is_away_is_exit_6_and_opens_nothing() {
    let scene = Scene::signed_in(Setting { access: 4, ..Setting::of(Family::PingOne) });
    scene.token();
    scene.idp.give_secrets(&scene.world);
    let Scene { world, idp } = scene;
    drop(idp);
    let refused = until("the token's end", || world.token(&[]).err()).expect(6);
    assert!(!refused.stderr.contains("dagpass login"), "{}", refused.stderr);
    let status: Value =
        serde_json::from_str(&world.cli(&["status", "--json"]).expect(0).stdout).unwrap();
    assert_eq!(status["profiles"][0]["state"], "offline", "{status:#}");
    world.close();
}
