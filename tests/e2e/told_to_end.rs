//! Fact: an agent that is told to end says what never landed and ends all the same; a sign-out goes on
//! where whoever asked for it is gone. What lands in time is `kill_matrix`'s.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::http;
use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;
use crate::world::Process;

const REFRESH: &str = "endpoint=token&grant=refresh_token";

#[test]
fn what_never_lands_is_said_and_does_not_keep_the_agent_for_ever() {
    let scene = Scene::signed_in(Setting::of(Family::PingFederate));
    scene
        .idp
        .fault(&json!({ "endpoint": "token", "grant": "refresh_token", "kind": "hold-before" }));
    let ask = scene.rejecting().to_string();
    let socket = scene.world.socket();
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| http::on_socket(&socket, "POST", "/v1/token", &ask));
        scene.idp.wait(1, &format!("{REFRESH}&state=held"));
        scene.world.stop_agent();
        let _cut_short = asking.join().unwrap();
    });
    let ledger = std::fs::read_to_string(scene.world.state().join("ledger.jsonl")).unwrap();
    let last = ledger.lines().last().unwrap();
    assert!(last.contains("\"agent-stop\"") && last.contains("had no answer"), "{last}");
    scene.idp.release();
    scene.world.start_agent();
    scene.close();
}

#[test]
fn a_sign_out_that_nobody_waits_for_any_more_goes_on_to_its_end() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    scene.idp.fault(&json!({ "endpoint": "revocation", "kind": "hold-before" }));
    let mut command = scene.world.command(env!("CARGO_BIN_EXE_dagpass"));
    let mut logout = Process::spawn("logout", command.arg("logout").stdin(Stdio::null()));
    scene.idp.wait(1, "endpoint=revocation&state=held");
    logout.kill();
    let status = scene.world.api("GET", "/v1/status", &Value::Null).json();
    assert_eq!(status["profiles"][0]["state"], "signed_out", "{status}");
    // Also across a crash: nobody is signed in, and the token is not presented twice.
    scene.world.kill_agent();
    scene.idp.release();
    scene.world.start_agent();
    scene.world.token(&[]).expect_err("signed out").expect(3);
    until("word of it on the record", || {
        let ledger = std::fs::read_to_string(scene.world.state().join("ledger.jsonl")).unwrap();
        ledger.contains("\"event\":\"revocation\"").then_some(())
    });
    assert_eq!(scene.idp.calls("endpoint=revocation").len(), 1);
    scene.close();
}
