//! Fact: which Airflow roles a group gives is told without anybody signed in, and a person's own by the
//! groups that an independent provider sent; a file that is wrong is named by line; and whether a server
//! maps the same is said only after a comparison.

use std::fs;

use serde_json::{Value, json};

use crate::deployment::Deployment;
use crate::idp::{Family, Setting};
use crate::scene::{Scene, fingerprint};

const ROLES: &str = r#"{"version": 1, "claim": "groups",
 "roles": {"Data Engineers": ["Op"], "Ops": ["Op"]}}
"#;

fn scene() -> Scene {
    let deployment = "\n[airflow.prod]\nurl = \"https://airflow.corp.example\"\n\
                      roles-file = \"airflow-roles.json\"\n";
    let scene = Scene::configured(Setting::of(Family::PingFederate), deployment);
    fs::write(scene.world.root().join("airflow-roles.json"), ROLES).unwrap();
    scene
}

fn roles(scene: &Scene, args: &[&str]) -> Value {
    let line = [&["airflow", "roles", "--json"], args].concat();
    let reply: Value = serde_json::from_str(&scene.world.cli(&line).expect(0).stdout).unwrap();
    reply["person"].clone()
}

#[test]
fn given_groups_need_no_sign_in_and_a_person_s_own_come_from_the_provider() {
    let scene = scene();
    let given = roles(&scene, &["prod", "--group", "Ops", "--group", "everyone"]);
    assert_eq!(given["roles"], json!({"Op": ["Ops"]}), "{given:#}");
    assert_eq!((&given["unmapped"], &given["source"]), (&json!(["everyone"]), &json!("given")));
    let refused = roles(&scene, &["--group", "everyone"]);
    assert_eq!(refused["refused"], true, "{refused:#}");

    let nobody = scene.world.cli(&["airflow", "roles"]).expect(3);
    assert!(nobody.stderr.contains("--group"), "{}", nobody.stderr);
    assert!(scene.idp.calls("endpoint=token").is_empty(), "nobody was asked");

    scene.sign_in();
    let own = roles(&scene, &[]);
    assert_eq!(own["who"], "alice of the rig", "{own:#}");
    assert_eq!(own["roles"]["Op"], json!(["Data Engineers"]), "{own:#}");
    assert!(own["signed_in_at"].is_i64(), "{own:#}");
    assert!(scene.idp.refreshes().is_empty());
    let said = scene.world.cli(&["airflow", "roles"]).expect(0).stdout;
    assert!(said.contains("because of Data Engineers"), "{said}");
    scene.close();
}

#[test]
fn a_file_that_is_wrong_is_named_by_line_and_keeps_no_token_back() {
    let scene = scene();
    scene.sign_in();
    let file = scene.world.root().join("airflow-roles.json");
    fs::write(&file, "{\"version\": 1,\n \"claim\" \"groups\"}").unwrap();
    let place = format!("{}:2:10", file.display());
    let failed = scene.world.cli(&["airflow", "roles"]).expect(2);
    assert!(failed.stderr.contains(&place), "{}", failed.stderr);
    let checked = scene.world.cli(&["config", "check"]).expect(1);
    assert!(checked.stdout.contains(&place), "{}", checked.stdout);
    let none = scene.world.cli(&["airflow", "roles", "other"]).expect(1);
    assert!(none.stderr.contains("there are `prod`"), "{}", none.stderr);
    scene.token();
    scene.close();
}

/// As the provider's server tells it: its own digest of its own mapping.
fn mapping(roles: &Value) -> Value {
    let mut file = json!({ "claim": "groups", "roles": roles, "version": 1 });
    // The digest is of sorted keys, whatever order an object keeps here.
    file.sort_all_objects();
    let digest = fingerprint(&file.to_string());
    json!({
        "version": 1, "claim": "groups", "roles": roles, "digest": digest,
        "you": { "username": "alice", "roles": ["Op"] },
    })
}

fn doctor(scene: &Scene) -> Vec<String> {
    let said = scene.world.cli(&["doctor", "--json"]).stdout;
    let findings: Vec<Value> = serde_json::from_str(&said).unwrap();
    let ours = findings.iter().filter(|one| {
        one["check"] == "airflow" && one["detail"].as_str().unwrap().starts_with("`prod`")
    });
    ours.map(|one| format!("{} {}", one["verdict"].as_str().unwrap(), one["detail"])).collect()
}

#[test]
fn drift_is_told_by_group_and_in_sync_only_after_a_comparison() {
    let deployment = Deployment::start(600);
    let config = format!("{}roles-file = \"airflow-roles.json\"\n", deployment.config());
    let scene = Scene::configured(Setting::of(Family::PingOne), &config);
    fs::write(scene.world.root().join("airflow-roles.json"), ROLES).unwrap();
    let check = |code: i32| scene.world.cli(&["airflow", "roles", "--check"]).expect(code);

    check(3);
    let unasked = doctor(&scene);
    assert!(unasked[0].starts_with("ok") && unasked[0].contains("jwt-bearer"), "{unasked:?}");
    assert!(unasked[1].starts_with("skipped"), "{unasked:?}");
    assert_eq!(
        deployment.assertions().len(),
        0,
        "doctor asks for no token on behalf of somebody who is away"
    );

    scene.sign_in();
    let untold = check(1);
    assert!(untold.stderr.contains("cannot tell"), "{}", untold.stderr);
    assert!(untold.stderr.contains("dagpass airflow wheel"), "{}", untold.stderr);
    assert!(!untold.stdout.contains("sync"), "{}", untold.stdout);
    assert!(doctor(&scene)[1].starts_with("warning"), "{:?}", doctor(&scene));

    deployment.maps(mapping(&json!({ "Ops": ["Op"], "Data Engineers": ["Op"] })));
    let same = check(0).stdout;
    assert!(same.contains("in sync with the server"), "{same}");
    assert!(doctor(&scene)[1].starts_with("ok"), "{:?}", doctor(&scene));

    deployment.maps(mapping(&json!({ "Data Engineers": ["Op", "User"], "root": ["Admin"] })));
    let drift = check(1);
    for line in ["only here: Ops -> Op", "only there: root -> Admin", "here Op, there Op, User"] {
        assert!(drift.stdout.contains(line), "{line}: {}", drift.stdout);
    }
    assert!(doctor(&scene)[1].starts_with("warning"), "{:?}", doctor(&scene));
    assert_eq!(deployment.assertions().len(), 1, "all of it with one JWT");

    let mut forged = mapping(&json!({ "Ops": ["Op"], "Data Engineers": ["Op"] }));
    forged["digest"] = json!("0".repeat(64));
    deployment.maps(forged);
    let nonsense = check(1);
    assert!(nonsense.stderr.contains("digest") && !nonsense.stdout.contains("sync"));

    deployment.stop();
    check(6);
    assert!(doctor(&scene)[0].starts_with("problem"), "{:?}", doctor(&scene));
    deployment.give_secrets(&scene.world);
    scene.close();
}
