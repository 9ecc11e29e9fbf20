//! Fact: as many files may be open as the system allows; whoever follows the events in great number keeps
//! nobody's token and no refresh, and what we start has the limit that we were started with.

use std::fs;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::stream::Unread;
use crate::wait::until;
use crate::world::{World, program};

const MANY: usize = 1_060;

/// With these limits of open files.
fn start_with(scene: &Scene, limits: &str) {
    let mut agent = scene.world.command("sh");
    let script = format!("ulimit {limits} && exec \"$0\" run");
    agent.args(["-c", &script, env!("CARGO_BIN_EXE_dagpass-agent")]);
    scene.world.start_agent_by(&mut agent);
}

/// Both ends are ours: a test needs as many as the agent.
fn may_open_many() -> bool {
    let found = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: found.maximum, maximum: found.maximum };
    setrlimit(Resource::Nofile, raised).unwrap();
    let enough = found.maximum.is_none_or(|most| most >= 4096);
    if !enough {
        println!("not run: this machine lets a program open {:?} files", found.maximum);
    }
    enough
}

/// Soft and hard, as the system has them for a process.
fn limits(pid: u32) -> (String, String) {
    let text = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = text.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let mut fields = line.split_ascii_whitespace().skip(3).map(str::to_owned);
    (fields.next().unwrap(), fields.next().unwrap())
}

fn follow(socket: &Path) -> UnixStream {
    let stream = Unread::open(socket).into_inner();
    stream.set_read_timeout(Some(crate::wait::PATIENCE)).unwrap();
    stream
}

fn status(mut stream: &UnixStream) -> String {
    let mut head = [0; 12];
    stream
        .read_exact(&mut head)
        .map_or_else(|_| "closed".to_owned(), |()| String::from_utf8_lossy(&head[9..]).into_owned())
}

#[test]
fn a_thousand_followers_keep_nobody_s_token_and_256_of_them_are_told() {
    if !may_open_many() {
        return;
    }
    let scene = Scene::in_world(World::new(), Setting::of(Family::PingOne), "");
    start_with(&scene, "-Sn 1024");
    let (soft, hard) = limits(scene.world.agent_pid());
    assert_eq!(soft, hard, "as many as the system allows");
    scene.sign_in();
    let followers: Vec<_> = (0..MANY).map(|_| follow(&scene.world.socket())).collect();
    let answers: Vec<_> = followers.iter().map(status).collect();
    let told = answers.iter().filter(|status| *status == "200").count();
    assert_eq!(told, 256, "{answers:?}");
    let others = answers.iter().filter(|status| ["503", "closed"].contains(&status.as_str()));
    assert_eq!(others.count(), MANY - 256, "{answers:?}");
    scene.token();
    scene.refreshed();
    drop(followers);
    scene.close();
}

#[test]
fn where_files_are_few_some_are_left_for_what_is_asked_and_what_is_due() {
    if !may_open_many() {
        return;
    }
    let scene = Scene::in_world(World::new(), Setting::of(Family::PingOne), "");
    start_with(&scene, "-n 256");
    assert_eq!(limits(scene.world.agent_pid()), ("256".to_owned(), "256".to_owned()));
    scene.sign_in();
    let before = scene.token();
    let followers: Vec<_> = (0..MANY).map(|_| follow(&scene.world.socket())).collect();
    // By a door of its own, which has no place left: the oldest idle one makes room.
    let after = scene.refreshed();
    assert_ne!(before, after);
    assert!(!scene.world.agent_said().contains("Too many open files"));
    drop(followers);
    scene.close();
}

#[test]
fn the_browser_has_the_limit_that_we_were_started_with() {
    if !may_open_many() {
        return;
    }
    let scene = Scene::in_world(World::new(), Setting::of(Family::PingOne), "");
    scene.world.secret("nothing was handed out", "no-secret-in-this-world");
    let told = scene.world.root().join("tmp/limit");
    let browser = scene.world.root().join("tmp/browser");
    program::script(
        &browser,
        &format!("#!/bin/sh\nulimit -Sn > {0}.new\nmv {0}.new {0}\n", told.display()),
    );
    scene.world.set("BROWSER", browser.to_str().unwrap());
    start_with(&scene, "-Sn 1000");
    let mut login = scene.world.cli_start(&["login", "--browser"]);
    let limit = until("the browser", || fs::read_to_string(&told).ok());
    assert_eq!(limit.trim(), "1000");
    let ended = login.kill();
    scene.world.keep("dagpass login", ended);
    scene.world.close();
}
