//! Fact: `purge` signs out at Ping, takes every record out of the keychain, also those of profiles that
//! the config no longer has, puts airflow.cfg back, stops the agent and removes the files; it asks first.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::containers;
use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::world::{Process, World};

const STOCK: &str = include_str!("../cases/compose/docker-compose.yaml");

/// What the keyring still holds of ours.
fn records(world: &World) -> String {
    let mut command = world.command("secret-tool");
    command.args(["search", "--all", "service", "dagpass"]).stdin(Stdio::null());
    let ended = Process::spawn("secret-tool", &mut command).ended();
    // It prints the secrets themselves, so only the names are kept.
    ended.stderr.lines().filter(|line| line.contains("attribute.username")).collect()
}

#[test]
fn nothing_of_ours_is_left() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let world = &scene.world;
    let airflow = world.home().join("airflow");
    fs::create_dir_all(&airflow).unwrap();
    let before = "[core]\nexecutor = LocalExecutor\n";
    fs::write(airflow.join("airflow.cfg"), before).unwrap();
    world.cli(&["airflow", "setup", "--write", "cfg"]).expect(0);
    let project = world.home().join("etl");
    fs::create_dir_all(&project).unwrap();
    fs::write(project.join("docker-compose.yaml"), STOCK).unwrap();
    let dir = project.to_str().unwrap();
    world.cli(&["airflow", "setup", "--for", "compose", "--dir", dir]).expect(0);
    let compose = project.join("docker-compose.override.yml");
    assert!(compose.exists());
    let doors = world.cli(&["--json", "container", "status"]).expect(0).stdout;
    let doors: serde_json::Value = serde_json::from_str(&doors).unwrap();
    let door = Path::new(doors["containers"][0]["folder"].as_str().unwrap());
    containers::capability(world, door);
    // A profile that was renamed leaves a record that nobody asks for any more.
    let renamed = scene.idp.config("").replace("profile.prod", "profile.live");
    world.configure(&renamed.replace("\"prod\"", "\"live\""));
    world.restart_agent();
    scene.sign_in();
    assert!(
        records(world).contains("prod") && records(world).contains("live"),
        "{}",
        records(world)
    );

    let asked = world.cli(&["purge"]).expect(2);
    assert!(asked.stderr.contains("every keychain record"), "{}", asked.stderr);
    assert!(world.state().join("ledger.jsonl").exists(), "nobody agreed");

    let purged = world.cli(&["purge", "--yes"]).expect(0);
    world.forget_agent();
    for listed in
        ["keychain: prod", "keychain: live", "config.toml", "the wiring in", "state/dagpass"]
    {
        assert!(purged.stdout.contains(listed), "{listed} is not listed: {}", purged.stdout);
    }
    assert_eq!(records(world), "");
    assert!(!world.state().exists());
    assert!(!world.root().join("config.toml").exists());
    assert!(!world.socket().exists() && !world.root().join("run/dagpass").exists());
    assert_eq!(fs::read_to_string(airflow.join("airflow.cfg")).unwrap(), before);
    assert!(!compose.exists());
    let revoked = scene.idp.calls("endpoint=revocation").len();
    assert_eq!(revoked, 2, "what the config knows, and what it knew once");
    scene.close();
}
