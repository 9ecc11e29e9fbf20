//! Fact: the command line starts an agent where none runs, unless told not to; the agent it starts
//! keeps nothing of its first caller's shell.

use std::fs;

use serde_json::Value;

use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;
use crate::world::{World, program};

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

#[test]
fn an_agent_that_is_on_its_way_out_is_waited_for() {
    let world = World::bare();
    world.configure("[profile.prod]\nissuer = \"http://127.0.0.1:9/as\"\nclient-id = \"agent\"\n");
    world.secret("nothing was handed out", "no-secret-in-this-world");
    world.start_agent();
    world.stop_agent();
    // What is left of it: the lock, and nobody who answers.
    let guard = fs::File::open(world.state().join("agent.guard")).unwrap();
    guard.lock().unwrap();
    let mut start = world.cli_start(&["agent", "start"]);
    until("one that came too early", || {
        let said = fs::read_to_string(world.state().join("agent.log")).ok()?;
        said.contains("another agent").then_some(())
    });
    drop(guard);
    world.keep("dagpass agent start", start.ended().expect(0));
    world.cli(&["agent", "stop"]).expect(0);
    world.close();
}

#[test]
fn a_systemd_run_that_hangs_is_ended_and_the_agent_is_started_all_the_same() {
    let world = World::bare();
    world.configure("[profile.prod]\nissuer = \"http://127.0.0.1:9/as\"\nclient-id = \"agent\"\n");
    world.secret("nothing was handed out", "no-secret-in-this-world");
    let (folder, number) = (world.root().join("bin"), world.root().join("number"));
    fs::create_dir_all(world.root().join("run/systemd")).unwrap();
    fs::write(world.root().join("run/systemd/private"), "").unwrap();
    fs::create_dir(&folder).unwrap();
    let script = format!("#!/bin/sh\necho $$ > {}\nexec sleep 600\n", number.display());
    program::script(&folder.join("systemd-run"), &script);
    let path = std::env::var("PATH").unwrap();
    world.set("PATH", &format!("{}:{path}", folder.display()));
    world.cli(&["agent", "start"]).expect(0);
    let hung: i32 = fs::read_to_string(number).unwrap().trim().parse().unwrap();
    let hung = rustix::process::Pid::from_raw(hung).unwrap();
    until("the end of systemd-run", || {
        rustix::process::test_kill_process(hung).is_err().then_some(())
    });
    world.cli(&["--no-start", "status"]).expect(0);
    world.cli(&["agent", "stop"]).expect(0);
    world.close();
}
