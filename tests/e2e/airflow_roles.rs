//! Fact: which Airflow roles a group gives is told without anybody signed in, and a person's own by the
//! groups that an independent provider sent; a file that is wrong is named by line.

use std::fs;

use serde_json::{Value, json};

use crate::idp::{Family, Setting};
use crate::scene::Scene;

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
    let failed = scene.world.cli(&["airflow", "roles"]).expect(1);
    assert!(failed.stderr.contains(&place), "{}", failed.stderr);
    let checked = scene.world.cli(&["config", "check"]).expect(1);
    assert!(checked.stdout.contains(&place), "{}", checked.stdout);
    let none = scene.world.cli(&["airflow", "roles", "other"]).expect(1);
    assert!(none.stderr.contains("there are `prod`"), "{}", none.stderr);
    scene.token();
    scene.close();
}
