//! The control of the secret scan: it must find a canary that leaks on purpose, in every kind of
//! place, and must fail where nothing was sought. Without this a clean scan would say nothing.

use crate::argv;
use crate::scan::{Place, Secret, Verdict, scan};
use crate::wait::until;
use crate::world::{Process, World};

const CANARY: &str = "canary-7f3a9e0c51d24b68a1f0c9d8e7b6a594";

fn leak_places(world: &World) -> Vec<String> {
    match world.verdict() {
        Verdict::Leaks(leaks) => leaks.iter().map(|leak| leak.place.clone()).collect(),
        other => panic!("the canary was not found: {other:?}"),
    }
}

#[test]
fn a_scan_without_a_registered_secret_fails() {
    let place = Place { name: "a log".to_owned(), text: "nothing here".to_owned() };
    assert_eq!(scan(&[], &[place]), Verdict::NothingSought);
}

#[test]
fn every_form_of_a_leak_is_found_and_none_is_printed() {
    let secret = Secret { kind: "canary".to_owned(), value: CANARY.to_owned() };
    let debug = format!("{:?}", CANARY.as_bytes());
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    let cut = format!("…{}", &CANARY[CANARY.len() - 24..]);
    // From coreutils' base64, so that the scan's own encoder is not its own judge.
    let base64 = "Y2FuYXJ5LTdmM2E5ZTBjNTFkMjRiNjhhMWYwYzlkOGU3YjZhNTk0";
    for (form, text) in [
        ("itself", CANARY),
        ("bytes", &debug),
        ("hex", &hex),
        ("its tail", &cut),
        ("base64", base64),
    ] {
        let place = Place { name: "log".to_owned(), text: format!("first\nsecond {text} end") };
        let Verdict::Leaks(leaks) = scan(std::slice::from_ref(&secret), &[place]) else {
            panic!("{form} was not found");
        };
        let leak = leaks.iter().find(|leak| leak.form == form).expect(form);
        assert_eq!((leak.place.as_str(), leak.line), ("log", 2));
        assert!(!format!("{leaks:?}").contains(CANARY));
    }
}

#[test]
fn a_canary_in_output_file_and_command_line_is_found() {
    let world = World::bare();
    world.secret("canary", CANARY);
    let mut command = world.command("sh");
    command.args(["-c", &format!("echo {CANARY}; echo {CANARY} > kept; read stop")]);
    let mut child = Process::spawn("a leaky child", command.stdin(std::process::Stdio::piped()));
    until("the child's command line", || {
        argv::all().iter().any(|line| line.contains(CANARY)).then_some(())
    });
    drop(child.stdin());
    let ended = child.ended();
    world.keep("a leaky child", ended);
    let places = leak_places(&world);
    for place in ["stdout of a leaky child", "a command line"] {
        assert!(places.iter().any(|found| found == place), "{place} is missing in {places:?}");
    }
    assert!(places.iter().any(|found| found.ends_with("/home/kept")), "{places:?}");
}

#[test]
fn a_world_without_a_leak_is_clean() {
    let world = World::bare();
    world.secret("unseen", "unseen-0123456789abcdef0123456789abcdef");
    world.close();
}
