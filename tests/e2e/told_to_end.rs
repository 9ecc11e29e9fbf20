//! Fact: an agent that is told to end begins nothing new, and what it has on its way to Ping lands, is
//! saved and is answered; a sign-out goes on where whoever asked for it is gone.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::http;
use crate::idp::{Family, Setting, assert_none_twice};
use crate::scene::Scene;
use crate::wait::until;
use crate::world::Process;

const REFRESH: &str = "endpoint=token&grant=refresh_token";

/// While the provider holds a refresh, the agent is told to end by `tell`; whoever asked is answered, and
/// the next agent goes on with what was saved.
fn ends_while_held(kind: &str, tell: impl FnOnce(&Scene)) {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    scene.idp.fault(&json!({ "endpoint": "token", "grant": "refresh_token", "kind": kind }));
    let ask = scene.rejecting().to_string();
    let socket = scene.world.socket();
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| http::on_socket(&socket, "POST", "/v1/token", &ask).unwrap());
        scene.idp.wait(1, &format!("{REFRESH}&state=held"));
        tell(&scene);
        let begun = || {
            let reply = http::on_socket(&socket, "POST", "/v1/token", "{}").ok()?;
            (reply.status == 503).then_some(())
        };
        until("that nothing new begins", begun);
        scene.idp.release();
        let reply = asking.join().unwrap();
        assert_eq!(reply.status, 200, "{kind}: {}", reply.body);
    });
    scene.world.forget_agent();
    scene.world.start_agent();
    let token = scene.token();
    assert_eq!(scene.idp.call_api(&token), 200, "{kind}");
    assert_none_twice(&scene.idp.refreshes());
    let ledger = std::fs::read_to_string(scene.world.state().join("ledger.jsonl")).unwrap();
    let last = ledger.lines().rfind(|line| line.contains("\"agent-stop\"")).unwrap();
    assert!(last.contains("nothing was under way any more"), "{last}");
    scene.close();
}

fn by_signal(scene: &Scene) {
    let pid = Pid::from_raw(i32::try_from(scene.world.agent_pid()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
}

fn by_route(scene: &Scene) {
    let reply = scene.world.api("POST", "/v1/agent/stop", &json!({}));
    assert_eq!(reply.status, 200, "{}", reply.body);
}

#[test]
fn a_refresh_that_ping_has_not_begun_lands_before_the_agent_ends() {
    ends_while_held("hold-before", by_signal);
}

#[test]
fn a_refresh_whose_answer_is_on_its_way_is_saved_before_the_agent_ends() {
    ends_while_held("hold-after", by_signal);
}

#[test]
fn so_it_is_where_a_client_told_it_to_end() {
    ends_while_held("hold-after", by_route);
}

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
