//! Fact: `dagpass relay` carries callers to an agent whose socket they cannot open, through a program that
//! the far side starts: tokens, a sign-in as it happens, many at once, and a place that was left behind.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;

use crate::idp::{Family, Setting};
use crate::scene::{Scene, user_code};
use crate::wait::until;
use crate::world::Process;

const DAGPASS: &str = env!("CARGO_BIN_EXE_dagpass");

/// The near side's place, and whoever listens there.
struct Near {
    socket: PathBuf,
    _relay: Process,
}

impl Near {
    fn of(scene: &Scene) -> Self {
        let folder = scene.world.root().join("near");
        std::fs::create_dir(&folder).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
        let socket = folder.join("agent.sock");
        // Left behind by a relay that was killed.
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        let far = scene.world.socket();
        let (near, far) = (socket.to_str().unwrap(), far.to_str().unwrap());
        let args = ["--socket", near, "relay", "--", DAGPASS, "--socket", far, "relay"];
        let mut command = scene.world.command(DAGPASS);
        let relay = Process::spawn("dagpass relay", command.args(args).stdin(Stdio::null()));
        relay
            .stderr
            .wait_for("line that it listens", |text| text.contains("carrying").then_some(()));
        Self { socket, _relay: relay }
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
    let callers: Vec<Process> = (0..80)
        .map(|_| Process::spawn("token", scene.world.command(DAGPASS).args(near.args(&["token"]))))
        .collect();
    for mut caller in callers {
        assert_eq!(caller.ended().expect(0).stdout.trim(), token);
    }

    let second = scene.world.cli(&near.args(&["relay", "--", DAGPASS, "relay"]));
    assert!(second.expect(1).stderr.contains("answers at"));
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
