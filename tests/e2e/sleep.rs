//! Fact: before the machine sleeps the ledger is on disk, and only then the agent lets it sleep; after
//! waking an expired token is had anew, once; the machine's shutdown, a hang-up and no login1 at all
//! are taken as they come. A private system bus with a login1 of the test's own.

use rustix::process::Signal;
use serde_json::json;

use crate::http;
use crate::idp::{Family, Setting, assert_none_twice};
use crate::login1::Login1;
use crate::scene::{LAKE_API, Scene};
use crate::wait::until;
use crate::world::World;

const NARROWED: &str = r#"{"connection": "lake_api"}"#;

#[test]
fn a_machine_that_sleeps_and_wakes_has_its_record_and_a_fresh_token() {
    let world = World::new();
    let login1 = Login1::start(&world);
    let setting = Setting { access: 4, ..Setting::of(Family::PingOne) };
    let scene = Scene::in_world(world, setting, "");
    scene.world.start_agent();
    assert_eq!(login1.taken(1), "dagpass:delay:sleep:shutdown");
    scene.sign_in();
    let before = scene.token();

    login1.tell("PrepareForSleep", true);
    login1.let_go(0);
    let (kept, released) = until("the words about it", || {
        let said = scene.world.agent_said();
        Some((said.find("the record is on disk")?, said.find("the machine may sleep")?))
    });
    assert!(kept < released, "it let go before the record was on disk");

    // While it sleeps the token runs out.
    let agent = scene.world.agent_pid();
    let stopped = rustix::process::Pid::from_raw(agent.cast_signed()).unwrap();
    rustix::process::kill_process(stopped, Signal::STOP).unwrap();
    scene.wait_until_expired(&before);
    rustix::process::kill_process(stopped, Signal::CONT).unwrap();
    login1.tell("PrepareForSleep", false);
    login1.taken(2);
    // The next caller does not wait for the fleet to spread.
    let after = scene.token();
    assert_ne!(after, before);
    assert_eq!(scene.idp.call_api(&after), 200);
    assert_none_twice(&scene.idp.calls("endpoint=token&grant=refresh_token"));
    scene.close();
}

#[test]
fn what_is_on_its_way_lands_before_the_machine_sleeps_and_nothing_begins_until_it_woke() {
    let world = World::new();
    let login1 = Login1::start(&world);
    let scene = Scene::in_world(world, Setting::of(Family::PingOne), LAKE_API);
    scene.world.start_agent();
    login1.taken(1);
    scene.sign_in();
    scene
        .idp
        .fault(&json!({ "endpoint": "token", "grant": "refresh_token", "kind": "hold-after" }));
    let (socket, ask) = (scene.world.socket(), scene.rejecting().to_string());
    std::thread::scope(|scope| {
        let first = scope.spawn(|| http::on_socket(&socket, "POST", "/v1/token", &ask).unwrap());
        scene.idp.wait(1, "endpoint=token&grant=refresh_token&state=held");
        login1.tell("PrepareForSleep", true);
        until("the word of it", || scene.world.agent_said().contains("Sleeps").then_some(()));
        let second =
            scope.spawn(|| http::on_socket(&socket, "POST", "/v1/token", NARROWED).unwrap());
        until("the next to ask", || {
            let ledger = std::fs::read_to_string(scene.world.state().join("ledger.jsonl")).unwrap();
            ledger.contains("\"lake_api\"").then_some(())
        });
        scene.idp.release();
        assert_eq!(first.join().unwrap().status, 200);
        login1.let_go(0);
        let said = scene.world.agent_said();
        assert!(!said.contains("Ping still owes an answer"), "{said}");
        // Saved before it let go: what comes after a crash in the night goes on from there.
        assert_eq!(scene.idp.refreshes().len(), 1, "nothing new began");
        login1.tell("PrepareForSleep", false);
        login1.taken(2);
        assert_eq!(second.join().unwrap().status, 200);
    });
    assert_eq!(scene.idp.refreshes().len(), 2);
    assert_none_twice(&scene.idp.refreshes());
    scene.close();
}

#[test]
fn ping_s_silence_keeps_no_machine_awake() {
    let world = World::new();
    let login1 = Login1::start(&world);
    let scene = Scene::in_world(world, Setting::of(Family::PingFederate), "");
    scene.world.start_agent();
    login1.taken(1);
    scene.sign_in();
    scene
        .idp
        .fault(&json!({ "endpoint": "token", "grant": "refresh_token", "kind": "hold-before" }));
    let (socket, ask) = (scene.world.socket(), scene.rejecting().to_string());
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| http::on_socket(&socket, "POST", "/v1/token", &ask));
        scene.idp.wait(1, "endpoint=token&grant=refresh_token&state=held");
        login1.tell("PrepareForSleep", true);
        login1.let_go(0);
        let said = scene.world.agent_said();
        assert!(said.contains("the machine sleeps while Ping still owes an answer"), "{said}");
        login1.tell("PrepareForSleep", false);
        scene.idp.release();
        // Whether this one had still the patience is not what is asked here.
        drop(asking.join().unwrap());
    });
    scene.idp.wait(1, "endpoint=token&grant=refresh_token&state=done");
    assert_eq!(scene.idp.call_api(&scene.token()), 200);
    assert_none_twice(&scene.idp.refreshes());
    scene.close();
}

#[test]
fn the_machine_s_shutdown_ends_the_agent_cleanly() {
    let world = World::new();
    let login1 = Login1::start(&world);
    let scene = Scene::in_world(world, Setting::of(Family::PingOne), "");
    scene.world.start_agent();
    login1.taken(1);
    scene.sign_in();
    login1.tell("PrepareForShutdown", true);
    login1.let_go(0);
    scene.world.forget_agent();
    assert!(!scene.world.socket().with_file_name("endpoint.json").exists());
    scene.world.start_agent();
    assert_eq!(scene.ask(&json!({})).status, 200, "the session is kept");
    scene.close();
}

#[test]
fn the_session_s_hang_up_ends_the_agent_cleanly_and_no_login1_is_no_error() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let agent = scene.world.agent_pid();
    let said = scene.world.agent_said();
    assert!(!said.contains("\"ERROR\""), "{said}");
    let pid = rustix::process::Pid::from_raw(agent.cast_signed()).unwrap();
    rustix::process::kill_process(pid, Signal::HUP).unwrap();
    scene.world.forget_agent();
    assert!(!scene.world.socket().with_file_name("endpoint.json").exists());
    scene.close();
}
