//! Fact: what else lies in the keychain under our names, or has been damaged there, ends no session that
//! can be read, is never sent to Ping, and stands in the way of no sign-in, sign-out or purge.

use std::io::Write;
use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::idp::{Family, Setting, assert_none_twice};
use crate::scene::Scene;
use crate::world::{Process, World};

const PROD: [&str; 4] = ["service", "dagpass", "username", "prod"];

/// What it prints: of a lookup, the secret.
pub(crate) fn secret_tool(world: &World, what: &[&str], secret: &str) -> String {
    let mut command = world.command("secret-tool");
    let mut tool = Process::spawn("secret-tool", command.args(what).stdin(Stdio::piped()));
    tool.stdin().write_all(secret.as_bytes()).unwrap();
    tool.ended().stdout
}

/// How many items bear our names.
fn items(world: &World, names: &[&str]) -> usize {
    let found = secret_tool(world, &[&["search", "--all"], names].concat(), "");
    found.lines().filter(|line| line.starts_with('[')).count()
}

/// As an old crate or another program makes one beside ours.
fn second_item(world: &World, record: &str) {
    let names = [&["store", "--label", "another"], &PROD[..], &["target", "default"]].concat();
    secret_tool(world, &names, record);
    assert_eq!(items(world, &PROD), 2);
}

fn record(world: &World) -> String {
    secret_tool(world, &[&["lookup"], &PROD[..]].concat(), "")
}

#[test]
fn two_records_for_one_key() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let world = &scene.world;
    let first = record(world);
    scene.refreshed();
    assert!(first != record(world), "it was rotated");

    second_item(world, &first);
    world.restart_agent();
    let status = world.cli(&["status"]).expect(0);
    assert!(status.stdout.contains("signed in as"), "{}", status.stdout);
    scene.refreshed();
    assert_none_twice(&scene.idp.refreshes());
    assert_eq!(items(world, &PROD), 1, "the newest is kept");

    second_item(world, &first);
    scene.sign_in();
    assert_eq!(items(world, &PROD), 1, "a sign-in writes one");

    second_item(world, &first);
    world.cli(&["logout"]).expect(0);
    assert_eq!(items(world, &PROD), 0);

    scene.sign_in();
    second_item(world, &first);
    world.cli(&["purge", "--yes"]).expect(0);
    world.forget_agent();
    assert_eq!(items(world, &["service", "dagpass"]), 0);
    scene.close();
}

#[test]
fn a_record_with_a_blank_token() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let world = &scene.world;
    let whole = STANDARD.decode(record(world).trim()).unwrap();
    let mut record: Value = serde_json::from_slice(&whole).unwrap();
    record["refresh_token"] = json!("  \n");
    let calls = scene.idp.calls("endpoint=token").len();
    world.stop_agent();
    secret_tool(world, &[&["clear"], &PROD[..]].concat(), "");
    let store = [&["store", "--label", "damaged"], &PROD[..]].concat();
    secret_tool(world, &store, &STANDARD.encode(record.to_string()));
    world.start_agent();

    let refused = world.token(&[]).expect_err("no token").expect(3);
    for said in ["the stored record is damaged", "run `dagpass login prod`"] {
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
    let status = world.cli(&["status"]);
    for said in ["the stored record is damaged", "run `dagpass login prod`"] {
        assert!(status.stdout.contains(said), "{}", status.stdout);
    }
    let doctor = world.cli(&["doctor"]);
    for said in ["the stored record is damaged", "run `dagpass login prod`"] {
        assert!(doctor.stdout.contains(said), "{}", doctor.stdout);
    }
    assert_eq!(scene.idp.calls("endpoint=token").len(), calls, "Ping was not asked");

    scene.sign_in();
    world.restart_agent();
    assert_eq!(scene.idp.call_api(&scene.token()), 200);
    assert_eq!(items(world, &PROD), 1);
    scene.close();
}
