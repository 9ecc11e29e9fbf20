//! Fact: the command line starts an agent where none runs, unless told not to; the agent it starts
//! keeps nothing of its first caller's shell.

use std::fs;

use serde_json::Value;

use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::world::World;

const NOT_RUNNING: i32 = 7;

#[test]
fn it_is_started_on_demand_and_not_where_forbidden() {
    let scene = Scene::in_world(World::new(), Setting::of(Family::PingOne), "");
    scene.world.cli(&["--no-start", "status"]).expect(NOT_RUNNING);
    scene.world.set("AWS_SECRET_ACCESS_KEY", "a-secret-of-the-callers-shell");
    let status = scene.world.cli(&["status", "--json"]).expect(0);
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    let pid = status["agent"]["pid"].as_u64().unwrap();
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
    let environment = String::from_utf8_lossy(&environment);
    assert!(!environment.contains("AWS_SECRET_ACCESS_KEY"), "the caller's shell was inherited");
    scene.world.cli(&["agent", "stop"]).expect(0);
    scene.world.cli(&["--no-start", "status"]).expect(NOT_RUNNING);
    scene.world.close();
}

#[test]
fn a_restart_keeps_the_session() {
    let scene = Scene::signed_in(Setting::of(Family::PingFederate));
    scene.world.cli(&["agent", "restart"]).expect(0);
    let token = scene.world.token(&[]).expect("the session is kept");
    assert_eq!(scene.idp.call_api(&token), 200);
    scene.world.cli(&["agent", "stop"]).expect(0);
    scene.world.forget_agent();
    scene.close();
}
