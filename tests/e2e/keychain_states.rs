//! Fact: a keychain that is absent, locked or hung has its own exit code, is found out before a
//! browser or a code is shown, and costs nobody a session.

use std::time::{Duration, Instant};

use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;
use crate::world::World;

const UNAVAILABLE: i32 = 8;
const LOCKED: i32 = 9;

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
