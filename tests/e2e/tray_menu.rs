//! Fact: what the menu leads out to: the browser, the clipboard, which forgets a token, and the window
//! at the view that was meant. The icon's menu is triggered over D-Bus, as a panel does it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::display::Display;
use crate::http;
use crate::idp::{Family, Setting, notebook};
use crate::scene::{Scene, user_code};
use crate::wait::{until, within};
use crate::watcher::{Item, Watcher};
use crate::world::{World, program};

/// How long may a token stay in the clipboard, and a machine under load be late?
const LENT: Duration = Duration::from_secs(50);

/// The agent in a folder of its own, with a window that only writes down how it was opened.
pub(crate) fn beside_a_panel(world: &World) -> PathBuf {
    let folder = world.root().join("tmp");
    let (agent, panel) = (folder.join("dagpass-agent"), folder.join("dagpass-panel"));
    program::copied(env!("CARGO_BIN_EXE_dagpass-agent"), &agent);
    let script = format!("#!/bin/sh\necho \"$@\" >> '{}/opened'\necho open\n", folder.display());
    program::script(&panel, &script);
    agent
}

/// The window was opened with these arguments.
fn opened(world: &World, args: &str) {
    until(&format!("the window with `{args}`"), || {
        let text = fs::read_to_string(world.root().join("tmp/opened")).unwrap_or_default();
        text.lines().any(|line| line == args).then_some(())
    });
}

fn wait_for(item: &Item, label: &str) {
    until(&format!("`{label}` in the menu"), || {
        item.labels().iter().any(|one| one == label).then_some(())
    });
}

#[test]
fn the_browser_signs_in_and_the_last_request_leads_to_the_window() {
    let world = World::new();
    let watcher = Watcher::start(&world.bus_address());
    world.set("BROWSER", notebook(&world).to_str().unwrap());
    let scene = Scene::in_world(world, Setting::of(Family::PingOne), "");
    let agent = beside_a_panel(&scene.world);
    scene.world.start_agent_by(scene.world.command(agent).arg("run"));
    let item = watcher.item();
    wait_for(&item, "Sign in");
    item.click("Sign in");
    let url = until("the URL in the browser", || {
        let text = fs::read_to_string(scene.world.root().join("tmp/opened")).ok()?;
        text.lines().find(|line| line.starts_with("http")).map(str::to_owned)
    });
    let callback = scene.idp.authorize(&url);
    assert_eq!(http::request(&callback, "GET", "").unwrap().status, 200);
    wait_for(&item, "Sign out");

    let context = json!({ "context": { "dag_id": "etl", "task_id": "load" } });
    for _ in 0..7 {
        assert_eq!(scene.ask(&context).status, 200);
    }
    let row = until("the request in the menu", || {
        let rows = item.labels();
        let ours = |row: &&String| row.ends_with("etl.load · prod · cache");
        (rows.iter().filter(ours).count() == 5).then(|| rows.into_iter().find(|row| ours(&row)))
    });
    item.click(&row.unwrap());
    opened(&scene.world, "--view activity");
    item.click("Open dagpass…");
    opened(&scene.world, "");
    scene.close();
}

#[test]
fn without_a_config_the_menu_welcomes() {
    let world = World::with_bus();
    let watcher = Watcher::start(&world.bus_address());
    let agent = beside_a_panel(&world);
    world.start_agent_by(world.command(agent).arg("run"));
    let item = watcher.item();
    wait_for(&item, "Welcome…");
    item.click("Welcome…");
    opened(&world, "--view welcome");
    world.close();
}

#[test]
fn a_copied_token_leaves_the_clipboard_by_itself_and_a_code_is_copied() {
    let display = Display::start();
    let world = World::new();
    world.set("DISPLAY", &display.name);
    let watcher = Watcher::start(&world.bus_address());
    let scene = Scene::in_world(world, Setting::of(Family::PingOne), "");
    scene.world.start_agent();
    let item = watcher.item();
    wait_for(&item, "Sign in with a code");
    item.click("Sign in with a code");
    wait_for(&item, "Copy the code");
    let code = item.labels().iter().find_map(|label| user_code(label)).unwrap();
    item.click("Copy the code");
    until("the code in the clipboard", || (display.clipboard(&scene.world) == code).then_some(()));
    scene.idp.approve(&code);
    wait_for(&item, "Copy token for 30 s");
    let token = scene.token();
    item.click("Copy token for 30 s");
    until("the token in the clipboard", || {
        (display.clipboard(&scene.world) == token).then_some(())
    });
    let forgotten = within(LENT, || display.clipboard(&scene.world).is_empty().then_some(()));
    assert_eq!(forgotten, Some(()), "the token stays in the clipboard");
    scene.close();
}
