//! Fact: a person's own policy is switched off for an hour with a reason on the record, and a run is narrowed by
//! the policy of the repository that it begins in.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use serde_json::Value;

use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;

const DAGPASS: &str = env!("CARGO_BIN_EXE_dagpass");

fn policy(id: &str) -> String {
    format!(
        "@id(\"all\") permit(principal, action, resource);\n\
         @id(\"{id}\") forbid(principal, action in [Action::\"tokens\"], resource);\n"
    )
}

/// The lines that this rule decided.
fn decided(scene: &Scene, rule: &str) -> Vec<Value> {
    let found = scene.world.cli(&["audit", "search", "--rule", rule, "--json"]);
    found.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn a_policy_that_locks_its_own_person_out_is_switched_off_for_an_hour_and_on_again() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    scene.world.token(&[]).unwrap();
    let config = scene.world.api("GET", "/v1/status", &Value::Null).json()["agent"]["config_path"]
        .as_str()
        .unwrap()
        .to_owned();
    let place = Path::new(&config).with_file_name("policy.cedar");
    fs::write(&place, policy("no token")).unwrap();
    let denied = until("the policy", || scene.world.token(&[]).err());
    assert!(denied.stderr.contains("no token"), "{}", denied.stderr);

    // No reason, no way.
    scene.world.cli(&["agent", "break-glass"]).expect(2);
    assert_ne!(scene.world.cli(&["agent", "break-glass", " "]).code(), 0);
    assert!(scene.world.token(&[]).is_err());
    scene.world.cli(&["agent", "break-glass", "the night shift"]).expect(0);
    scene.world.token(&[]).unwrap();
    let status = scene.world.cli(&["status"]).expect(0);
    assert!(status.stdout.contains("switched off until"), "{}", status.stdout);
    assert!(status.stdout.contains("the night shift"), "{}", status.stdout);
    scene.world.cli(&["agent", "break-glass", "--end"]).expect(0);
    assert!(scene.world.token(&[]).is_err());

    let lines = decided(&scene, "no token");
    assert!(lines.iter().all(|line| line["outcome"] == "denied"), "{lines:?}");
    assert!(lines.iter().all(|line| line["policy"].as_str().is_some_and(|it| it.len() == 16)));
    let said = scene.world.cli(&["audit", "search", "--event", "config-change"]).expect(0);
    assert!(said.stdout.contains("the night shift"), "{}", said.stdout);
    fs::remove_file(place).unwrap();
    scene.close();
}

#[test]
fn a_run_is_narrowed_by_the_policy_of_the_repository_that_it_begins_in() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let run = |folder: &Path| {
        let mut command = scene.world.command(DAGPASS);
        command.args(["run", "--", DAGPASS, "token"]).current_dir(folder);
        command.output().unwrap()
    };
    let write = |folder: &Path| {
        fs::create_dir_all(folder.join(".dagpass")).unwrap();
        let file = folder.join(".dagpass/policy.cedar");
        fs::write(&file, policy("not from here")).unwrap();
        for (path, mode) in [(folder.join(".dagpass"), 0o755), (file, 0o644)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    assert!(run(scene.world.root()).status.success());
    let repository = closed_folder();
    write(repository.path());
    let denied = run(repository.path());
    let said = String::from_utf8_lossy(&denied.stderr);
    assert!(!denied.status.success() && said.contains("not from here"), "{said}");
    assert!(scene.world.token(&[]).is_ok(), "outside of the run nothing changed");
    assert!(!decided(&scene, "not from here").is_empty());

    // Where others may write, its policy might be theirs: there is no run.
    let open = scene.world.root().join("tmp/open");
    fs::create_dir_all(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    write(&open);
    let refused = run(&open);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("may write to"), "{said}");
    scene.close();
}

/// Below which nobody else may write, nor above.
fn closed_folder() -> tempfile::TempDir {
    let is_closed = |folder: &Path| {
        folder.ancestors().all(|one| fs::metadata(one).is_ok_and(|found| found.mode() & 0o022 == 0))
    };
    let home = std::env::home_dir();
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let place = home.into_iter().chain([here]).find(|place| is_closed(place)).unwrap();
    tempfile::tempdir_in(place).unwrap()
}
