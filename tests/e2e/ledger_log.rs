//! Fact: what stands in the ledger is signed as it grows and when the agent ends, in files by which anybody
//! with the public key finds out what was changed, to whom one line can be proved by a file of its own, and
//! from where all of it goes to others as it is.

use std::fs;

use serde_json::{Value, json};

use crate::collector::Collector;
use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;

#[test]
fn a_ledger_is_signed_verified_and_proved_by_files_alone() {
    let collector = Collector::start();
    let more = format!("\n[audit.ship]\notlp = \"http://127.0.0.1:{}\"\n", collector.port);
    let scene = Scene::in_world(crate::world::World::new(), Setting::of(Family::PingOne), &more);
    scene.world.start_agent();
    let world = &scene.world;
    let none = world.cli(&["audit", "key"]).expect(1);
    assert!(none.stderr.contains("no checkpoint was signed yet"), "{}", none.stderr);
    scene.sign_in();
    // Two lines each at most: 256 of them make a checkpoint due.
    for _ in 0..140 {
        scene.ask(&json!({}));
    }
    let ledger = world.state().join("ledger.jsonl");
    let logs = world.state().join("ledger-log");
    let lines = || fs::read_to_string(&ledger).unwrap().lines().count();
    while lines() < 256 {
        scene.ask(&json!({}));
    }
    until("the first checkpoint", || logs.join("1/checkpoint").exists().then_some(()));
    let mut key = world.cli(&["audit", "key"]).expect(0).stdout.trim().to_owned();
    assert!(key.starts_with("dagpass.dev/ledger/"), "{key}");
    world.cli(&["audit", "verify", "--key", &key]).expect(0);
    let doctor = world.cli(&["doctor"]).stdout;
    assert!(!doctor.contains("no checkpoint is signed"), "{doctor}");

    // All of it goes to the collector, and the checkpoint over it too.
    let (first, note) = (fs::read_to_string(&ledger).unwrap(), logs.join("1/checkpoint"));
    let note = fs::read_to_string(note).unwrap();
    until("the lines and the checkpoint at the collector", || {
        world.cli(&["audit", "ship", "--now"]).expect(0);
        (first.lines().all(|line| collector.has(line)) && collector.has(&note)).then_some(())
    });
    let status = world.cli(&["--json", "audit", "ship"]).expect(0).stdout;
    let status: Value = serde_json::from_str(&status).unwrap();
    assert!(status["shipped"].as_u64() >= Some(256) && status["error"].is_null(), "{status}");
    let doctor = world.cli(&["doctor"]).stdout;
    assert!(doctor.contains("/v1/logs has all up to line"), "{doctor}");
    let beyond = world.cli(&["audit", "ship", "--from", "99999"]).expect(1);
    assert!(beyond.stderr.contains("no line has the number 99999"), "{}", beyond.stderr);

    world.stop_agent();
    let verified = world.cli(&["--json", "audit", "verify", "--key", &key]).expect(0).stdout;
    let verified: Value = serde_json::from_str(&verified).unwrap();
    assert_eq!(verified["log"]["uncovered"], 0, "the end is signed too: {verified}");
    assert_eq!(verified["log"]["covered"], lines(), "{verified}");
    let told = world.cli(&["audit", "verify"]).expect(0).stdout;
    for words in ["the ledger is what was signed", "never written", "without a witness", "--key"] {
        assert!(told.contains(words), "{words}: {told}");
    }

    let proof = world.root().join("tmp/9.tlog-proof");
    let file = proof.to_str().unwrap();
    world.cli(&["audit", "prove", "9", "--output", file]).expect(0);
    let proved = world.cli(&["--json", "audit", "verify-proof", file, "--key", &key]).expect(0);
    let proved: Value = serde_json::from_str(&proved.stdout).unwrap();
    let record: Value = serde_json::from_str(proved["record"].as_str().unwrap()).unwrap();
    assert_eq!((&record["seq"], &proved["key_from"]), (&9.into(), &"given".into()));
    world.cli(&["audit", "verify-proof", file]).expect(0);
    let other = fs::read_to_string(&proof).unwrap().replacen("index 8", "index 9", 1);
    fs::write(&proof, other).unwrap();
    let refused = world.cli(&["audit", "verify-proof", file, "--key", &key]).expect(1);
    assert!(refused.stderr.contains("proves nothing"), "{}", refused.stderr);
    let missing = world.cli(&["audit", "prove", "99999"]).expect(1);
    assert!(missing.stderr.contains("no line with seq"), "{}", missing.stderr);

    // Another process goes on with the same key and the same log.
    world.start_agent();
    scene.token();
    world.stop_agent();
    world.cli(&["audit", "verify", "--key", &key]).expect(0);
    assert!(logs.join("1").exists() && !logs.join("2").exists());
    goes_to_others(&scene);

    // Its logs are taken away: the same key signs another, and whoever noted down which one misses it.
    world.cli(&["audit", "prove", "9", "--output", file]).expect(0);
    world.cli(&["audit", "verify-proof", file, "--key", &key]).expect(0);
    fs::remove_dir_all(&logs).unwrap();
    world.start_agent();
    scene.token();
    until("another log", || logs.join("1/checkpoint").exists().then_some(()));
    world.stop_agent();
    let missed = world.cli(&["audit", "verify", "--key", &key]).expect(1);
    assert!(missed.stderr.contains("no log here is dagpass.dev/ledger/"), "{}", missed.stderr);
    let noted = std::mem::replace(&mut key, world.cli(&["audit", "key"]).expect(0).stdout);
    let key = key.trim();
    let public = |vkey: &str| vkey.trim().splitn(3, '+').nth(2).map(str::to_owned);
    assert_eq!(public(key), public(&noted), "the same key, another log");
    world.cli(&["audit", "verify", "--key", key]).expect(0);
    let refused = world.cli(&["audit", "verify-proof", file, "--key", key]).expect(1);
    assert!(refused.stderr.contains("and the key that was given of"), "{}", refused.stderr);

    let checkpoint = logs.join("1/checkpoint");
    let signed = fs::read_to_string(&checkpoint).unwrap();
    fs::write(&checkpoint, signed.replacen('\n', "\n1", 1)).unwrap();
    let refused = world.cli(&["audit", "prove", "9"]).expect(1);
    assert!(refused.stderr.contains("is not signed by its key"), "{}", refused.stderr);
    fs::write(&checkpoint, signed).unwrap();

    let text = fs::read_to_string(&ledger).unwrap();
    let edited = text.replacen("\"seq\":100,", "\"seq\":100 ,", 1);
    assert_ne!(text, edited);
    fs::write(&ledger, edited).unwrap();
    let broken = world.cli(&["audit", "verify", "--key", key]).expect(1);
    assert!(broken.stdout.contains("line 100 was edited"), "{}", broken.stdout);
    world.cli(&["audit", "prove", "50"]).expect(1);
    scene.close();
}

/// Nothing is lost on the way, and whoever has it can check it.
fn goes_to_others(scene: &Scene) {
    let (world, folder) = (&scene.world, scene.world.root().join("tmp"));
    let text = fs::read_to_string(world.state().join("ledger.jsonl")).unwrap();
    let notes = fs::read_to_string(world.state().join("ledger-log/1/checkpoints")).unwrap();
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (ocsf, copy, kept) = (file("ledger.ocsf"), file("copy.jsonl"), file("kept"));

    world.cli(&["audit", "export", "--format", "ocsf", "--output", &ocsf]).expect(0);
    let events = fs::read_to_string(&ocsf).unwrap();
    let events = events.lines().map(|event| serde_json::from_str::<Value>(event).unwrap());
    let (signed, told): (Vec<Value>, Vec<Value>) =
        events.partition(|event| event["metadata"]["event_code"] == "checkpoint");
    let raw = |events: &[Value]| -> Vec<String> {
        events.iter().map(|event| event["raw_data"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(raw(&told), text.lines().collect::<Vec<_>>());
    assert_eq!(raw(&signed).concat(), notes);
    let last = told.last().unwrap();
    let before = &told[told.len() - 2];
    let attested = &last["unmapped"]["attestation_list"][0];
    assert_eq!(attested["prev_event"]["uid"], before["metadata"]["uid"]);
    assert_eq!(attested["chain_uid"], signed[0]["unmapped"]["checkpoint"]["origin"]);
    let known = |event: &Value| event["class_uid"] != 0 && event["status_id"] != 0;
    assert!(told.iter().all(known), "of a class that was not chosen for it");

    let args = ["audit", "export", "--format", "jsonl", "--output", &copy, "--checkpoints", &kept];
    world.cli(&args).expect(0);
    assert_eq!(fs::read_to_string(&copy).unwrap(), text);
    assert_eq!(fs::read_to_string(&kept).unwrap(), notes);
    let again = world.cli(&args).expect(1);
    assert!(again.stderr.contains("is there already"), "{}", again.stderr);
    let piped = world.cli(&["audit", "export", "--format", "jsonl", &copy]).expect(0);
    assert_eq!(piped.stdout, text);
    let table = world.cli(&["audit", "export", "--format", "csv"]).expect(0).stdout;
    assert!(table.lines().count() > text.lines().count(), "{table}");

    // Nor is the ledger the place for what is made of it.
    let own = |name: &str| world.state().join(name).to_str().unwrap().to_owned();
    let (vkey, days) = (own("ledger-log/1/vkey"), ["--from", "2026-01-01", "--to", "2199-12-31"]);
    let evidence =
        [&["audit", "evidence", "--unsigned", "--force", "-o", &vkey], &days[..]].concat();
    for (args, what) in [
        (&["audit", "prove", "9", "-o", &own("ledger.jsonl")][..], "is the ledger itself"),
        (&evidence[..], "is in the ledger's own folder"),
        (
            &["audit", "export", &copy, "--format", "csv", "--force", "-o", &vkey][..],
            "is in the ledger's own folder",
        ),
    ] {
        let refused = world.cli(args).expect(2);
        assert!(refused.stderr.contains(what), "{}", refused.stderr);
    }
    assert_eq!(fs::read_to_string(world.state().join("ledger.jsonl")).unwrap(), text);

    let found = world.cli(&["audit", "search", "--event", "agent-start,agent-stop", "--json"]);
    let told = text.lines().filter(|line| line.contains("\"agent-st")).count();
    assert_eq!(found.expect(0).stdout.lines().count(), told);
    let nobody = world.cli(&["audit", "search", "--person", "nobody-of-that-name"]).expect(1);
    assert!(nobody.stderr.contains("no line of the ledger"), "{}", nobody.stderr);
}
