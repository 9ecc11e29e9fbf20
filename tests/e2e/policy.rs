//! Fact: a policy beside the config is in force within seconds and named on the record; whoever it locks out
//! still sees status, doctor and the policy itself, and is let back in by mending the file. One that does not
//! load opens nothing, across a restart either.

use std::fs;

use serde_json::{Value, json};

use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;

const LAKE: &str = "\n[connection.lake]\nconn-type = \"http\"\nscopes = [\"lake:read\"]\n";
const SHUT: &str = "@id(\"all\")\npermit(principal, action, resource);\n@id(\"nothing\")\nforbid(principal, action, resource);\n";
/// The built-in rules said yes, the policy no.
const DENIED: u16 = 403;
const CHECK_FAILED: i32 = 1;

fn write(scene: &Scene, text: &str) {
    fs::write(scene.world.root().join("policy.cedar"), text).unwrap();
}

fn state(scene: &Scene) -> Value {
    scene.world.api("GET", "/v1/status", &Value::Null).json()["agent"]["policy_state"].clone()
}

fn becomes(scene: &Scene, expected: &str) {
    until(expected, || (state(scene) == expected).then_some(()));
}

#[test]
fn a_person_whom_their_own_policy_locks_out_gets_back_in_by_mending_it() {
    let scene = Scene::configured(Setting::of(Family::PingOne), LAKE);
    let world = &scene.world;
    scene.sign_in();
    scene.token();
    assert_eq!(state(&scene), "none");
    world.cli(&["policy", "show"]).expect(0);

    write(&scene, SHUT);
    becomes(&scene, "in_force");
    let denied = scene.ask(&json!({ "connection": "lake" }));
    assert_eq!(denied.status, DENIED, "{}", denied.body);
    assert_eq!(denied.json()["error"], "access_denied");
    assert!(
        denied.body.contains("the rule `nothing` of policy.cedar forbids it"),
        "{}",
        denied.body
    );
    assert_eq!(world.api("GET", "/v1/activity", &Value::Null).status, DENIED);
    assert_eq!(world.api("GET", "/v1/config", &Value::Null).status, DENIED);
    let ledger = fs::read_to_string(world.state().join("ledger.jsonl")).unwrap();
    let line = ledger.lines().rfind(|line| line.contains("\"lake\"")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (&line["outcome"], &line["rules"]),
        (&json!("denied"), &json!(["nothing"])),
        "{line}"
    );
    assert_eq!(line["policy"].as_str().map(str::len), Some(16), "{line}");
    assert!(ledger.contains(" came into force\""), "its change is on the record");

    // Locked out of all else, and told by what.
    assert!(world.cli(&["status"]).expect(0).stdout.contains("policy"));
    assert!(world.cli(&["doctor"]).stdout.contains("policy       in force"));
    world.cli(&["policy", "check"]).expect(0);
    assert!(world.cli(&["policy", "show"]).expect(0).stdout.contains("@id(\"nothing\")"));
    let why = world.cli(&["policy", "why", "--connection", "lake"]).expect(0).stdout;
    assert!(why.starts_with("deny: the rule `nothing`") && why.contains("rule nothing"), "{why}");
    let seq = line["seq"].to_string();
    let why = world.cli(&["policy", "why", &seq]).expect(0).stdout;
    assert!(why.contains("connection    lake") && !why.contains("note:"), "{why}");
    let dags = world.root().join("dags");
    fs::create_dir(&dags).unwrap();
    fs::write(dags.join("etl.py"), "HttpHook(http_conn_id=\"lake\")\n").unwrap();
    let dags = dags.to_str().unwrap();
    let table = world.cli(&["policy", "simulate", "--dags", dags]).expect(CHECK_FAILED).stdout;
    assert!(table.contains("lake") && table.contains("deny"), "{table}");
    world.cli(&["policy", "simulate", "--dags", dags, "--fail-on", "never"]).expect(0);
    world.cli(&["policy", "lint"]).expect(0);

    // One that does not load opens nothing, now and after a restart.
    write(&scene, "permit(principal, action, resource);\npermit(");
    becomes(&scene, "outdated");
    let wrong = world.cli(&["policy", "check"]).expect(CHECK_FAILED).stdout;
    assert!(wrong.contains("policy.cedar:2:"), "{wrong}");
    assert_eq!(scene.ask(&json!({})).status, DENIED);
    world.restart_agent();
    becomes(&scene, "outdated");
    assert_eq!(scene.ask(&json!({})).status, DENIED);

    write(&scene, "permit(principal, action, resource);\n");
    becomes(&scene, "in_force");
    scene.token();
    assert_eq!(world.api("GET", "/v1/config", &Value::Null).status, 200);
    scene.close();
}
