//! Fact: `dagpass relay` carries callers to an agent whose socket they cannot open, through a program that
//! the far side starts: tokens, a sign-in as it happens, many at once, and a place that was left behind.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;

use crate::idp::{Family, Setting};
use crate::scene::{Scene, user_code};
use crate::wait::until;
use crate::world::{Process, program};

const DAGPASS: &str = env!("CARGO_BIN_EXE_dagpass");

/// The near side's place, and whoever listens there.
struct Near {
    socket: PathBuf,
    relay: Process,
}

impl Near {
    fn of(scene: &Scene) -> Self {
        Self::through(
            scene,
            &[DAGPASS, "--socket", scene.world.socket().to_str().unwrap(), "relay"],
        )
    }

    fn through(scene: &Scene, program: &[&str]) -> Self {
        let folder = scene.world.root().join("near");
        std::fs::create_dir(&folder).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
        let socket = folder.join("agent.sock");
        // Left behind by a relay that was killed.
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        let mut command = scene.world.command(DAGPASS);
        command.args(["--socket", socket.to_str().unwrap(), "relay", "--"]).args(program);
        let relay = Process::spawn("dagpass relay", command.stdin(Stdio::null()));
        relay
            .stderr
            .wait_for("line that it listens", |text| text.contains("carrying").then_some(()));
        Self { socket, relay }
    }

    fn args<'a>(&'a self, words: &[&'a str]) -> Vec<&'a str> {
        [&["--no-start", "--socket", self.socket.to_str().unwrap()], words].concat()
    }
}

#[test]
fn a_sign_in_and_tokens_come_through_a_program_that_the_far_side_starts() {
    let scene = Scene::new(Setting::of(Family::PingOne));
    let near = Near::of(&scene);
    let mode = std::fs::metadata(&near.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let mut command = scene.world.command(DAGPASS);
    let args = near.args(&["login", "--device", "--no-open"]);
    let mut login = Process::spawn("login", command.args(args).stdin(Stdio::null()));
    let code = login.stderr.wait_for("user code", user_code);
    scene.idp.approve(&code);
    login.ended().expect(0);

    let token = scene.world.token(&near.args(&[])).unwrap();
    assert_eq!(token, scene.token());
    assert_eq!(scene.idp.call_api(&token), 200);
    let run = scene.world.cli_start(&near.args(&["run", "--", DAGPASS, "token"])).ended().expect(0);
    assert_eq!(run.stdout.trim(), token, "a run of another system ends when it says so");
    let callers: Vec<Process> = (0..80)
        .map(|_| Process::spawn("token", scene.world.command(DAGPASS).args(near.args(&["token"]))))
        .collect();
    for mut caller in callers {
        assert_eq!(caller.ended().expect(0).stdout.trim(), token);
    }

    let ledger = std::fs::read_to_string(scene.world.state().join("ledger.jsonl")).unwrap();
    let lines = ledger.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let far = lines.filter(|line| line["event"] == "issue" && line["caller"]["remote"] == true);
    assert_eq!(far.count(), 82, "whoever came through it is recorded as that");

    let second = scene.world.cli(&near.args(&["relay", "--", DAGPASS, "relay"]));
    assert!(second.expect(1).stderr.contains("answers at"));
    scene.close();
}

#[test]
fn a_program_that_does_not_start_is_told_and_the_next_caller_is_served() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let through = scene.world.root().join("tmp/far");
    let near = Near::through(&scene, &[through.to_str().unwrap()]);
    scene.world.cli(&near.args(&["status"])).expect(7);
    near.relay
        .stderr
        .wait_for("word about it", |text| text.contains("does not start").then_some(()));
    let far = scene.world.socket();
    let script = format!("#!/bin/sh\nexec '{DAGPASS}' --socket '{}' relay\n", far.display());
    program::script(&through, &script);
    let token = scene.world.token(&near.args(&[])).unwrap();
    assert_eq!(scene.idp.call_api(&token), 200);
    scene.close();
}

#[test]
fn a_sign_in_that_is_given_up_on_the_near_side_is_given_up_at_the_agent() {
    let scene = Scene::new(Setting::of(Family::PingOne));
    let near = Near::of(&scene);
    let mut command = scene.world.command(DAGPASS);
    let args = near.args(&["login", "--device", "--no-open"]);
    let mut login = Process::spawn("login", command.args(args).stdin(Stdio::null()));
    login.stderr.wait_for("user code", user_code);
    login.kill();
    until("the end of the sign-in", || {
        let status = scene.world.api("GET", "/v1/status", &serde_json::Value::Null).json();
        (status["profiles"][0]["state"] == "signed_out").then_some(())
    });
    scene.close();
}
