//! Fact: the icon is up at once, and an idle agent with its tray weighs little: neither WebKit nor GTK
//! is in it. Prints the figures; `DAGPASS_AGENT` names another build to weigh, which then must be
//! within what was promised for the one that ships.

use std::fs;
use std::time::{Duration, Instant};

use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;
use crate::watcher::Watcher;
use crate::world::World;

/// How long may the icon take from the program's start, and what may agent and tray weigh? Of the
/// programs as they ship.
const UP: Duration = Duration::from_millis(150);
const RSS_KIB: u64 = 18 * 1024;

/// `name: 123 kB` of a file in `/proc`.
fn kib(pid: u32, file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn the_icon_is_up_at_once_and_the_agent_weighs_little() {
    let shipped = std::env::var("DAGPASS_AGENT").ok();
    let program = shipped.clone().unwrap_or_else(|| env!("CARGO_BIN_EXE_dagpass-agent").to_owned());
    let world = World::new();
    world.set("DAGPASS_LOG", "info");
    let watcher = Watcher::start(&world.bus_address());
    let scene = Scene::in_world(world, Setting::of(Family::PingOne), "session-lifetime = \"8h\"");
    let started = Instant::now();
    scene.world.start_agent_by(scene.world.command(&program).arg("run"));
    let item = watcher.item();
    let up = started.elapsed();
    until("the menu", || item.labels().contains(&"Sign in".to_owned()).then_some(()));
    let idle = kib(scene.world.agent_pid(), "status", "VmRSS");
    println!("{program}: icon up in {up:?}, RSS {idle} KiB before anybody signs in");
    scene.sign_in();
    until("the person", || item.labels().contains(&"Sign out".to_owned()).then_some(()));
    for _ in 0..20 {
        scene.token();
    }
    until("the requests", || {
        item.labels().iter().any(|label| label.ends_with("· cache")).then_some(())
    });
    let pid = scene.world.agent_pid();
    let (rss, pss) = (kib(pid, "status", "VmRSS"), kib(pid, "smaps_rollup", "Pss"));
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().count();
    println!("signed in, 20 tokens served: RSS {rss} KiB, PSS {pss} KiB, {threads} threads");
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    for library in ["webkit", "libgtk", "libgdk", "appindicator"] {
        assert!(!maps.contains(library), "{library} is loaded");
    }
    if shipped.is_some() {
        assert!(up < UP, "the icon took {up:?}");
        assert!(rss <= RSS_KIB, "{rss} KiB");
    }
    scene.close();
}
