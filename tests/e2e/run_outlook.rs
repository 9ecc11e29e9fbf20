//! Fact: before a DAG runs it is said where the session ends sooner than the DAG took before, as the
//! record of past runs has it; a person at a terminal signs in anew there and then, and `auth_time`
//! moves. What is unknown is said to be that, without a record nothing is said, and no run is kept
//! from starting.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::idp::{Family, Setting, chromium};
use crate::run_events::{event, tell};
use crate::scene::Scene;
use crate::wait::{until, within};
use crate::world::{Process, World};

const TWO_HOURS: u64 = 7200;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A run of `etl` that took two hours, as Airflow's scheduler tells it.
fn a_long_run_is_on_record(scene: &Scene) {
    let mut ended = event("success", "dag", "");
    ended["started_at"] = json!(now() - TWO_HOURS);
    ended["at"] = json!(now());
    assert_eq!(tell(scene, &ended)["recorded"], true);
}

/// A program that is called as Airflow is.
fn airflow(world: &World) -> String {
    let path = world.root().join("tmp/airflow");
    fs::write(&path, "#!/bin/sh\necho ran\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path.display().to_string()
}

fn profile(scene: &Scene) -> Value {
    let status = scene.world.cli(&["status", "--json"]).expect(0);
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    status["profiles"][0].clone()
}

fn run(scene: &Scene) -> String {
    let airflow = airflow(&scene.world);
    let ended = scene.world.cli(&["run", "--", &airflow, "dags", "test", "etl"]).expect(0);
    assert_eq!(ended.stdout, "ran\n");
    ended.stderr
}

#[test]
fn a_session_shorter_than_the_dag_is_said_before_the_start_and_keeps_nothing_from_it() {
    let setting = Setting::of(Family::PingOne);
    let scene = Scene::configured(setting, "session-lifetime = \"1h\"");
    scene.sign_in();
    assert_eq!(run(&scene), "", "no record, no claim");
    a_long_run_is_on_record(&scene);
    scene.world.restart_agent();
    let said = run(&scene);
    assert!(said.contains("warning: `etl` took up to 2 h before"), "{said}");
    assert!(said.contains("the session `prod` ends in 59 min (profile)"), "{said}");
    assert!(said.contains("hint: run `dagpass login prod --fresh`"), "{said}");
    // Another way to start it: Airflow's own log says the same before the first task.
    let first = tell(&scene, &event("running", "task", "load"));
    assert_eq!(first["warnings"][0]["outlook"], "short", "{first:#}");
    assert!(tell(&scene, &event("running", "task", "next")).get("warnings").is_none(), "once");
    scene.close();
}

#[test]
fn a_session_that_lasts_is_not_spoken_of_and_an_unknown_end_is_said_to_be_unknown() {
    let scene = Scene::configured(Setting::of(Family::PingOne), "session-lifetime = \"12h\"");
    scene.sign_in();
    a_long_run_is_on_record(&scene);
    assert_eq!(run(&scene), "");
    let config = scene.idp.config("");
    scene.world.configure(&config);
    let said = until("the changed config", || Some(run(&scene)).filter(|said| !said.is_empty()));
    assert!(said.contains("when the session `prod` ends is not known"), "{said}");
    assert!(said.contains("session-lifetime"), "{said}");
    scene.close();
}

#[test]
fn how_long_three_sessions_lasted_is_what_the_next_is_expected_to() {
    let scene = Scene::configured(Setting::of(Family::PingFederate), "");
    let source = |scene: &Scene| profile(scene)["horizons"]["session"]["source"].clone();
    for _ in 0..3 {
        scene.sign_in();
        scene.token();
        // One may have been revoked, and two do not tell which.
        assert_eq!(source(&scene), "unknown");
        end(&scene);
    }
    scene.sign_in();
    let horizon = &profile(&scene)["horizons"]["session"];
    assert_eq!(horizon["source"], "observed");
    assert!(horizon["at"].as_u64().unwrap() < now() + 60, "{horizon}");
    let shown = scene.world.cli(&["status"]).expect(0);
    assert!(shown.stdout.contains("(observed)"), "{}", shown.stdout);
    scene.close();
}

/// Ping ends the session, the agent keeps for how long it lasted, and starts anew.
fn end(scene: &Scene) {
    let file = scene.world.state().join("ended-sessions.json");
    let written = || fs::metadata(&file).and_then(|file| file.modified()).ok();
    let before = written();
    let again = scene.rejecting();
    scene.idp.revoke_families();
    until("the end of the session", || {
        scene.ask(&again);
        (profile(scene)["state"] == "login_required").then_some(())
    });
    until("the record of it", || (written() > before).then_some(()));
    scene.world.restart_agent();
}

#[test]
fn a_person_at_a_terminal_signs_in_anew_and_auth_time_moves() {
    let world = World::new();
    world.set("BROWSER", chromium(&world).to_str().unwrap());
    let more = "session-lifetime = \"1h\"\nmax-age = \"12h\"\nflow = \"browser\"";
    let scene = Scene::in_world(world, Setting::of(Family::PingOne), more);
    scene.world.start_agent();
    scene.world.cli(&["login", "--browser"]).expect(0);
    a_long_run_is_on_record(&scene);
    let before = profile(&scene)["who"]["auth_time"].as_u64().expect("the provider tells");
    within(std::time::Duration::from_secs(5), || (now() > before + 1).then_some(()));

    let line = format!(
        "'{}' run -- '{}' dags test etl",
        env!("CARGO_BIN_EXE_dagpass"),
        airflow(&scene.world)
    );
    // A terminal of its own, as `script` makes one.
    let mut command = scene.world.command("script");
    command.args(["-qec", &line, "/dev/null"]).stdin(Stdio::piped());
    let mut run = Process::spawn("dagpass run at a terminal", &mut command);
    let mut keyboard = run.stdin();
    run.stdout.wait_for("question", |text| text.contains("sign in now? [Y/n]").then_some(()));
    writeln!(keyboard, "y").unwrap();
    let ended = run.ended_within(std::time::Duration::from_secs(60)).expect(0);
    assert!(ended.stdout.contains("signed in to `prod`"), "{}", ended.stdout);
    assert!(ended.stdout.trim_end().ends_with("ran"), "{}", ended.stdout);
    scene.world.keep("dagpass run at a terminal", ended);

    let after = profile(&scene)["who"]["auth_time"].as_u64().unwrap();
    assert!(after > before, "{before} {after}");
    scene.close();
}
