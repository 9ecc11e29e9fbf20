//! Fact: a connection with a sign-in of its own says by itself how to sign in, gets a token with its own
//! scopes, and leaves the profile's session as it was, at sign-in and at the end of either.

use serde_json::json;

use crate::idp::{Family, Setting};
use crate::pasted_callback::{finish, printed_url_by};
use crate::scene::Scene;
use crate::wait::until;
use crate::world::World;

const MORE: &str = "\n[connection.reports]\nconn-type = \"http\"\nhost = \"https://reports.example\"\n\
    obtain = \"sign-in\"\nscopes = [\"openid\", \"reports:read\"]\n";

#[test]
fn a_connection_of_its_own_is_signed_in_by_its_own_command() {
    let scene = Scene::configured(Setting { access: 5, ..Setting::of(Family::PingFederate) }, MORE);
    let refused = scene.world.token(&["--connection", "reports"]).unwrap_err();
    assert!(refused.stderr.contains("connection `reports` is not signed in"), "{}", refused.stderr);
    let hint = "dagpass login prod/reports";
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

/// Its one name is what `status` tells; a profile at another issuer is the default one.
#[test]
fn its_name_is_taken_wherever_a_profile_s_is() {
    let scene = Scene::in_world(World::new(), Setting::of(Family::PingOne), MORE);
    let other = "[profile.other]\nissuer = \"http://127.0.0.1:9/other\"\nclient-id = \"c\"\n";
    let own = MORE.replace("[connection.reports]", "[connection.reports]\nprofile = \"prod\"");
    let config = scene.idp.config(&format!("{own}\n{other}"));
    let default = |name: &str| format!("default-profile = \"{name}\"");
    scene.world.configure(&config.replace(&default("prod"), &default("other")));
    scene.world.start_agent();
    let own = || {
        let status = scene.world.api("GET", "/v1/status", &json!({})).json();
        let all = status["profiles"].as_array().unwrap().clone();
        all.into_iter().find(|one| one["connection"] == "reports").unwrap()
    };
    let name = own()["name"].clone();
    assert_eq!(own()["login"], "dagpass login prod/reports");

    for words in ["--connection reports", "prod/reports"] {
        let line = format!("dagpass login {words} --browser --no-open");
        let (login, url) = printed_url_by(&scene.world, &scene.idp.issuer, &line);
        finish(&scene.world, login, &scene.idp.authorize(&url));
        assert_eq!(own()["state"], "signed_in", "{line}");
        let tried = scene.world.api("POST", "/v1/try", &json!({ "profile": name })).json();
        assert_eq!(tried["ok"], true, "{tried}");
        let scopes = tried["scopes"].as_array().unwrap();
        assert!(scopes.contains(&json!("reports:read")), "{tried}");
        let asked = scene.ask(&json!({ "profile": name })).json();
        scene.world.secret("access token", asked["access_token"].as_str().unwrap());
        assert_eq!(
            asked["access_token"],
            scene.ask(&json!({ "connection": "reports" })).json()["access_token"]
        );
        let told = scene.world.cli(&["whoami", "prod/reports"]).expect(0);
        assert!(told.stdout.contains("prod/reports"), "{told:?}");
        let out = scene.world.cli(&["logout", "prod/reports"]).expect(0);
        assert!(out.stderr.contains("prod/reports: signed out"), "{out:?}");
        assert_eq!(own()["state"], "signed_out");
    }
    scene.close();
}
