//! Fact: the icon registers with a real StatusNotifierWatcher on a private bus, its menu says who is
//! signed in and until when, and every item does what it says. No X server and no panel are needed
//! for that; the clipboard is the one thing that has a display.

use serde_json::Value;

use crate::idp::{Family, Setting};
use crate::scene::{Scene, user_code};
use crate::wait::until;
use crate::watcher::{Item, Watcher};
use crate::world::World;

/// A watcher, a provider and an agent whose icon the watcher has.
fn scene() -> (Scene, Watcher, Item) {
    let world = World::new();
    let watcher = Watcher::start(&world.bus_address());
    let setting = Setting::of(Family::PingOne);
    let scene = Scene::in_world(world, setting, "session-lifetime = \"8h\"");
    scene.world.start_agent();
    let item = watcher.item();
    (scene, watcher, item)
}

#[test]
fn a_sign_in_with_a_code_from_the_tray_leads_to_a_token() {
    let (scene, _watcher, item) = scene();
    until("the menu", || item.labels().contains(&"Sign in with a code".to_owned()).then_some(()));
    assert!(item.tooltip().contains("prod: signed out"), "{}", item.tooltip());
    let needs_sign_in = item.pixels();

    item.click("Sign in with a code");
    let code = until("the code in the menu", || item.labels().iter().find_map(|l| user_code(l)));
    assert!(item.labels().contains(&"Copy the code".to_owned()), "{:?}", item.labels());
    let signing_in = item.pixels();
    scene.idp.approve(&code);
    until("the person and the end", || item.tooltip().contains(", until ").then_some(()));
    assert!(item.tooltip().to_lowercase().contains("alice"), "{}", item.tooltip());
    let signed_in = item.pixels();
    assert!(needs_sign_in != signed_in && signing_in != signed_in, "the icon did not change");

    assert_eq!(scene.idp.call_api(&scene.token()), 200);
    scene.close();
}

#[test]
fn pause_resume_sign_out_and_quit_do_what_they_say() {
    let (scene, _watcher, item) = scene();
    scene.sign_in();
    until("the person", || item.labels().contains(&"Sign out".to_owned()).then_some(()));
    let before = item.pixels();

    item.click("Pause");
    until("the way back", || item.labels().contains(&"Resume".to_owned()).then_some(()));
    assert!(item.tooltip().contains("paused"), "{}", item.tooltip());
    assert_ne!(item.pixels(), before);
    assert_eq!(scene.ask(&serde_json::json!({})).status, 503, "no token leaves a paused agent");

    item.click("Resume");
    until("the way to pause", || item.labels().contains(&"Pause".to_owned()).then_some(()));
    assert_eq!(scene.idp.call_api(&scene.token()), 200);

    item.click("Sign out");
    until("signed out", || item.tooltip().contains("signed out").then_some(()));
    // Ping is asked last.
    assert_eq!(scene.idp.wait(1, "endpoint=revocation").len(), 1);
    let status: Value = scene.world.api("GET", "/v1/status", &Value::Null).json();
    assert_eq!(status["profiles"][0]["state"], "signed_out");

    let everywhere = "Sign out everywhere on this machine";
    assert!(!item.labels().contains(&everywhere.to_owned()), "nobody is signed in");
    scene.sign_in();
    until("the way out", || item.labels().contains(&everywhere.to_owned()).then_some(()));
    item.click(everywhere);
    until("signed out again", || item.tooltip().contains("signed out").then_some(()));
    assert_eq!(scene.idp.wait(2, "endpoint=revocation").len(), 2);

    item.click("Quit");
    scene.world.forget_agent();
    scene.close();
}

#[test]
fn a_host_that_comes_late_finds_the_icon() {
    let world = World::new();
    world.set("DISPLAY", ":4711");
    let address = world.bus_address();
    let scene = Scene::in_world(world, Setting::of(Family::PingOne), "");
    scene.world.start_agent();
    until("the word about it", || {
        scene.world.agent_said().contains("this desktop shows no tray icons").then_some(())
    });
    let icon =
        || scene.world.api("GET", "/v1/status", &Value::Null).json()["agent"]["icon"].clone();
    assert_eq!(icon(), "unseen");
    let told = scene.world.cli(&["status"]).expect(0).stdout;
    assert!(told.contains("shows no icons: run `dagpass doctor`"), "{told}");
    let mended = scene.world.cli(&["doctor"]).stdout;
    assert!(mended.contains("`gnome-extensions enable "), "{mended}");
    let watcher = Watcher::start(&address);
    let item = watcher.item();
    until("the menu", || item.labels().contains(&"Quit".to_owned()).then_some(()));
    scene.sign_in();
    until("the person", || item.labels().contains(&"Sign out".to_owned()).then_some(()));
    until("the icon to be seen", || (icon() == "shown").then_some(()));
    scene.close();
}
