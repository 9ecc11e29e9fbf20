//! The stage by itself, before any of our programs walks on it: the provider's rig passes its own
//! checks, and the private keyring is open, locked, absent or hung when a test says so.

use std::process::{Command, Stdio};

use crate::idp::{Family, Idp, Setting, rig_folder};
use crate::wait::within;
use crate::world::{Process, World};

fn secret_tool(world: &World, args: &[&str], input: &str) -> Process {
    let mut command = world.command("secret-tool");
    let mut tool = Process::spawn("secret-tool", command.args(args).stdin(Stdio::piped()));
    std::io::Write::write_all(&mut tool.stdin(), input.as_bytes()).unwrap();
    tool
}

#[test]
fn the_independent_provider_passes_its_own_checks() {
    let folder = rig_folder();
    let mut command = Command::new("node");
    command.arg("--test").current_dir(folder).stdin(Stdio::null());
    let mut run = Process::spawn("node --test", &mut command);
    let ended = run.ended_within(std::time::Duration::from_secs(120));
    assert_eq!(ended.code(), 0, "{}", ended.stdout);
}

#[test]
fn a_provider_dies_with_the_test_that_started_it() {
    let idp = Idp::start(Setting::of(Family::PingAm));
    assert_eq!(idp.call_api("no token of ours"), 401);
    assert_eq!(idp.api_log()[0]["status"], 401);
    let issuer = idp.issuer.clone();
    drop(idp);
    assert!(crate::http::request(&issuer, "GET", "").is_err());
}

#[test]
fn the_keyring_is_open_locked_hung_and_gone_on_command() {
    let mut world = World::new();
    let store = ["store", "--label=e2e", "stage", "e2e"];
    secret_tool(&world, &store, "kept").ended().expect(0);
    let lookup = ["lookup", "stage", "e2e"];
    assert_eq!(secret_tool(&world, &lookup, "").ended().expect(0).stdout, "kept");

    world.bus().freeze();
    let mut hung = secret_tool(&world, &lookup, "");
    let answered = within(std::time::Duration::from_millis(300), || hung.is_over().then_some(()));
    assert!(answered.is_none(), "a stopped keyring answered");
    world.bus().thaw();
    assert_eq!(hung.ended().expect(0).stdout, "kept");

    world.bus().lock();
    assert_ne!(secret_tool(&world, &lookup, "").ended().stdout, "kept");

    world.bus().stop_keyring();
    assert_ne!(secret_tool(&world, &lookup, "").ended().code(), 0);
    world.bus().start_keyring();
    assert_eq!(secret_tool(&world, &lookup, "").ended().expect(0).stdout, "kept");
    world.close();
}

#[test]
fn a_bus_without_a_keyring_starts_none() {
    let world = World::with_bus();
    let ended = secret_tool(&world, &["lookup", "stage", "e2e"], "").ended();
    assert!(ended.stderr.contains("org.freedesktop.secrets"), "{ended:?}");
    world.close();
}
