//! Fact: a ledger of one file is closed as it is, its old lines are pruned behind a line that says so, and what is
//! left is verified, proved and exported against the checkpoints that were signed over all of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use dagpass_client::ledger::hex;
use serde_json::{Value, json};

use crate::collector::Collector;
use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::{PATIENCE, until, within};
use crate::world::World;

const OLD: u64 = 300;

/// As an agent of years ago left it.
fn old_ledger() -> String {
    let (mut text, mut prev) = (String::new(), "0".repeat(64));
    for seq in 1..=OLD {
        let line = json!({
            "v": 2, "seq": seq, "time": "2020-01-31T12:00:00.000Z", "prev": prev, "salt": "AAAAAAAAAAAAAAAAAAAAAA",
            "event": "agent-start", "outcome": "ok", "caller": {"transport": "agent"}, "reason": "version 0.0.1",
        });
        let line = line.to_string();
        prev = hex(line.as_bytes());
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> =
        entries.map(|one| one.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// With so many lines of years ago.
fn begin_with(world: &World, old: &str) {
    let state = world.state();
    fs::create_dir_all(&state).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(state.join("ledger.jsonl"), old).unwrap();
}

fn verified(world: &World, code: i32) -> Value {
    let told = world.cli(&["--json", "audit", "verify"]).expect(code).stdout;
    serde_json::from_str(&told).unwrap()
}

#[test]
fn old_lines_are_pruned_and_what_is_left_is_proved_as_before() {
    // A segment is closed as for a month; nothing is as old as is kept but by `--before`.
    let config = "[audit]\nretain = \"36500d\"\n";
    let scene = Scene::in_world(World::new(), Setting::of(Family::PingOne), config);
    let world = &scene.world;
    let (state, old) = (world.state(), old_ledger());
    begin_with(world, &old);
    world.start_agent();
    // Closed as it was, before a line of today kept it.
    let closed = state.join("ledger-log/lines");
    let name = "000000000001-000000000300-0.jsonl";
    assert_eq!(names(&closed), [name]);
    assert_eq!(fs::read_to_string(closed.join(name)).unwrap(), old);
    let early =
        world.cli(&["audit", "prune", "--before", "2021-01-01", "--dry-run"]).expect(0).stdout;
    assert!(early.contains("lines 1 to 300 stay: no checkpoint is over them yet"), "{early}");

    scene.sign_in();
    scene.token();
    let pack = world.root().join("tmp/evidence.zip");
    let evidence =
        ["audit", "evidence", "--force", "--from", "2020-01-01", "--to", "2199-12-31", "-o"];
    let mut evidence = evidence.to_vec();
    evidence.push(pack.to_str().unwrap());
    // It has a checkpoint signed first.
    world.cli(&evidence).expect(0);
    let dry =
        world.cli(&["audit", "prune", "--before", "2021-01-01", "--dry-run"]).expect(0).stdout;
    assert!(dry.contains("lines 1 to 300 of before") && dry.contains("would be removed"), "{dry}");
    assert_eq!(names(&closed), [name], "and nothing was");
    assert_eq!(verified(world, 0)["before"], 0);

    let told = world.cli(&["audit", "prune", "--before", "2021-01-01"]).expect(0).stdout;
    assert!(told.contains("lines 1 to 300 of before") && told.contains("are removed"), "{told}");
    let left = names(&closed);
    assert_eq!(left.len(), 1, "the open one was closed behind the line that tells of it: {left:?}");
    assert!(left[0].starts_with("000000000301-"), "{left:?}");
    let found = verified(world, 0);
    assert_eq!((&found["before"], &found["pruned"]["lines"]), (&json!(300), &json!(300)));
    assert_eq!(found["log"]["logs"].as_array().unwrap().len(), 1, "{found}");
    let text = world.cli(&["audit", "verify"]).expect(0).stdout;
    assert!(text.contains("lines 1 to 300 were pruned, as line "), "{text}");
    assert!(text.contains("the chain holds") && text.contains("is what was signed"), "{text}");

    // Every reader goes over what is left, and says what is not.
    let search = world.cli(&["audit", "search", "--event", "sign-in"]).expect(0);
    assert!(search.stderr.contains("lines 1 to 300 are not here any more"), "{}", search.stderr);
    let tail = world.cli(&["--json", "audit", "tail", "-n", "9999"]).expect(0).stdout;
    let events = |word: &str| tail.lines().filter(|line| line.contains(word)).count();
    assert_eq!(
        (events("\"seq\":300,"), events("\"ledger-pruned\""), events("\"agent-start\"")),
        (0, 1, 1)
    );
    let first = tail.lines().next().unwrap();
    assert!(first.contains("\"seq\":301,"), "{first}");
    let gone = world.cli(&["audit", "prove", "7"]).expect(1).stderr;
    assert!(gone.contains("lines 1 to 300 are not here any more"), "{gone}");
    let proof = world.root().join("tmp/301.tlog-proof");
    let proof = proof.to_str().unwrap();
    world.cli(&["audit", "prove", "301", "--output", proof]).expect(0);
    let proved = world.cli(&["audit", "verify-proof", proof]).expect(0).stdout;
    assert!(proved.starts_with("line 301 of "), "{proved}");
    let export = world.cli(&["audit", "export", "--format", "jsonl"]).expect(0).stdout;
    assert!(export.starts_with(first) && export.lines().count() == tail.lines().count());
    // A copy of what is left is verified by the log beside it.
    let copy = state.join("copy.jsonl");
    fs::write(&copy, &export).unwrap();
    let copied = world.cli(&["audit", "verify", copy.to_str().unwrap()]).expect(0).stdout;
    assert!(copied.contains("lines 1 to 300 were pruned"), "{copied}");
    assert!(copied.contains("is what was signed"), "{copied}");
    fs::write(&copy, export.split_once('\n').unwrap().1).unwrap();
    let cut = world.cli(&["audit", "verify", copy.to_str().unwrap()]).expect(1).stdout;
    assert!(cut.contains("line 301 is not here, and no line tells that it was pruned"), "{cut}");
    fs::remove_file(&copy).unwrap();
    world.cli(&evidence).expect(0);
    world.cli(&["audit", "verify-evidence", pack.to_str().unwrap()]).expect(0);
    let pack = fs::read(&pack).unwrap();
    assert!(
        String::from_utf8_lossy(&pack).contains("lines 1 to 300 were pruned"),
        "a gap is named"
    );
    let activity = world.api("GET", "/v1/activity?limit=500", &Value::Null).body;
    assert!(activity.to_string().contains("ledger-pruned"), "{activity}");

    // It goes on, over a restart as well.
    world.stop_agent();
    world.start_agent();
    scene.token();
    assert_eq!(verified(world, 0)["before"], 300);
    // What goes without a word is damage.
    fs::remove_file(closed.join(&left[0])).unwrap();
    until("the missing segment", || (names(&closed).is_empty()).then_some(()));
    assert_eq!(verified(world, 1)["before"], 0);
    scene.close();
}

/// By itself, as the config has it: what a collector has not stays, and once it went shipping goes on behind it.
#[test]
fn old_lines_go_by_themselves_once_a_collector_has_them_and_shipping_goes_on_over_the_segments() {
    let collector = Collector::start();
    collector.open(false);
    let port = collector.port;
    let config =
        format!("[audit]\nretain = \"1d\"\n[audit.ship]\notlp = \"http://127.0.0.1:{port}\"\n");
    let scene = Scene::in_world(World::new(), Setting::of(Family::PingOne), &config);
    let (world, old) = (&scene.world, old_ledger());
    let (closed, name) =
        (world.state().join("ledger-log/lines"), "000000000001-000000000300-0.jsonl".to_owned());
    begin_with(world, &old);
    world.start_agent();
    scene.sign_in();
    // It has a checkpoint signed over all of it.
    let pack = world.root().join("tmp/evidence.zip");
    let evidence = ["audit", "evidence", "--from", "2020-01-01", "--to", "2020-01-01", "-o"];
    world.cli(&[&evidence[..], &[pack.to_str().unwrap()]].concat()).expect(0);
    world.restart_agent();
    scene.token();
    let shipped = |field: &str| {
        let told = world.cli(&["--json", "audit", "ship"]).expect(0).stdout;
        serde_json::from_str::<Value>(&told).unwrap()[field].as_u64().unwrap()
    };
    let doctor = || world.cli(&["--json", "doctor"]).stdout;
    let stays = "lines 1 to 300 stay: they are not shipped yet";
    until("that they stay", || doctor().contains(stays).then_some(()));
    assert_eq!((names(&closed), shipped("shipped")), (vec![name.clone()], 0));
    collector.open(true);
    world.cli(&["audit", "ship", "--now"]).expect(0);
    let ends = [old.lines().next(), old.lines().nth(150), old.lines().last()];
    until("the closed segment", || {
        ends.iter().flatten().all(|line| collector.has(line)).then_some(())
    });
    let went = shipped("shipped");
    assert!(went > 300, "and the open one: {went}");

    // Whoever starts looks as soon as there is a key.
    world.restart_agent();
    scene.token();
    let went = within(PATIENCE, || (!names(&closed).contains(&name)).then_some(()));
    assert!(went.is_some(), "lines 1 to 300 are still here: {}", doctor());
    let found = verified(world, 0);
    assert_eq!((&found["before"], &found["pruned"]["lines"]), (&json!(300), &json!(300)));
    let reason = found["pruned"]["reason"].as_str().unwrap();
    assert!(reason.ends_with("by `retain` of the config"), "{reason}");
    assert!(!doctor().contains("not here"), "the key said that they may be gone");
    scene.token();
    world.cli(&["audit", "ship", "--now"]).expect(0);
    let left = world.cli(&["audit", "export", "--format", "jsonl"]).expect(0).stdout;
    until("the rest", || {
        world.cli(&["audit", "ship", "--now"]).expect(0);
        left.lines().all(|line| collector.has(line)).then_some(())
    });
    assert!(shipped("shipped") >= 300 + left.lines().count() as u64);
    scene.close();
}
