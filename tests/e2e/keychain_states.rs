//! Fact: a keychain that is absent, locked or hung has its own exit code, is found out before a
//! browser or a code is shown, and costs nobody a session. A session bus that the agent was started with
//! and that is of no use costs nothing where there is another.

use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;
use crate::world::{Bus, World};

const UNAVAILABLE: i32 = 8;
const LOCKED: i32 = 9;
const BUS: &str = "DBUS_SESSION_BUS_ADDRESS";

fn login_is_refused(scene: &Scene, code: i32) {
    let refused = scene.world.cli(&["login", "--device"]).expect(code);
    assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
    let asked = scene.idp.calls("endpoint=device_authorization");
    assert!(asked.is_empty(), "the store is probed first: {asked:#?}");
}

fn without(world: World) -> Scene {
    let scene = Scene::in_world(world, Setting::of(Family::PingOne), "");
    scene.world.start_agent();
    scene
}

#[test]
fn no_session_bus() {
    let scene = without(World::bare());
    login_is_refused(&scene, UNAVAILABLE);
    scene.world.close();
}

#[test]
fn a_bus_without_a_secret_service() {
    let scene = without(World::with_bus());
    login_is_refused(&scene, UNAVAILABLE);
    scene.world.close();
}

#[test]
fn locked_at_sign_in() {
    let mut world = World::new();
    world.bus().lock();
    let scene = without(world);
    login_is_refused(&scene, LOCKED);
    scene.world.close();
}

#[test]
fn locked_at_start_and_opened_later() {
    let mut scene = Scene::signed_in(Setting::of(Family::PingOne));
    scene.world.stop_agent();
    scene.world.bus().lock();
    scene.world.start_agent();
    scene.world.token(&[]).expect_err("the keychain is locked").expect(LOCKED);

    scene.world.bus().stop_keyring();
    scene.world.bus().start_keyring();
    let token = until("a token once it is open", || scene.world.token(&[]).ok());
    assert_eq!(scene.idp.call_api(&token), 200);
    scene.close();
}

#[test]
fn hung_at_start_and_well_later() {
    let mut scene = Scene::signed_in(Setting::of(Family::PingOne));
    scene.world.stop_agent();
    scene.world.bus().freeze();
    scene.world.start_agent();
    let start = Instant::now();
    scene.world.token(&[]).expect_err("the keychain hangs").expect(UNAVAILABLE);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    scene.world.bus().thaw();
    let token = until("a token once it answers", || scene.world.token(&[]).ok());
    assert_eq!(scene.idp.call_api(&token), 200);
    scene.close();
}

#[test]
fn a_bus_address_of_no_use_and_a_good_bus_in_the_runtime_folder() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let mute = scene.world.root().join("mute");
    let _silent = UnixListener::bind(&mute).unwrap();
    let gone = scene.world.root().join("gone");
    for address in [
        format!("unix:path={}", gone.display()),
        format!("unix:path={}", mute.display()),
        "disabled:".to_owned(),
        "autolaunch:".to_owned(),
        String::new(),
    ] {
        scene.world.set(BUS, &address);
        scene.world.restart_agent();
        let token = scene.world.token(&[]);
        let token = token.unwrap_or_else(|ended| panic!("{address}: {}", ended.stderr));
        assert_eq!(scene.idp.call_api(&token), 200, "{address}");
    }
    scene.close();
}

#[test]
fn a_bus_address_of_no_use_and_no_other_bus() {
    let world = World::bare();
    world.set(BUS, &format!("unix:path={}", world.root().join("gone").display()));
    let scene = without(world);
    login_is_refused(&scene, UNAVAILABLE);
    let refused = scene.world.cli(&["login", "--device"]);
    assert!(refused.stderr.contains("`dagpass agent restart`"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("choose an encrypted file"), "{}", refused.stderr);
    scene.world.close();
}

#[test]
fn a_bus_that_only_a_callers_shell_knows() {
    let world = World::bare();
    let mut elsewhere = Bus::system(world.root());
    elsewhere.start_keyring();
    let scene = without(world);
    login_is_refused(&scene, UNAVAILABLE);
    scene.world.set(BUS, &elsewhere.address);
    scene.sign_in();
    // Known from now on, whoever calls.
    scene.world.set(BUS, "");
    let token = scene.world.token(&[]).unwrap();
    assert_eq!(scene.idp.call_api(&token), 200);
    // An agent that knows nothing of it hears of it with the first call.
    scene.world.restart_agent();
    scene.world.token(&[]).expect_err("there is no bus").expect(UNAVAILABLE);
    scene.world.set(BUS, &elsewhere.address);
    let token = scene.world.token(&[]).unwrap();
    assert_eq!(scene.idp.call_api(&token), 200);
    scene.close();
}
