//! Fact: what this agent issued in a period goes into one archive for somebody else, signed by the log's key,
//! which is checked without the ledger and without an agent; whatever is changed of it is found.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::world::World;

const PERIOD: [&str; 4] = ["--from", "2020-01-01", "--to", "2199-12-31"];

fn made(world: &World, more: &[&str]) -> (PathBuf, Value) {
    let path = world.root().join("tmp/evidence.zip");
    let file = path.to_str().unwrap().to_owned();
    let mut args = vec!["--json", "audit", "evidence", "--force", "--output", &file];
    args.extend(PERIOD);
    args.extend(more);
    let told = world.cli(&args).expect(0).stdout;
    (path, serde_json::from_str(&told).unwrap())
}

fn verified(world: &World, pack: &Path, more: &[&str]) -> crate::world::Ended {
    let mut args = vec!["--json", "audit", "verify-evidence", pack.to_str().unwrap()];
    args.extend(more);
    world.cli(&args)
}

#[test]
fn a_period_goes_into_one_signed_archive_that_is_checked_without_the_ledger() {
    let scene = Scene::in_world(World::new(), Setting::of(Family::PingOne), "");
    scene.world.start_agent();
    let world = &scene.world;
    let early = world.cli(&["audit", "evidence", PERIOD[0], PERIOD[1], PERIOD[2], PERIOD[3]]);
    let early = early.expect(8);
    assert!(early.stderr.contains("--unsigned"), "{}", early.stderr);
    scene.sign_in();
    scene.token();
    scene.refreshed();
    // Not found, denied, and away and back.
    assert_eq!(world.api("POST", "/v1/token", &json!({"profile": "none"})).status, 404);
    world.stop_agent();
    world.start_agent();
    scene.token();

    let (pack, told) = made(world, &[]);
    assert_eq!(told["covered"], told["lines"], "a checkpoint comes first: {told}");
    let key = world.cli(&["audit", "key"]).expect(0).stdout.trim().to_owned();
    let sound = verified(world, &pack, &["--key", &key]).expect(0).stdout;
    let sound: Value = serde_json::from_str(&sound).unwrap();
    assert_eq!((&sound["covered"], &sound["key_from"]), (&told["lines"], &"given".into()));
    assert_eq!(sound["record"], told["signed_by_record"], "{sound}");
    assert_eq!(sound["tables_made_again"], true, "{sound}");
    // The ledger tells of it, under a checkpoint by now.
    let seq = told["signed_by_record"].to_string();
    let proof = world.root().join("tmp/pack.tlog-proof");
    let proof = proof.to_str().unwrap();
    world.cli(&["audit", "prove", &seq, "--output", proof]).expect(0);
    let proved = world.cli(&["audit", "verify-proof", proof, "--key", &key]).expect(0).stdout;
    assert!(proved.contains(r#""event":"evidence""#), "{proved}");

    let bytes = fs::read(&pack).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    for words in ["Agent off", "refresh", "sign-in", "agent-stop", "manifest sha256 "] {
        assert!(text.contains(words), "{words}");
    }
    let ledger = fs::read_to_string(world.state().join("ledger.jsonl")).unwrap();
    let first = ledger.lines().next().unwrap();
    assert!(text.contains(first), "the lines are in it byte for byte");
    for at in (0..bytes.len()).step_by(bytes.len() / 12) {
        let mut bent = bytes.clone();
        bent[at] ^= 1;
        fs::write(&pack, bent).unwrap();
        let found = verified(world, &pack, &[]).expect(1);
        assert!(found.stderr.contains("is not what it says"), "byte {at}: {}", found.stderr);
    }

    let again = ["audit", "evidence", "--output", pack.to_str().unwrap()];
    let kept = world.cli(&[&again[..], &PERIOD].concat()).expect(1);
    assert!(kept.stderr.contains("--force"), "{}", kept.stderr);
    let unasked = fs::read_to_string(world.state().join("ledger.jsonl")).unwrap();
    let asked = |ledger: &str| ledger.matches("evidence").count();
    assert_eq!(asked(&unasked), asked(&ledger), "the agent was asked for nothing");

    let line = ledger.lines().find(|line| line.contains(r#""sign-in","outcome":"ok","session"#));
    let person: Value = serde_json::from_str(line.unwrap()).unwrap();
    let names = world.root().join("tmp/who.json");
    let (pack, told) = made(world, &["--pseudonymous", "--names", names.to_str().unwrap()]);
    let sound = verified(world, &pack, &["--key", &key]).expect(0).stdout;
    let sound: Value = serde_json::from_str(&sound).unwrap();
    assert_eq!(sound["covered"], told["lines"], "{sound}");
    let bytes = fs::read(&pack).unwrap();
    let text = String::from_utf8_lossy(&bytes).to_lowercase();
    let who = fs::read_to_string(&names).unwrap();
    for name in ["sub", "name", "email"] {
        if let Some(name) = person["subject"][name].as_str() {
            assert!(!text.contains(&name.to_lowercase()), "{name} is in it");
            assert!(who.contains(name), "{name} is no name there: {who}");
        }
    }

    world.stop_agent();
    let refused =
        world.cli(&["--no-start", "audit", "evidence", PERIOD[0], PERIOD[1], PERIOD[2], PERIOD[3]]);
    assert_eq!(refused.code(), 7, "{}", refused.stderr);
    let (pack, told) = made(world, &["--unsigned"]);
    assert_eq!(told["signed_by_record"], Value::Null);
    let unsigned =
        world.cli(&["audit", "verify-evidence", pack.to_str().unwrap()]).expect(0).stdout;
    assert!(unsigned.contains("NOT signed"), "{unsigned}");
    scene.close();
}
