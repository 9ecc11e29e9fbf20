//! Fact: two agents started at once never both run: one wins, the other says who did.

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
    std::fs::create_dir(&elsewhere).unwrap();
    scene.world.set("XDG_RUNTIME_DIR", elsewhere.to_str().unwrap());
    let ended = scene.world.launch_agent().ended();
    assert_ne!(ended.code(), 0, "a second agent would rotate the first one's tokens away");
    scene.world.keep("the second agent", ended);
    // The command line finds the one that runs all the same.
    scene.world.cli(&["status"]).expect(0);
    scene.world.close();
}
