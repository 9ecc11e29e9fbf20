//! Fact: what stands in the ledger is cosigned by another program with a key of its own, and a ledger that was
//! set back behind what that one signed is told as a fork, by it and by whoever kept a checkpoint.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;
use crate::world::{Process, World};

fn copy(from: &Path, to: &Path) {
    let done = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(done.unwrap().success(), "{} was not copied", from.display());
}

/// Lines under a checkpoint; 0 where there is none.
pub(crate) fn size(checkpoint: &str) -> u64 {
    checkpoint.lines().nth(1).map_or(0, |size| size.parse().unwrap())
}

/// Tokens are asked for until a checkpoint more is signed: each 256 lines make one due.
pub(crate) fn grow(scene: &Scene, newest: &dyn Fn() -> String) {
    let before = size(&newest());
    for _ in 0..256 {
        scene.ask(&json!({}));
    }
    until("a checkpoint more", || {
        scene.ask(&json!({}));
        (size(&newest()) > before).then_some(())
    });
}

/// What a witness says that listens at a free port.
fn serve(world: &World, folder: &str) -> (Process, Value) {
    let args = ["--json", "witness", "serve", "--listen", "127.0.0.1:0", "--folder", folder];
    let witness = world.cli_start(&args);
    let line = witness.stdout.wait_for("where it listens", |text| {
        text.split_once('\n').map(|(line, _)| line.to_owned())
    });
    let standing = serde_json::from_str(&line).unwrap();
    (witness, standing)
}

#[test]
fn a_ledger_is_cosigned_by_a_witness_which_convicts_it_once_it_was_set_back() {
    let world = World::new();
    let folder = world.root().join("tmp/witness");
    let folder = folder.to_str().unwrap();
    let (mut witness, standing) = serve(&world, folder);
    let (url, vkey) = (standing["url"].as_str().unwrap(), standing["key"].as_str().unwrap());
    let second = world.cli(&["witness", "serve", "--folder", folder, "--listen", "127.0.0.1:0"]);
    assert!(second.expect(1).stderr.contains("another program cosigns"));
    let beyond = world.cli(&["witness", "serve", "--folder", folder, "--listen", "0.0.0.0:0"]);
    assert!(beyond.expect(2).stderr.contains("this machine alone"));

    let more = format!("\n[[audit.witness]]\nurl = \"{url}\"\nkey = \"{vkey}\"\n");
    let scene = Scene::in_world(world, Setting::of(Family::PingOne), &more);
    let world = &scene.world;
    world.start_agent();
    scene.sign_in();
    let (ledger, logs) = (world.state().join("ledger.jsonl"), world.state().join("ledger-log"));
    let newest = || fs::read_to_string(logs.join("1/checkpoint")).unwrap_or_default();
    let cosigned = |over: u64| {
        let text = newest();
        let signatures = text.lines().filter(|line| line.starts_with("— ")).count();
        (signatures == 2 && size(&text) > over).then_some(text)
    };
    grow(&scene, &newest);
    let key = world.cli(&["audit", "key"]).expect(0).stdout.trim().to_owned();
    let doctor_says = |words: &str| {
        until(words, || world.cli(&["doctor"]).stdout.contains(words).then_some(()));
    };
    doctor_says("does not know this log");
    let status = world.cli(&["status"]).expect(0).stdout;
    assert!(status.contains("too few cosigned the ledger"), "{status}");
    let none = world.cli(&["audit", "verify", "--key", &key, "--witness", vkey]).expect(1);
    assert!(none.stdout.contains("no checkpoint of this file is cosigned"), "{}", none.stdout);
    world.cli(&["witness", "add", &key, "--folder", folder]).expect(0);
    // It is not waited for until the agent asks again by itself.
    world.restart_agent();
    until("the first cosignature", || cosigned(0));
    doctor_says("1 of 1 witness up to date");
    scene.token();

    let verified = world.cli(&["--json", "audit", "verify", "--key", &key, "--witness", vkey]);
    let verified: Value = serde_json::from_str(&verified.expect(0).stdout).unwrap();
    assert!(verified["log"]["cosigned"].as_u64() >= Some(256), "{verified}");
    let told = world.cli(&["audit", "verify"]).expect(0).stdout;
    for words in ["as the witnesses cosigned it up to line", "no witness cosigned a checkpoint"] {
        assert!(told.contains(words), "the config names it: {words}: {told}");
    }
    let proof = world.root().join("tmp/3.tlog-proof");
    let file = proof.to_str().unwrap();
    world.cli(&["audit", "prove", "3", "--output", file, "--witness", vkey]).expect(0);
    world.cli(&["audit", "verify-proof", file, "--key", &key, "--witness", vkey]).expect(0);

    // A backup is made; the ledger goes on and is cosigned; the backup is put back.
    world.stop_agent();
    let (text, backup) = (fs::read(&ledger).unwrap(), world.root().join("tmp/backup"));
    copy(&logs, &backup);
    let before = size(&newest());
    world.start_agent();
    grow(&scene, &newest);
    let kept = until("the next cosignature", || cosigned(before));
    world.stop_agent();
    fs::write(&ledger, text).unwrap();
    fs::remove_dir_all(&logs).unwrap();
    copy(&backup, &logs);
    world.start_agent();
    grow(&scene, &newest);
    doctor_says("evidence of a fork");
    let status = world.cli(&["status"]).expect(0).stdout;
    assert!(status.contains("evidence of a fork"), "{status}");
    until("it is on the record", || {
        fs::read_to_string(&ledger).unwrap().contains("\"ledger-forked\"").then_some(())
    });
    scene.token();
    let file = world.root().join("tmp/kept");
    fs::write(&file, kept).unwrap();
    let file = file.to_str().unwrap();
    let args = ["audit", "verify", "--key", &key, "--witness", vkey, "--checkpoint", file];
    let forked = world.cli(&args).expect(1);
    assert!(forked.stdout.contains("it was forked"), "{}", forked.stdout);

    witness.signal(Signal::TERM);
    let ended = witness.ended().expect(0);
    assert!(ended.stderr.contains("cosigned dagpass.dev/ledger/"), "{}", ended.stderr);
    let held = world.cli(&["witness", "list", "--folder", folder]).expect(0).stdout;
    assert!(held.contains("cosigned up to line"), "{held}");
    scene.close();
}
