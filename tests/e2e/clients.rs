//! Fact: a client that has to prove itself does so at every endpoint of a provider that refuses it otherwise:
//! by a secret in the header, in the form, or by a key that was made here. What is missing is said before anybody
//! signs in, and what proves it is in no output, log, argument or config.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::idp::{Family, Idp, Setting};
use crate::scene::Scene;
use crate::world::{Ended, Process, World};

/// With what a form would spell otherwise.
const SECRET: &str = "client-canary 7%+&=:/9921";

fn keep(world: &World, secret: &str) -> Ended {
    let mut command = world.command(env!("CARGO_BIN_EXE_dagpass"));
    command.args(["secret", "set", "prod"]).stdin(Stdio::piped());
    let mut set = Process::spawn("dagpass secret set", &mut command);
    let mut stdin = set.stdin();
    writeln!(stdin, "{secret}").unwrap();
    drop(stdin);
    let ended = set.ended();
    world.keep_text("stdout of dagpass secret set", &ended.stdout);
    world.keep_text("stderr of dagpass secret set", &ended.stderr);
    ended
}

fn listed(world: &World) -> Value {
    let said = world.cli(&["secret", "list", "--json"]).expect(0).stdout;
    let list: Value = serde_json::from_str(&said).unwrap();
    list["clients"][0].clone()
}

/// From the sign-in to the revocation, each of which the provider takes from this client alone.
fn lives_a_day(scene: &Scene) {
    scene.sign_in();
    let token = scene.token();
    assert_eq!(scene.idp.call_api(&token), 200);
    let again = scene.refreshed();
    assert_eq!(scene.idp.call_api(&again), 200);
    let out = scene.world.cli(&["logout"]).expect(0);
    assert!(out.stderr.contains("revoked"), "{}", out.stderr);
    let revoked = scene.idp.wait(1, "endpoint=revocation");
    assert_eq!(revoked[0]["status"], 200, "{revoked:?}");
    for endpoint in ["token", "device_authorization", "revocation"] {
        for call in scene.idp.calls(&format!("endpoint={endpoint}")) {
            let pending = call["error"] == "authorization_pending";
            assert!(call["error"].is_null() || pending, "{call:#}");
        }
    }
}

fn by_a_secret(family: Family, method: &str, word: &str) {
    let client = json!({ "token_endpoint_auth_method": method, "client_secret": SECRET });
    let setting = Setting { client: Some(&client), par: true, ..Setting::of(family) };
    let scene = Scene::configured(setting, &format!("client-auth = \"{word}\""));
    let refused = scene.world.cli(&["login", "--device"]).expect(1);
    assert!(refused.stderr.contains("`dagpass secret set prod`"), "{}", refused.stderr);
    assert!(scene.idp.calls("endpoint=device_authorization").is_empty());
    assert_eq!(listed(&scene.world)["since"], Value::Null);

    scene.world.secret("another client's secret", "not-the-client-secret");
    keep(&scene.world, "not-the-client-secret").expect(0);
    let refused = scene.world.cli(&["login", "--device"]).expect(1);
    assert!(refused.stderr.contains("invalid_client"), "{}", refused.stderr);

    keep(&scene.world, SECRET).expect(0);
    scene.world.restart_agent();
    let all = scene.idp.calls("").len();
    assert!(all > 0);
    let shown = listed(&scene.world);
    assert!(shown["since"].is_i64() && shown["client_auth"] == word, "{shown:#}");
    let said = scene.world.cli(&["secret", "forget", "prod"]).expect(0);
    assert!(said.stderr.contains("at the issuer"), "{}", said.stderr);
    assert!(
        scene.world.cli(&["login", "--device"]).expect(1).stderr.contains("dagpass secret set")
    );
    keep(&scene.world, SECRET).expect(0);
    let ledger = std::fs::read_to_string(scene.world.state().join("ledger.jsonl")).unwrap();
    for done in ["secret kept", "forgotten"] {
        let line = ledger
            .lines()
            .find(|line| line.contains("\"client-credential\"") && line.contains(done));
        assert!(line.is_some_and(|line| line.contains("\"prod\"")), "{done}: {ledger}");
    }
    scene.close();
}

#[test]
fn a_secret_goes_in_the_header_and_is_asked_for_before_anybody_signs_in() {
    by_a_secret(Family::PingOne, "client_secret_basic", "secret-basic");
}

#[test]
fn each_way_to_prove_a_client_lives_a_day_at_a_provider_that_takes_no_other() {
    for (family, method, word) in [
        (Family::PingFederate, "client_secret_basic", "secret-basic"),
        (Family::PingAm, "client_secret_post", "secret-post"),
    ] {
        let client = json!({ "token_endpoint_auth_method": method, "client_secret": SECRET });
        let setting = Setting { client: Some(&client), ..Setting::of(family) };
        let scene = Scene::configured(setting, &format!("client-auth = \"{word}\""));
        keep(&scene.world, SECRET).expect(0);
        lives_a_day(&scene);
        scene.close();
    }
}

#[test]
fn a_key_is_made_here_shown_for_the_issuer_and_proves_the_client_from_then_on() {
    let mut scene =
        Scene::configured(Setting::of(Family::PingOne), "client-auth = \"private-key-jwt\"");
    let jwks = scene.world.cli(&["identity", "show", "prod"]).expect(0).stdout;
    let again = scene.world.cli(&["identity", "show", "prod"]).expect(0).stdout;
    assert_eq!(jwks, again, "it is made once");
    let jwks: Value = serde_json::from_str(&jwks).unwrap();
    assert!(jwks["keys"][0]["kid"].is_string() && jwks["keys"][0].get("d").is_none(), "{jwks:#}");

    // The administrator pastes it.
    let client = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks });
    let port = scene.idp.stop();
    scene.idp = Idp::start(Setting { client: Some(&client), port, ..Setting::of(Family::PingOne) });
    lives_a_day(&scene);

    scene.world.cli(&["identity", "renew", "prod", "--yes"]).expect(0);
    let refused = scene.world.cli(&["login", "--device"]).expect(1);
    assert!(refused.stderr.contains("invalid_client"), "{}", refused.stderr);
    scene.close();
}
