//! Fact: the store of refresh tokens changes by `dagpass store use` alone. A config that asks for another
//! is refused with that command; the session is carried over, both ways, and the old place is empty.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::json;

use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::world::{Ended, Process, World};

const CHANGED: i32 = 8;
const PASSPHRASE: &str = "correct-horse-canary-9921";

/// The accounts that the keyring still has of ours.
fn in_keyring(world: &World) -> usize {
    let mut command = world.command("secret-tool");
    command.args(["search", "--all", "service", "dagpass"]).stdin(Stdio::null());
    let ended = Process::spawn("secret-tool", &mut command).ended();
    // It prints the secrets themselves, so only the names are counted.
    ended.stderr.matches("attribute.username").count()
}

fn with_passphrase(world: &World, words: &[&str]) -> Ended {
    let mut command = world.command(env!("CARGO_BIN_EXE_dagpass"));
    command.args(words).stdin(Stdio::piped());
    let mut asked = Process::spawn("dagpass, with a passphrase", &mut command);
    let mut stdin = asked.stdin();
    writeln!(stdin, "{PASSPHRASE}").unwrap();
    drop(stdin);
    asked.ended()
}

fn sealed(world: &World) -> usize {
    let folders = ["store", "store.next", "sealed"].map(|name| world.state().join(name));
    folders.iter().flat_map(fs::read_dir).flatten().count()
}

#[test]
fn a_session_goes_into_a_key_file_on_to_a_passphrase_and_back_into_the_keychain() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let world = &scene.world;
    world.secret("the passphrase", PASSPHRASE);
    let config = world.root().join("config.toml");
    let key = world.root().join("my.key");
    fs::write(&key, [7; 32]).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let key = key.to_str().unwrap();
    let good = fs::read_to_string(&config).unwrap();

    // By hand, in the config alone: nothing moves, and the command is named.
    world.configure(&format!(
        "{good}\n# by hand\n[store]\nkind = \"key-file\"\nkey-file = \"{key}\"\n"
    ));
    world.restart_agent();
    for words in [&["token"][..], &["login", "--device"]] {
        let refused = world.cli(words).expect(CHANGED).stderr;
        let command = format!("dagpass store use key-file {key}");
        assert!(refused.contains("hint: ") && refused.contains(&command), "{refused}");
    }
    let reply = scene.ask(&json!({}));
    assert_eq!((reply.status, reply.json()["error"].as_str()), (409, Some("store_changed")));
    let status = world.cli(&["status"]).expect(0).stdout;
    assert!(status.contains("secret-service: not the config's"), "{status}");
    assert!(world.cli(&["doctor"]).expect(1).stdout.contains("dagpass store use key-file"));
    assert!(in_keyring(world) >= 2 && sealed(world) == 0);

    let moved = world.cli(&["store", "use", "key-file", key]).expect(0).stderr;
    assert!(moved.contains("kept in key-file now; carried: prod"), "{moved}");
    // The session, and by now or not yet the key that signs checkpoints.
    assert!(in_keyring(world) == 0 && (1..=2).contains(&sealed(world)), "{}", sealed(world));
    assert!(fs::read_to_string(&config).unwrap().contains("# by hand"), "as it was typed");
    assert_eq!(scene.idp.call_api(&world.token(&[]).expect("no new sign-in")), 200);
    world.restart_agent();
    let refreshed = scene.refreshed();
    assert_eq!(
        scene.idp.call_api(&refreshed),
        200,
        "its refresh token is the one that was carried"
    );

    // A passphrase comes by stdin, once.
    let change = with_passphrase(world, &["--json", "store", "use", "passphrase-file"]).expect(0);
    let reply: serde_json::Value = serde_json::from_str(&change.stdout).unwrap();
    assert_eq!((&reply["store"], &reply["carried"]), (&json!("passphrase-file"), &json!(["prod"])));
    let backup = fs::read_to_string(reply["backup"].as_str().unwrap()).unwrap();
    assert!(backup.contains("key-file") && backup.contains(key), "{backup}");
    let mode = fs::metadata(reply["backup"].as_str().unwrap()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let written = fs::read_to_string(&config).unwrap();
    assert!(written.contains("kind = \"passphrase-file\"") && !written.contains(key), "{written}");
    assert_eq!(scene.idp.call_api(&scene.refreshed()), 200);
    let before = fs::read(world.state().join("store.json")).unwrap();
    world.cli(&["store", "use", "passphrase-file"]).expect(0);
    assert_eq!(fs::read(world.state().join("store.json")).unwrap(), before, "salt and proof stay");

    let moved = world.cli(&["store", "use", "keychain"]).expect(0).stderr;
    assert!(moved.contains("kept in secret-service now; carried: prod"), "{moved}");
    assert_eq!((in_keyring(world) >= 2, sealed(world)), (true, 0));
    world.restart_agent();
    assert_eq!(scene.idp.call_api(&scene.refreshed()), 200);
    assert!(scene.idp.calls("endpoint=device_authorization").len() == 1, "one sign-in for it all");
    scene.close();
}

#[test]
fn what_cannot_be_moved_stays_where_it_is_and_signing_out_goes_on_where_it_lies() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let world = &scene.world;
    let config = world.root().join("config.toml");
    let good = fs::read_to_string(&config).unwrap();
    let missing = world.root().join("missing.key");
    let refused = world.cli(&["store", "use", "key-file", missing.to_str().unwrap()]).expect(1);
    assert!(refused.stderr.contains("/dev/urandom"), "{}", refused.stderr);
    assert_eq!(fs::read_to_string(&config).unwrap(), good, "the config too");
    assert_eq!(scene.idp.call_api(&scene.refreshed()), 200);

    // A wrong config cannot be edited, so nothing moves before it is right.
    world.configure(&format!("{good}\n[profile.web]\nisuer = 1\n"));
    let refused = world.cli(&["store", "use", "passphrase-file"]).expect(2);
    assert!(!refused.stderr.is_empty());

    world.configure(&format!("{good}\n[store]\nkind = \"passphrase-file\"\n"));
    world.restart_agent();
    world.cli(&["token"]).expect(CHANGED);
    let out = world.cli(&["logout"]).expect(0).stderr;
    assert!(out.contains("Ping has revoked"), "{out}");
    let left = in_keyring(world);
    assert!(left <= 2, "the sealing key and the ledger log's at most: {left}");
    scene.close();
}

#[test]
fn a_box_without_a_keychain_is_told_the_command_and_goes_on_by_it() {
    let scene = Scene::in_world(World::bare(), Setting::of(Family::PingOne), "");
    let world = &scene.world;
    world.secret("the passphrase", PASSPHRASE);
    world.start_agent();
    let refused = world.cli(&["login", "--device"]).expect(CHANGED).stderr;
    assert!(refused.contains("`dagpass store use passphrase-file`"), "{refused}");
    assert!(!world.state().join("store.json").exists(), "nothing was kept, so nothing is chosen");
    with_passphrase(world, &["store", "use", "passphrase-file"]).expect(0);
    scene.sign_in();
    assert_eq!(scene.idp.call_api(&scene.token()), 200);
    world.restart_agent();
    with_passphrase(world, &["agent", "unlock"]).expect(0);
    assert_eq!(scene.idp.call_api(&scene.refreshed()), 200);
    scene.close();
}

/// What a start with a broken config did before: the keychain, over the store that was chosen.
#[test]
fn a_store_json_that_was_written_over_is_mended_by_the_command_and_the_session_is_there_again() {
    let world = World::new();
    let key = world.root().join("my.key");
    fs::write(&key, [7; 32]).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let store = format!("\n[store]\nkind = \"key-file\"\nkey-file = \"{}\"\n", key.display());
    let scene = Scene::in_world(world, Setting::of(Family::PingOne), &store);
    let world = &scene.world;
    world.start_agent();
    scene.sign_in();
    world.stop_agent();
    let released = include_str!("../cases/released/stores/keychain/store.json");
    fs::write(world.state().join("store.json"), released).unwrap();
    world.start_agent();
    world.token(&[]).expect_err("the config and the store disagree").expect(CHANGED);
    world.cli(&["store", "use", "key-file", key.to_str().unwrap()]).expect(0);
    let token = world.token(&[]).expect("without a sign-in and without a restart");
    assert_eq!(scene.idp.call_api(&token), 200);
    scene.close();
}
