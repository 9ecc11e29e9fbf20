//! Every way in is on the record: deeds as lines, looks and misses counted, refusals once and then
//! counted, so that neither a flood nor a follower fills the disk.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{NOTHING, code, ledger};
use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::world::{Process, program};

fn actions(lines: &[Value], outcome: &str) -> Vec<String> {
    let of = lines.iter().filter(|line| line["outcome"] == outcome);
    of.filter_map(|line| line["action"].as_str().map(str::to_owned)).collect()
}

#[test]
fn a_deed_is_a_line_before_it_is_done_and_one_more_where_it_failed() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let world = &scene.world;
    let before = ledger(world).len();
    for (method, path, body) in [
        ("POST", "/v1/agent/pause", json!({})),
        ("POST", "/v1/agent/resume", json!({})),
        ("POST", "/v1/runs", json!({})),
        ("POST", "/v1/config/edit", json!({"set": {"endpoint.port": "x"}})),
        ("PUT", "/v1/config", json!({"text": "nonsense ="})),
        ("POST", "/v1/store/unlock", json!({"passphrase": "not-asked-for"})),
    ] {
        let reply = world.api(method, path, &body);
        if path == "/v1/runs" {
            super::known(world, &reply);
        }
        println!("{method} {path}: {}", code(&reply));
    }
    let lines = ledger(world).split_off(before);
    assert_eq!(
        actions(&lines, "ok"),
        ["pause", "resume", "begin-run", "write-config", "write-config", "unlock"]
    );
    assert_eq!(actions(&lines, "failed"), ["write-config", "write-config"]);
    let begun = lines.iter().find(|line| line["action"] == "begin-run").unwrap();
    assert!(begun["run_id"].as_str().is_some_and(|id| id.starts_with("run-")), "{begun}");
    world.stop_agent();
    let lines = ledger(world);
    let events: Vec<&str> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
    assert!(events.contains(&"agent-start") && events.last() == Some(&"agent-stop"), "{events:?}");
    world.start_agent();
    scene.token();
    scene.close();
}

/// Of what runs and not of what stands in its place by now; a look has none.
#[test]
fn s62_a_line_of_a_token_a_deed_or_a_denial_names_the_program_by_its_sha_256() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let world = &scene.world;
    let dagpass = world.root().join("tmp/dagpass");
    program::copied(env!("CARGO_BIN_EXE_dagpass"), &dagpass);
    let counted = Command::new("sha256sum").arg(&dagpass).output().unwrap().stdout;
    let counted = String::from_utf8(counted).unwrap();
    let digest = counted.split(' ').next().unwrap();
    for (words, code) in [("token", 0), ("status", 0), ("logout", 0), ("token", 3)] {
        let mut command = world.command(&dagpass);
        let ended = Process::spawn(words, command.arg(words).stdin(Stdio::null())).ended();
        ended.expect(code);
    }
    world.stop_agent();
    let lines = ledger(world);
    let by_it = |line: &&Value| {
        let program = line["caller"]["executable"].as_str().unwrap_or_default();
        program.ends_with("/tmp/dagpass")
    };
    let counted: Vec<(&Value, &Value, &Value)> = lines
        .iter()
        .filter(by_it)
        .map(|line| (&line["action"], &line["outcome"], &line["caller"]["executable_sha256"]))
        .collect();
    for (action, outcome, shown) in [
        ("token", "ok", json!(digest)),
        ("show-status", "ok", NOTHING),
        ("sign-out", "ok", json!(digest)),
        ("token", "failed", json!(digest)),
    ] {
        let line = (&json!(action), &json!(outcome), &shown);
        assert!(counted.contains(&line), "{line:?} in {counted:?}");
    }
    world.start_agent();
    scene.close();
}

#[test]
fn looks_and_misses_are_one_line_and_a_follower_is_not_woken_by_them() {
    let connection = "\n[connection.ours]\nconn-type = \"http\"\n";
    let scene = Scene::configured(Setting::of(Family::PingOne), connection);
    scene.sign_in();
    let world = &scene.world;
    let before = ledger(world).len();
    for n in 0..40 {
        world.api("GET", "/v1/status", &NOTHING);
        let ask = json!({"conn_id": format!("foreign_{n}")});
        assert_eq!(world.api("POST", "/v1/airflow/connection", &ask).status, 404);
    }
    assert_eq!(ledger(world).len(), before, "nothing is written yet");
    world.stop_agent();
    let lines = ledger(world).split_off(before);
    let counted = |action: &str| -> Vec<(u64, String)> {
        let of = lines.iter().filter(|line| line["action"] == action);
        of.map(|line| (line["count"].as_u64().unwrap(), line["outcome"].as_str().unwrap().into()))
            .collect()
    };
    // The command line that signed in looked as well.
    let looks: u64 = counted("show-status").iter().map(|(count, _)| count).sum();
    assert!(looks >= 40, "{lines:?}");
    assert_eq!(counted("connection"), [(40, "failed".to_owned())]);
    let line = lines.iter().find(|line| line["action"] == "connection").unwrap();
    assert!(line["first"].as_i64() < line["last"].as_i64(), "{line}");
    assert_eq!(line["error"], "not_found");
    world.start_agent();
    scene.token();
    scene.close();
}

#[test]
fn what_the_guard_turns_away_is_on_the_record_and_a_flood_of_it_is_two_lines() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let world = &scene.world;
    let before = ledger(world).len();
    let headers = [("Sec-Dagpass", "1"), ("Origin", "https://evil.example")];
    for _ in 0..200 {
        let way = ("GET", "/v1/status");
        let reply = crate::http::on_socket_with(&world.socket(), way, &headers, "").unwrap();
        assert_eq!(reply.status, 403);
    }
    let refused = |lines: &[Value]| -> Vec<Value> {
        lines.iter().filter(|line| line["event"] == "refused").cloned().collect()
    };
    let lines = ledger(world).split_off(before);
    assert_eq!(refused(&lines).len(), 1, "{lines:?}");
    assert!(refused(&lines)[0]["reason"].as_str().unwrap().starts_with("403"));
    world.stop_agent();
    let lines = refused(&ledger(world).split_off(before));
    let counts: Vec<_> = lines.iter().map(|line| line["count"].as_u64()).collect();
    assert_eq!(counts, [None, Some(199)]);
    world.start_agent();
    scene.token();
    scene.close();
}
