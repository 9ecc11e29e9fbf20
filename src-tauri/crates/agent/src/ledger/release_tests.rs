//! Lines that are gone: by the word of whoever has the key, or of whoever can write the folder.

use std::fs;
use std::path::PathBuf;

use dagpass_client::ledger::hex;
use dagpass_client::ledger::log::{FOLDER, PRUNED};
use serde_json::{Value, json};

use super::segment_tests::{World, names};

/// Two closed segments of 300 lines, and all of it under a checkpoint.
fn world() -> World {
    let world = World::new();
    for _ in 0..2 {
        world.write(300);
        world.close();
    }
    world.write(1);
    world.seal();
    world
}

/// A line that tells of it, as anybody can write one who can write the file.
fn announce(world: &World, lines: u64) {
    let text = fs::read_to_string(world.path()).unwrap();
    let last = text.lines().last().unwrap();
    let mut line: Value = serde_json::from_str(last).unwrap();
    line["seq"] = json!(line["seq"].as_u64().unwrap() + 1);
    line["prev"] = json!(hex(last.as_bytes()));
    line["event"] = json!("ledger-pruned");
    line["count"] = json!(lines);
    fs::write(world.path(), format!("{text}{line}\n")).unwrap();
}

fn take_away(world: &World, number: usize) {
    fs::remove_file(world.segment(&names(world)[number])).unwrap();
}

fn note(world: &World, log: &str) -> PathBuf {
    world.folder.path().join(FOLDER).join(log).join(PRUNED)
}

fn breaks(world: &World) -> Vec<String> {
    world.judged().breaks().map(|one| one.what.clone()).collect()
}

const GONE: &str =
    "lines 1 to 300 are not here, and the key that signs never said that they may be gone";

#[test]
fn a_line_that_somebody_wrote_makes_no_hole_good_also_once_the_agent_signed_over_it() {
    let world = world();
    take_away(&world, 0);
    announce(&world, 300);
    assert_eq!(breaks(&world), [GONE]);
    let world = world.again(7);
    world.write(1);
    world.seal();
    assert!(world.chain().holds(), "the line is there, and it goes on from the one before");
    assert_eq!(breaks(&world), [GONE]);
    // Nor does pruning more.
    let no = world.sealer.release(600).unwrap_err();
    assert!(no.contains("lines are missing"), "{no}");
    assert_eq!(breaks(&world), [GONE]);
    // Nor what this very key signed of another log.
    let other = self::world();
    other.sealer.release(300).unwrap();
    fs::copy(note(&other, "1"), note(&world, "1")).unwrap();
    let found = breaks(&world);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.contains(&GONE.to_owned()), "{found:?}");
}

#[test]
fn what_the_key_said_may_be_gone_may_be_gone_and_no_more() {
    let world = world();
    let no = world.sealer.release(602).unwrap_err();
    assert!(no.contains("no checkpoint is over the lines"), "{no}");
    assert!(!note(&world, "1").exists());
    world.sealer.release(300).unwrap();
    announce(&world, 300);
    take_away(&world, 0);
    assert!(world.chain().holds());
    assert_eq!(breaks(&world), Vec::<String>::new());
    // The next one as well, and what is written behind it is closed: 600 are gone.
    let world = world.again(7);
    world.write(1);
    world.close();
    take_away(&world, 0);
    let more =
        "lines 301 to 600 are not here, and the key that signs never said that they may be gone";
    assert_eq!(breaks(&world), [more]);
}

#[test]
fn a_log_that_begins_anew_by_the_same_key_says_it_too_and_one_of_another_key_does_not() {
    for (seed, carried) in [(7, true), (8, false)] {
        let world = world();
        world.sealer.release(300).unwrap();
        announce(&world, 300);
        take_away(&world, 0);
        let world = world.again(seed);
        // Shorter than what was signed.
        fs::write(world.path(), "").unwrap();
        world.write(1);
        world.seal();
        assert_eq!(note(&world, "2").exists(), carried, "{seed}");
        assert!(!breaks(&world).contains(&GONE.to_owned()), "{seed}");
    }
}
