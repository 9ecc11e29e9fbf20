//! Ways past what was signed: another first line, another log, another file in the ledger's place. What the
//! noted key signed is held against the ledger all the same, or is said to be missing.

use std::fs;

use dagpass_client::ledger::log::{Asked, Note, VerifierKey};

use super::super::sealer_tests::{World, own};
use super::{copy_all, forged, rewrite, sealed};

/// Another file of as many lines, whose first is another too, in the same place.
fn rewritten(world: &World) {
    rewrite(world, |all| all.iter_mut().for_each(|line| line.push(' ')));
}

fn vkey(world: &World, number: u64) -> VerifierKey {
    VerifierKey::parse(&fs::read_to_string(world.log(number).join("vkey")).unwrap()).unwrap()
}

fn kept(world: &World, number: u64) -> Note {
    Note::parse(&fs::read(world.log(number).join("checkpoint")).unwrap()).unwrap()
}

/// Of a ledger that was signed: what is done, and what is then found.
type Escape = (&'static str, fn(&mut World), &'static str);

const ESCAPES: [Escape; 5] = [
    (
        "made again from its first line, and a folder for a log that has nothing",
        |world| {
            rewritten(world);
            fs::create_dir(world.log(2)).unwrap();
        },
        "lines 1 to 1000 were edited",
    ),
    (
        "made again from its first line, and signed on by an agent that reads it anew",
        |world| {
            rewritten(world);
            world.restart_with(7);
            world.write(1);
            world.sealer.close();
            assert!(world.log(2).exists());
        },
        "lines 1 to 1000 were edited",
    ),
    (
        "cut, signed on, and a tile of what was signed changed",
        |world| {
            rewrite(world, |all| all.truncate(400));
            world.write(0);
            world.restart_with(7);
            world.write(1);
            world.sealer.close();
            assert!(world.log(2).exists());
            let tile = world.log(1).join("tile/0/000");
            let mut bytes = fs::read(&tile).unwrap();
            bytes[0] ^= 1;
            fs::write(tile, bytes).unwrap();
        },
        "600 lines were signed, and there are 401",
    ),
    (
        "made again, the log taken away, and signed by the same agent",
        |world| {
            rewritten(world);
            fs::remove_dir_all(world.log(1).parent().unwrap()).unwrap();
            world.restart_with(7);
            world.write(1);
            world.sealer.close();
            assert!(world.log(1).exists());
        },
        "what that key signed here is of another name",
    ),
    (
        "made again, and a log of another's between",
        |world| {
            rewritten(world);
            copy_all(&forged(world, 8).log(1), &world.log(2));
            world.restart_with(7);
            world.write(1);
            world.sealer.close();
            assert!(world.log(3).exists());
        },
        "lines 1 to 1000 were edited",
    ),
];

#[test]
fn no_other_first_line_and_no_other_log_exempts_what_the_noted_key_signed() {
    for (case, escape, words) in ESCAPES {
        let mut world = sealed();
        let (pinned, kept) = (Some(vkey(&world, 1)), Some(kept(&world, 1)));
        escape(&mut world);
        for kept in [None, kept] {
            let asked = Asked { pinned: pinned.clone(), kept, ..own() };
            let judgement = world.judge(&asked);
            let found = judgement.breaks().any(|found| found.what.contains(words));
            assert!(found, "{case}: {judgement:#?}");
        }
    }
}

/// What honest agents sign when another file stands there is no break; what somebody kept of the old one
/// does not pass for this one, and neither does a copy that nothing here was signed over.
#[test]
fn another_file_in_the_ledger_s_place_is_said_and_convicted_by_a_kept_checkpoint() {
    // There a file that takes another's name within seconds takes its age too.
    if cfg!(windows) {
        return;
    }
    let mut world = sealed();
    let (pinned, note) = (Some(vkey(&world, 1)), kept(&world, 1));
    let moved = world.path().with_extension("jsonl.1");
    fs::rename(world.path(), &moved).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    fs::write(world.path(), "{\"other\":1}\n").unwrap();
    world.restart_with(7);
    world.write(1);
    world.sealer.close();
    let judgement = world.judge(&Asked { pinned: pinned.clone(), ..own() });
    assert_eq!((judgement.breaks().count(), judgement.covered), (0, 2), "{judgement:#?}");
    assert!(judgement.logs[1].notes[0].contains("another file stood"), "{judgement:#?}");
    let judgement = world.judge(&Asked { kept: Some(note), ..own() });
    let found = judgement.breaks().any(|one| one.what.contains("of another file than this"));
    assert!(found, "{judgement:#?}");

    // A tile of the old one that is not what was signed is found without its file.
    let tile = world.log(1).join("tile/0/001");
    let whole = fs::read(&tile).unwrap();
    let mut bent = whole.clone();
    bent[0] ^= 1;
    fs::write(&tile, bent).unwrap();
    let judgement = world.judge(&own());
    let found = judgement.breaks().any(|one| one.what.contains("its tiles hold other hashes"));
    assert!(found, "{judgement:#?}");
    fs::write(&tile, whole).unwrap();

    // The file that was moved away is what log 1 is over; bent in its first line, no log is.
    fs::rename(&moved, world.path()).unwrap();
    let copy = Asked { pinned, ..Asked::default() };
    let judgement = world.judge(&copy);
    assert_eq!((judgement.breaks().count(), judgement.covered), (0, 1000), "{judgement:#?}");
    rewritten(&world);
    let judgement = world.judge(&copy);
    assert!(judgement.breaks().any(|one| one.what.contains("no log here is")), "{judgement:#?}");
    assert!(judgement.logs.iter().all(|log| !log.of_this_file), "{judgement:#?}");
}
