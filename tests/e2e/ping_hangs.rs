//! Fact: where Ping is silent, whoever asks hears so from the agent before giving up by himself, and is
//! never told to end it; what is on its way lands, is saved, and is served to whoever asks next.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::http;
use crate::idp::{Family, Setting, assert_none_twice};
use crate::scene::{LAKE_API, Scene, WAREHOUSE_API};
use crate::wait::until;
use crate::world::{Ended, Process};

fn connections() -> String {
    [WAREHOUSE_API, LAKE_API].concat()
}

/// On the record, who went away with nothing and why.
fn unserved(scene: &Scene, connection: &str) -> Value {
    let ledger = std::fs::read_to_string(scene.world.state().join("ledger.jsonl")).unwrap();
    let lines = ledger.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut found = lines.filter(|line| {
        line["event"] == "issue" && line["outcome"] == "failed" && line["connection"] == connection
    });
    let one = found.next().unwrap_or_else(|| panic!("{connection} in {ledger}"));
    assert!(found.next().is_none(), "{ledger}");
    one
}

fn says_that_ping_is_silent(told: &Ended) {
    assert!(told.stderr.contains("error: Ping does not answer"), "{}", told.stderr);
    assert!(!told.stderr.contains("restart"), "{}", told.stderr);
}

/// One asks, and another behind him in the queue for the same refresh token.
fn is_silent_at_a_refresh(kind: &str) {
    let scene = Scene::configured(Setting::of(Family::PingOne), &connections());
    scene.sign_in();
    scene.idp.fault(&json!({ "endpoint": "token", "grant": "refresh_token", "kind": kind }));
    let queued = json!({ "connection": "lake_api" });
    let mut asking = scene.world.cli_start(&["token", "--connection", "warehouse_api"]);
    scene.idp.wait(1, "endpoint=token&grant=refresh_token&state=held");
    let behind = scene.ask(&queued);
    let refusal = behind.json();
    let said = (behind.status, &refusal["error"], &refusal["error_description"]);
    assert_eq!(said, (503, &json!("temporarily_unavailable"), &json!("Ping does not answer")));
    let told = asking.ended().expect(6);
    says_that_ping_is_silent(&told);
    scene.world.keep("dagpass token", told);
    // It waits for Ping and for nothing else.
    scene.world.cli(&["status"]).expect(0);
    assert_eq!(scene.idp.refreshes().len(), 1);
    for connection in ["warehouse_api", "lake_api"] {
        let line = unserved(&scene, connection);
        assert_eq!(line["error"], "temporarily_unavailable", "{line}");
    }

    scene.idp.release();
    let landed = scene.world.token(&["--connection", "warehouse_api"]).expect("what landed");
    assert_eq!(scene.idp.call_api(&landed), 200, "{kind}");
    assert_eq!(scene.ask(&queued).status, 200);
    let refreshes = scene.idp.refreshes();
    assert_eq!(refreshes.len(), 2, "{kind}: one for each who asked: {refreshes:#?}");
    assert_none_twice(&refreshes);
    scene.close();
}

#[test]
fn before_it_acted_on_a_refresh() {
    is_silent_at_a_refresh("hold-before");
}

#[test]
fn after_it_rotated_the_refresh_token() {
    is_silent_at_a_refresh("hold-after");
}

#[test]
fn the_status_is_told_though_a_session_of_another_config_waits_for_what_is_on_its_way() {
    let scene = Scene::configured(Setting::of(Family::PingOne), &connections());
    scene.sign_in();
    let hold = json!({ "endpoint": "token", "grant": "refresh_token", "kind": "hold-before" });
    scene.idp.fault(&hold);
    let (ask, socket) = (scene.rejecting().to_string(), scene.world.socket());
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| http::on_socket(&socket, "POST", "/v1/token", &ask));
        scene.idp.wait(1, "endpoint=token&grant=refresh_token&state=held");
        let fewer = scene.idp.config(&connections()).replace("\"reports:read\"", "\"email\"");
        scene.world.configure(&fewer);
        until("the change of the config on the record", || {
            let ledger = std::fs::read_to_string(scene.world.state().join("ledger.jsonl")).unwrap();
            ledger.contains("\"config-change\"").then_some(())
        });
        let status = scene.world.cli(&["status", "--json"]).expect(0);
        let status: Value = serde_json::from_str(&status.stdout).unwrap();
        assert_ne!(status["profiles"][0]["state"], "signed_out", "{status}");
        scene.idp.release();
        drop(asking.join().unwrap());
    });
    until("the session as it is", || {
        let status = scene.world.api("GET", "/v1/status", &Value::Null).json();
        (status["profiles"][0]["state"] == "signed_in").then_some(())
    });
    assert_none_twice(&scene.idp.refreshes());
    scene.close();
}

#[test]
fn at_a_revocation_the_person_is_signed_out_and_hears_that_it_is_not_confirmed() {
    let scene = Scene::signed_in(Setting::of(Family::PingFederate));
    scene.idp.fault(&json!({ "endpoint": "revocation", "kind": "hold-before" }));
    let told = scene.world.cli(&["logout", "--all"]).expect(0);
    assert!(told.stderr.contains("signed out; Ping did not confirm"), "{}", told.stderr);
    assert_eq!(scene.idp.calls("endpoint=revocation&state=held").len(), 1, "it is still asked");
    scene.world.token(&[]).expect_err("signed out").expect(3);

    scene.idp.release();
    until("the end of it on the record", || {
        let ledger = std::fs::read_to_string(scene.world.state().join("ledger.jsonl")).unwrap();
        ledger.contains("\"event\":\"revocation\"").then_some(())
    });
    assert_eq!(scene.idp.calls("endpoint=revocation").len(), 1);
    scene.close();
}

#[test]
fn behind_a_refresh_a_sign_out_waits_its_turn_and_comes_by_itself() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    scene
        .idp
        .fault(&json!({ "endpoint": "token", "grant": "refresh_token", "kind": "hold-after" }));
    let (ask, socket) = (scene.rejecting().to_string(), scene.world.socket());
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| http::on_socket(&socket, "POST", "/v1/token", &ask));
        scene.idp.wait(1, "endpoint=token&grant=refresh_token&state=held");
        let told = scene.world.cli(&["logout"]).expect(6);
        says_that_ping_is_silent(&told);
        assert!(told.stderr.contains("goes on by itself"), "{}", told.stderr);
        scene.idp.release();
        drop(asking.join().unwrap());
    });
    let landed = scene.idp.wait(1, "endpoint=token&grant=refresh_token&state=done");
    let rotated = landed[0]["issued"].clone();
    let revoked = scene.idp.wait(1, "endpoint=revocation&state=done");
    assert_eq!(revoked[0]["presented"], rotated, "the one that had landed meanwhile");
    scene.world.token(&[]).expect_err("signed out").expect(3);
    scene.close();
}

#[test]
fn at_a_sign_in_whoever_pasted_the_callback_hears_that_it_goes_on() {
    let scene = Scene::new(Setting::of(Family::PingOne));
    let mut command = scene.world.command(env!("CARGO_BIN_EXE_dagpass"));
    command.args(["login", "--browser", "--no-open"]).stdin(Stdio::piped());
    let mut login = Process::spawn("dagpass login --no-open", &mut command);
    let url = login.stderr.wait_for("authorization URL", |text| {
        let word = text.split_whitespace().find(|word| word.contains("code_challenge="))?;
        text.contains(&format!("{word}\n")).then(|| word.to_owned())
    });
    scene.idp.fault(
        &json!({ "endpoint": "token", "grant": "authorization_code", "kind": "hold-before" }),
    );
    writeln!(login.stdin(), "{}", scene.idp.authorize(&url)).unwrap();
    login.stderr.wait_for("the word that it goes on", |text| {
        text.contains("Ping does not answer yet").then_some(())
    });
    scene.idp.release();
    let ended = login.ended().expect(0);
    assert!(!ended.stderr.contains("restart"), "{}", ended.stderr);
    scene.world.keep("dagpass login --no-open", ended);
    assert_eq!(scene.idp.call_api(&scene.token()), 200);
    scene.close();
}
