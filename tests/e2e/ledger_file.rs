//! Fact: whatever happens to the ledger's file under a running agent is on the record, and while nothing
//! can be recorded nothing is handed out.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;
use crate::world::World;

/// Mounts a file system of 64 KiB where the state is kept, and becomes the agent.
const SMALL_DISK: &str = r#"mount -t tmpfs -o size=64k,mode=700 tmpfs "$1" && exec "$2" run"#;

fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or(Value::Null)).collect()
}

fn events(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["event"].as_str().unwrap_or("no record")).collect()
}

#[test]
fn a_ledger_that_is_removed_or_cut_goes_on_with_a_line_that_says_so() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let file = scene.world.state().join("ledger.jsonl");
    scene.token();
    let last = lines(&file).pop().unwrap();
    let moved = file.with_extension("jsonl.1");
    fs::rename(&file, &moved).unwrap();
    scene.token();
    let found = lines(&file);
    assert_eq!(events(&found), ["ledger-lost", "issue"]);
    assert_eq!(found[0]["seq"], last["seq"].as_u64().unwrap() + 1);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let said = scene.world.agent_said();
    assert!(said.contains("the ledger is not as we wrote it"), "{said}");

    let whole = fs::metadata(&file).unwrap().len();
    fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(whole - 9).unwrap();
    // Nobody has to ask for it to be noticed.
    until("the line that tells of it", || {
        (events(&lines(&file)) == ["ledger-lost", "no record", "ledger-lost"]).then_some(())
    });
    scene.token();
    for file in [&file, &moved] {
        let file = file.display().to_string();
        let verified = scene.world.cli(&["audit", "verify", &file]).expect(0);
        assert!(verified.stdout.contains("the chain holds"), "{}", verified.stdout);
    }
    let doctor = scene.world.cli(&["doctor"]);
    assert!(doctor.stdout.contains("it was cut from"), "{}", doctor.stdout);

    let broken = fs::read_to_string(&moved).unwrap().replacen("alice", "mallory", 1);
    fs::write(&moved, broken).unwrap();
    let moved = moved.display().to_string();
    let verified = scene.world.cli(&["audit", "verify", &moved]).expect(1);
    assert!(verified.stdout.contains("the chain is broken in 1 place"), "{}", verified.stdout);
    scene.close();
}

/// An agent whose state is on a disk of its own, and where that is seen from outside.
pub(crate) fn on_a_small_disk(scene: &Scene) -> Option<PathBuf> {
    if !rustix::process::getuid().is_root() {
        println!("not run: a disk of its own takes root");
        return None;
    }
    let state = scene.world.state();
    fs::create_dir_all(&state).unwrap();
    let mut agent = scene.world.command("unshare");
    agent.args(["--mount", "sh", "-c", SMALL_DISK, "sh"]).arg(&state);
    agent.arg(env!("CARGO_BIN_EXE_dagpass-agent"));
    scene.world.start_agent_by(&mut agent);
    let seen = format!("/proc/{}/root{}", scene.world.agent_pid(), state.display());
    Some(PathBuf::from(seen))
}

#[test]
fn a_full_disk_denies_and_room_on_it_is_all_it_takes() {
    let scene = Scene::in_world(World::new(), Setting::of(Family::PingOne), "");
    let Some(state) = on_a_small_disk(&scene) else {
        scene.world.secret("nothing was handed out", "no-secret-in-this-world");
        return scene.world.close();
    };
    scene.sign_in();
    scene.token();
    let filler = state.join("filler");
    let full = fs::write(&filler, vec![0; 128 * 1024]).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);

    // What is left of the ledger's last block is used up first.
    let denied = (0..50).map(|_| scene.ask(&json!({}))).find(|reply| reply.status != 200);
    let denied = denied.expect("nothing is handed out on a full disk");
    assert_eq!((denied.status, denied.json()["error"].as_str()), (403, Some("not_recorded")));
    assert_eq!(scene.ask(&json!({})).status, 403);
    // A line that is shorter than those of tokens may fit, and says that all is well again until the next.
    let said = |command: &str, what: &str| {
        until(what, || {
            assert_eq!(scene.ask(&json!({})).status, 403);
            scene.world.cli(&[command]).stdout.contains(what).then_some(())
        });
    };
    said("status", "not written, so nothing is handed out");
    said("doctor", "No space left on device");

    fs::remove_file(&filler).unwrap();
    scene.token();
    let found = lines(&state.join("ledger.jsonl"));
    let mended = found.iter().filter(|line| line["event"] == "ledger-mended");
    let denied: u64 = mended.filter_map(|line| line["count"].as_u64()).sum();
    assert!(denied >= 4, "{found:#?}");
    assert!(!events(&found).contains(&"no record"), "{found:#?}");
    let status = scene.world.cli(&["status"]).expect(0).stdout;
    assert!(!status.contains("not written"), "{status}");
    let copy = scene.world.root().join("tmp/ledger.jsonl");
    fs::copy(state.join("ledger.jsonl"), &copy).unwrap();
    let copy = copy.display().to_string();
    scene.world.cli(&["audit", "verify", &copy]).expect(0);
    scene.close();
}
