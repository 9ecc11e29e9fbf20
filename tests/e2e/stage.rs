//! The stage by itself, before any of our programs walks on it: a provider ends with its test, and the
//! private keyring is open, locked, absent or hung when a test says so. The provider's rig checks itself
//! (`cargo task idp`).

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::idp::{Family, Idp, Setting};
use crate::wait::{PATIENCE, within};
use crate::world::{Process, World};

fn secret_tool(world: &World, args: &[&str], input: &str) -> Process {
    let mut command = world.command("secret-tool");
    let mut tool = Process::spawn("secret-tool", command.args(args).stdin(Stdio::piped()));
    tool.stdin().write_all(input.as_bytes()).unwrap();
    tool
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

/// Once it did not: the error that nobody could be told was told, and again, for ever, on a core's tenth.
#[test]
fn the_providers_end_where_nobody_hears_them_any_more() {
    let mut command = crate::idp::house();
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut house = command.spawn().unwrap();
    let mut ear = house.stdin.take().unwrap();
    let mut mouth = BufReader::new(house.stdout.take().unwrap());
    let mut answer = String::new();
    writeln!(ear, r#"{{"id":1,"stop":0}}"#).unwrap();
    mouth.read_line(&mut answer).unwrap();
    assert_eq!(answer, "{\"id\":1}\n");
    drop((mouth, house.stderr.take()));
    writeln!(ear, r#"{{"id":2,"stop":0}}"#).unwrap();
    let ended = within(PATIENCE, || house.try_wait().unwrap());
    if ended.is_none() {
        house.kill().unwrap();
    }
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
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
