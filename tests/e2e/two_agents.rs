//! Fact: two agents of one home never both run, whatever variables their shells have: one wins and serves
//! both, the other says who did.

use std::fs;

use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;
use crate::world::World;

#[test]
fn one_wins_and_the_other_says_so() {
    let scene = Scene::in_world(World::new(), Setting::of(Family::PingOne), "");
    let mut pair = [scene.world.launch_agent(), scene.world.launch_agent()];
    let loser = until("the end of one of two agents", || {
        pair.iter_mut().position(crate::world::Process::is_over)
    });
    let ended = pair[loser].ended();
    assert_ne!(ended.code(), 0);
    let winner = pair[1 - loser].pid();
    assert!(ended.stderr.contains(&winner.to_string()), "names nobody: {}", ended.stderr);
    scene.world.keep("the second agent", ended);

    until("the winner's socket", || {
        std::os::unix::net::UnixStream::connect(scene.world.socket()).ok()
    });
    assert!(!pair[1 - loser].is_over());
    let ended = pair[1 - loser].kill();
    scene.world.keep("the first agent", ended);
    scene.world.close();
}

#[test]
fn another_runtime_folder_makes_no_second_agent() {
    let scene = Scene::new(Setting::of(Family::PingOne));
    let elsewhere = scene.world.root().join("run2");
    fs::create_dir(&elsewhere).unwrap();
    scene.world.set("XDG_RUNTIME_DIR", elsewhere.to_str().unwrap());
    let ended = scene.world.launch_agent().ended();
    assert_ne!(ended.code(), 0, "a second agent would rotate the first one's tokens away");
    scene.world.keep("the second agent", ended);
    // The command line finds the one that runs all the same.
    scene.world.cli(&["status"]).expect(0);
    scene.world.close();
}

/// A snap's terminal has variables of its own, and so may a person's shell.
#[test]
fn a_shell_whose_variables_differ_finds_the_agent_and_makes_no_second_one() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let world = &scene.world;
    let first = world.agent_pid().to_string();
    let (runtime, state) = (world.root().join("run2"), world.home().join("snap/code/state"));
    fs::create_dir(&runtime).unwrap();
    world.set("XDG_RUNTIME_DIR", runtime.to_str().unwrap());
    world.set("XDG_STATE_HOME", state.to_str().unwrap());
    let config = world.home().join("snap/code/config.toml");
    world.set("DAGPASS_CONFIG", config.to_str().unwrap());

    let ended = world.launch_agent().ended();
    assert_ne!(ended.code(), 0, "a second agent would rotate the first one's tokens away");
    assert!(ended.stderr.contains(&format!("(pid {first}")), "names nobody: {}", ended.stderr);
    world.keep("the second agent", ended);

    let token = world.token(&[]).expect("the first agent serves this shell too");
    assert_eq!(scene.idp.call_api(&token), 200);
    let running = world.root().join("config.toml");
    let note = format!(
        "the running agent reads {}, this shell would read {}",
        running.display(),
        config.display()
    );
    let mut login = world.cli_start(&["login", "--fresh", "--device"]);
    login.stderr.wait_for("the other config", |said| said.contains(&note).then_some(()));
    world.keep("dagpass login", login.kill());
    for command in [&["status"][..], &["config", "path"], &["agent", "start"]] {
        let said = world.cli(command).expect(0).stderr;
        assert_eq!(said.matches(&note).count(), 1, "{command:?}: {said}");
    }
    assert!(!state.join("dagpass/ledger.jsonl").exists());
    assert!(!world.cli(&["audit", "tail"]).expect(0).stdout.is_empty(), "another ledger was read");
    scene.close();
}

#[test]
fn what_the_last_release_left_in_a_set_state_home_serves_every_shell() {
    let world = World::new();
    world.configure("[profile.prod]\nissuer = \"http://127.0.0.1:9/as\"\nclient-id = \"agent\"\n");
    world.secret("nothing was handed out", "no-secret-in-this-world");
    let theirs = world.root().join("data/dagpass");
    fs::create_dir_all(&theirs).unwrap();
    fs::write(theirs.join("ledger.jsonl"), "").unwrap();
    let usual = world.home().join(".local/state");
    world.set("XDG_STATE_HOME", world.root().join("data").to_str().unwrap());
    world.start_agent();
    assert!(theirs.join("connections.json").exists());
    until("the record for a client of the last release", || {
        theirs.join("agent.lock").exists().then_some(())
    });
    world.set("XDG_STATE_HOME", usual.to_str().unwrap());
    world.cli(&["--no-start", "status"]).expect(0);
    fs::remove_file(theirs.join("connections.json")).unwrap();
    world.restart_agent();
    assert!(theirs.join("connections.json").exists(), "another shell's agent has other files");
    assert!(!usual.join("dagpass/ledger.jsonl").exists());
    world.cli(&["purge", "--yes", "--keep-ledger"]).expect(0);
    world.forget_agent();
    assert!(theirs.join("ledger.jsonl").exists() && !theirs.join("agent.guard").exists());
    world.close();
}
