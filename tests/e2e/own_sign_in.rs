//! Fact: a connection with a sign-in of its own says by itself how to sign in, gets a token with its own
//! scopes, and leaves the profile's session as it was, at sign-in and at the end of either.

use serde_json::json;

use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;

const MORE: &str = "\n[connection.reports]\nconn-type = \"http\"\nhost = \"https://reports.example\"\n\
    obtain = \"sign-in\"\nscopes = [\"openid\", \"reports:read\"]\n";

#[test]
fn a_connection_of_its_own_is_signed_in_by_its_own_command() {
    let scene = Scene::configured(Setting { access: 5, ..Setting::of(Family::PingFederate) }, MORE);
    let refused = scene.world.token(&["--connection", "reports"]).unwrap_err();
    assert!(refused.stderr.contains("connection `reports` is not signed in"), "{}", refused.stderr);
    let hint = "dagpass login --connection reports";
    assert!(refused.stderr.contains(&format!("hint: run `{hint}`")), "{}", refused.stderr);

    scene.sign_in_by(hint);
    let reply = scene.ask(&json!({ "connection": "reports" })).json();
    scene.world.secret("access token", reply["access_token"].as_str().unwrap());
    assert_eq!(reply["scope"], "openid reports:read", "the whole grant of its own sign-in");
    let other = scene.world.token(&[]).unwrap_err();
    assert!(other.stderr.contains("profile `prod` is not signed in"), "{}", other.stderr);

    scene.sign_in();
    let profile = scene.token();
    assert_ne!(reply["access_token"], json!(profile));
    scene.idp.revoke_families();
    let ended =
        until("the end of its session", || scene.world.token(&["--connection", "reports"]).err());
    assert!(ended.stderr.contains("connection `reports` needs you to sign in again"), "{ended:?}");
    assert!(ended.stderr.contains(&format!("hint: run `{hint}`")), "{ended:?}");
    scene.close();
}
