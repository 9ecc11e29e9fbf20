//! A run is for the caller itself or a process that it started; what it begins is never wider and never
//! longer than itself.

use serde_json::json;

use super::{NOTHING, begin, code, empty, known, with};
use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;
use crate::world::Process;

const SECOND: &str = "\n[profile.other]\nissuer = \"http://127.0.0.1:9/as\"\nclient-id = \"x\"\n";

#[test]
fn nobody_lends_another_s_life_to_a_capability() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let world = &scene.world;
    let mut command = world.command("/bin/sh");
    command.args(["-c", "echo here; read end"]).stdin(std::process::Stdio::piped());
    let mut child = Process::spawn("a child", &mut command);
    child.stdout.wait_for("word of it", |text| text.contains("here").then_some(()));
    for (pid, expected) in [
        (1, "invalid_request"),
        (std::os::unix::process::parent_id(), "invalid_request"),
        (u32::MAX, "invalid_request"),
        (std::process::id(), "ok"),
        (child.pid(), "ok"),
    ] {
        let reply = world.api("POST", "/v1/runs", &json!({ "pid": pid }));
        assert_eq!(code(&reply), expected, "{pid}: {}", reply.body);
        if reply.status == 200 {
            known(world, &reply);
        }
    }
    let (_, run) = begin(world, &empty());
    let reply = with(world, &run, ("POST", "/v1/runs"), &json!({ "pid": 1 }));
    assert_eq!(code(&reply), "invalid_request", "{}", reply.body);
    child.kill();
    scene.token();
    scene.close();
}

#[test]
fn a_run_s_run_is_no_wider_and_ends_with_it() {
    let scene = Scene::configured(Setting::of(Family::PingOne), SECOND);
    scene.sign_in();
    let world = &scene.world;
    let (outer_id, outer) = begin(world, &json!({"profiles": ["prod"], "env": null}));
    let runs = ("POST", "/v1/runs");
    let (inner_id, inner) = known(world, &with(world, &outer, runs, &empty()));
    let (_, wider) = known(world, &with(world, &outer, runs, &json!({"profiles": ["other"]})));
    let token = |capability: &str| {
        code(&with(world, capability, ("POST", "/v1/token"), &json!({"profile": "prod"})))
    };
    assert_eq!((token(&inner).as_str(), token(&wider).as_str()), ("ok", "access_denied"));
    let other = with(world, &inner, ("POST", "/v1/token"), &json!({"profile": "other"}));
    assert_eq!(code(&other), "access_denied");

    let end = |capability: &str, id: &str| {
        code(&with(world, capability, ("DELETE", &format!("/v1/runs/{id}")), &NOTHING))
    };
    assert_eq!(end(&inner, &outer_id), "access_denied", "not the one above it");
    assert_eq!(end(&outer, &inner_id), "ok");
    assert_eq!(token(&inner), "invalid_token");
    let (_, inner) = known(world, &with(world, &outer, runs, &empty()));
    world.api("DELETE", &format!("/v1/runs/{outer_id}"), &NOTHING);
    until("the end of both", || (token(&inner) == "invalid_token").then_some(()));
    scene.token();
    scene.close();
}

#[test]
fn runs_within_a_run_are_bounded() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let world = &scene.world;
    let (_, outer) = begin(world, &empty());
    let mut at = outer.clone();
    let mut begun = 0;
    let last = loop {
        let reply = with(world, &at, ("POST", "/v1/runs"), &empty());
        if reply.status != 200 {
            break reply;
        }
        begun += 1;
        assert!(begun < 200, "each is the run of the one before");
        at = known(world, &reply).1;
    };
    assert_eq!((begun, code(&last).as_str()), (32, "access_denied"), "{}", last.body);
    assert_eq!(world.api("POST", "/v1/runs", &empty()).status, 200, "another of the owner's");
    scene.token();
    scene.close();
}
