//! Fact: a config that is wrong or absent at the start changes nothing on disk and ends no session. It
//! is named with its line to every client, Airflow among them; mended in place it is taken up without a
//! restart; and until then `logout` and `purge` still leave no refresh token anywhere.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::json;

use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;
use crate::world::{Ended, Process, World};

const PASSPHRASE: &str = "correct-horse-canary-8830";
const USAGE: i32 = 2;
const LOCKED: i32 = 9;
/// Line 3 of what follows is wrong.
const BROKEN: &str = "# this line is 1\n[profile.web]\nissuer = \"no address\"\nclient-id = \"c\"\n\n\
    [connection.new_one]\nprofile = \"web\"\nconn-type = \"http\"\n";
const WRONG: &str = "config.toml:3:10: profile.web.issuer";
const LAKE: &str = "\n[connection.lake]\nprofile = \"prod\"\nconn-type = \"http\"\n";

fn unlock(world: &World, passphrase: &str) -> Ended {
    let mut command = world.command(env!("CARGO_BIN_EXE_dagpass"));
    command.args(["agent", "unlock"]).stdin(Stdio::piped());
    let mut unlock = Process::spawn("dagpass agent unlock", &mut command);
    let mut stdin = unlock.stdin();
    writeln!(stdin, "{passphrase}").unwrap();
    drop(stdin);
    unlock.ended()
}

/// A world without a keychain, with a key file.
fn key_file() -> (World, String) {
    use std::os::unix::fs::PermissionsExt;
    let world = World::bare();
    let key = world.root().join("dagpass.key");
    fs::write(&key, [7; 32]).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let store = format!("\n[store]\nkind = \"key-file\"\nkey-file = \"{}\"\n", key.display());
    (world, store)
}

/// What lies in the state folder that no run of the agent changes by itself.
fn kept(world: &World) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    gather(&world.state(), &mut found);
    found.retain(|path, _| {
        let name = path.file_name().unwrap().to_str().unwrap();
        !["agent.lock", "agent.log", "ledger.jsonl"].contains(&name)
    });
    found
}

/// What is signed over the ledger, and the key for that, come whenever their time has come.
fn is_of_the_log(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    name == "ledger-log" || name.contains("log-key")
}

fn gather(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if is_of_the_log(&entry.path()) {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            gather(&entry.path(), found);
        } else {
            // Every one of them is text.
            found.insert(entry.path(), fs::read_to_string(entry.path()).unwrap());
        }
    }
}

fn mended(scene: &Scene) {
    until("the mended config", || {
        let status = scene.world.api("GET", "/v1/status", &json!(null)).json();
        (status["agent"]["config_state"] == "in_force").then_some(())
    });
}

#[test]
fn a_passphrase_store_keeps_its_salt_and_proof_and_opens_once_the_config_is_mended() {
    let more = format!("{LAKE}\n[store]\nkind = \"passphrase-file\"\n");
    let scene = Scene::in_world(World::bare(), Setting::of(Family::PingOne), &more);
    let world = &scene.world;
    world.secret("the passphrase", PASSPHRASE);
    let good = fs::read_to_string(world.root().join("config.toml")).unwrap();
    world.start_agent();
    unlock(world, PASSPHRASE).expect(0);
    scene.sign_in();
    world.stop_agent();
    let before = kept(world);
    assert!(before.keys().any(|path| path.ends_with("store.json")), "{:?}", before.keys());

    // Broken, gone, and no text at all: each start leaves every byte.
    for bad in [Some(BROKEN.as_bytes()), None, Some(b"\xff\xfe[".as_slice())] {
        let config = world.root().join("config.toml");
        match bad {
            Some(bytes) => fs::write(&config, bytes).unwrap(),
            None => fs::remove_file(&config).unwrap(),
        }
        world.start_agent();
        world.cli(&["status"]).expect(0);
        world.cli(&["doctor"]);
        world.cli(&["login", "--device"]);
        world.stop_agent();
        assert_eq!(kept(world), before, "{bad:?}");
    }

    world.start_agent();
    let refused = unlock(world, "another passphrase");
    world.keep("dagpass agent unlock", refused);
    world.configure(&good);
    mended(&scene);
    world.token(&[]).expect_err("locked").expect(LOCKED);
    assert_eq!(unlock(world, "another passphrase").code(), LOCKED);
    unlock(world, PASSPHRASE).expect(0);
    let token = world.token(&[]).expect("the same passphrase opens the same record");
    assert_eq!(scene.idp.call_api(&token), 200);
    assert_eq!(
        kept(world).get(&world.state().join("store.json")),
        before.get(&world.state().join("store.json"))
    );
    scene.close();
}

#[test]
fn a_key_file_store_is_signed_in_again_without_a_restart_and_every_client_names_the_line() {
    let (world, store) = key_file();
    let more = format!("{LAKE}{store}");
    let scene = Scene::in_world(world, Setting::of(Family::PingOne), &more);
    let world = &scene.world;
    let good = fs::read_to_string(world.root().join("config.toml")).unwrap();
    world.start_agent();
    scene.sign_in();
    world.stop_agent();
    let before = kept(world);
    world.configure(BROKEN);

    let started = world.cli(&["agent", "start"]).expect(0);
    let warnings: Vec<&str> =
        started.stderr.lines().filter(|line| line.contains("warning")).collect();
    let [warning] = warnings.as_slice() else { panic!("{}", started.stderr) };
    assert!(warning.contains(WRONG), "{warning}");
    let restarted = world.cli(&["agent", "restart"]).expect(0);
    assert!(restarted.stderr.contains(WRONG), "{}", restarted.stderr);

    let status = world.cli(&["status"]).expect(0).stdout;
    assert!(status.contains("wrong: ") && status.contains(WRONG), "{status}");
    assert!(!status.contains("dagpass init"), "{status}");
    for words in [
        &["token"][..],
        &["token", "web"],
        &["token", "--connection", "lake"],
        &["token", "--airflow", "prod"],
        &["login", "web", "--device"],
        &["whoami"],
        &["whoami", "web"],
        &["logout", "web"],
    ] {
        let refused = world.cli(&[&["--json"], words].concat()).expect(USAGE).stderr;
        let refused: serde_json::Value = serde_json::from_str(refused.trim()).expect(&refused);
        assert_eq!(refused["error"], "config_invalid", "{words:?}: {refused}");
        let cause = refused["cause"].as_str().unwrap();
        assert!(cause.contains(WRONG), "{words:?}: {cause}");
        assert_eq!(refused["hint"], "run `dagpass config check`", "{words:?}");
    }
    let ran = world.cli(&["run", "--profile", "web", "--", "true"]).expect(125);
    assert!(ran.stderr.contains(WRONG), "{}", ran.stderr);

    // Airflow: what was ours, what the file names, and what never was.
    for (id, status, error) in [
        ("lake", 400, "config_invalid"),
        ("new_one", 400, "config_invalid"),
        ("aws_default", 404, "not_found"),
    ] {
        let reply = world.api("POST", "/v1/airflow/connection", &json!({ "conn_id": id }));
        assert_eq!((reply.status, reply.json()["error"].as_str()), (status, Some(error)), "{id}");
    }
    assert_eq!(kept(world), before, "the ids that were ours among it");

    world.configure(&good);
    mended(&scene);
    let token = world.token(&[]).expect("still signed in, by the same agent");
    assert_eq!(scene.idp.call_api(&token), 200);
    let lake = world.api("POST", "/v1/airflow/connection", &json!({ "conn_id": "lake" }));
    assert_eq!(lake.status, 200, "{}", lake.body);
    world.secret(
        "access token",
        lake.json()["extra"]["headers"]["Authorization"].as_str().unwrap_or(&token),
    );
    world.cli(&["agent", "stop"]).expect(0);
    scene.close();
}

#[test]
fn without_a_file_its_path_is_named_and_the_ids_that_were_ours_stay() {
    let (world, store) = key_file();
    let scene = Scene::in_world(world, Setting::of(Family::PingOne), &format!("{LAKE}{store}"));
    let world = &scene.world;
    world.start_agent();
    scene.sign_in();
    world.stop_agent();
    let before = kept(world);
    let config = world.root().join("config.toml");
    fs::remove_file(&config).unwrap();
    world.start_agent();
    let refused = world.cli(&["token"]).expect(1).stderr;
    let said = format!("no config at {}", config.display());
    assert!(refused.contains("there is no profile yet") && refused.contains(&said), "{refused}");
    assert!(refused.contains("hint: run `dagpass init`"), "{refused}");
    let status = world.cli(&["status"]).expect(0).stdout;
    assert!(status.contains(&said), "{status}");
    let lake = world.api("POST", "/v1/airflow/connection", &json!({ "conn_id": "lake" })).json();
    assert_eq!(lake["error"], "config_invalid", "{lake}");
    assert!(lake["cause"].as_str().unwrap().contains(&said), "{lake}");
    assert_eq!(kept(world), before);
    scene.close();
}

#[test]
fn signing_out_or_purging_by_a_broken_config_leaves_no_refresh_token() {
    for purge in [false, true] {
        for in_keychain in [false, true] {
            let (world, store) = match in_keychain {
                true => (World::new(), String::new()),
                false => key_file(),
            };
            let scene = Scene::in_world(world, Setting::of(Family::PingOne), &store);
            let world = &scene.world;
            world.start_agent();
            scene.sign_in();
            world.stop_agent();
            world.configure(BROKEN);
            world.start_agent();
            if purge {
                world.cli(&["purge", "--yes", "--keep-ledger"]).expect(0);
                world.forget_agent();
            } else {
                let out = world.cli(&["logout"]).expect(0);
                assert!(
                    out.stderr.contains("prod: signed out, Ping has revoked"),
                    "{}",
                    out.stderr
                );
                world.cli(&["logout"]).expect(USAGE);
            }
            let sealed = world.state().join("store");
            let left = fs::read_dir(sealed).into_iter().flatten().flatten();
            let left = left.filter(|entry| purge || !is_of_the_log(&entry.path())).count();
            assert_eq!(left, 0, "purge: {purge}");
            if in_keychain {
                let mut command = world.command("secret-tool");
                command.args(["search", "--all", "service", "dagpass", "username", "prod"]);
                let found = Process::spawn("secret-tool", &mut command).ended();
                assert_eq!(
                    found.stderr.matches("attribute.username").count(),
                    0,
                    "{}",
                    found.stderr
                );
            }
            let revoked = scene.idp.calls("endpoint=revocation").len();
            assert_eq!(revoked, 1, "and Ping was told (purge: {purge}, keychain: {in_keychain})");
            scene.close();
        }
    }
}
