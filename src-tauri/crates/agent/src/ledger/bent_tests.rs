//! A ledger and its log bent by somebody who may write all of the files and has not the key (in the last
//! ones: has it): each is found, and where it can be known, so is the line.

mod escapes;
mod harmless;

use std::fs;
use std::path::Path;

use dagpass_client::ledger::log::{Asked, Checkpoint, Folder, Hash, Note, VerifierKey};
use dagpass_core::locked::Locked;

use super::checkpoint::Signer;
use super::sealer_tests::{World, own};

/// Checkpoints over 300, 600, 900 and 1000 lines.
fn sealed() -> World {
    let world = World::new();
    for lines in [300, 300, 300, 100] {
        world.write(lines);
        world.sealer.close();
    }
    world
}

fn lines(world: &World) -> Vec<String> {
    fs::read_to_string(world.path()).unwrap().lines().map(str::to_owned).collect()
}

fn rewrite(world: &World, change: impl FnOnce(&mut Vec<String>)) {
    let mut all = lines(world);
    change(&mut all);
    fs::write(world.path(), all.iter().map(|line| format!("{line}\n")).collect::<String>())
        .unwrap();
}

/// Another's log over the same ledger.
fn forged(world: &World, seed: u8) -> World {
    let other = World::signing_with(seed);
    fs::write(other.path(), fs::read(world.path()).unwrap()).unwrap();
    other.write(0);
    other.sealer.close();
    other
}

fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap();
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            copy(&entry.path(), &target);
        }
    }
}

/// What is done, and what is then found: the interval, the line and the words.
type Bent = (&'static str, fn(&World), Option<(u64, u64)>, Option<u64>, &'static str);

const BENT: [Bent; 17] = [
    (
        "a line edited",
        |world| rewrite(world, |all| all[449] = "{\"seq\":450,\"x\":1}".to_owned()),
        Some((300, 600)),
        Some(450),
        "line 450 was edited",
    ),
    (
        "the first dropped",
        |world| rewrite(world, |all| drop(all.remove(0))),
        Some((0, 300)),
        Some(1),
        "1 line was dropped before line 1",
    ),
    (
        "some in the middle dropped",
        |world| rewrite(world, |all| drop(all.drain(619..622))),
        Some((600, 900)),
        Some(620),
        "3 lines were dropped before line 620",
    ),
    (
        "the last dropped",
        |world| rewrite(world, |all| drop(all.pop())),
        Some((900, 1000)),
        Some(999),
        "1 line was cut off behind line 999",
    ),
    (
        "two reordered",
        |world| rewrite(world, |all| all.swap(9, 10)),
        Some((0, 300)),
        Some(10),
        "lines 10 and 11 changed places",
    ),
    (
        "one doubled",
        |world| rewrite(world, |all| all.insert(700, all[699].clone())),
        Some((600, 900)),
        Some(701),
        "1 line was put in at line 701",
    ),
    (
        "cut",
        |world| rewrite(world, |all| all.truncate(512)),
        Some((300, 600)),
        Some(512),
        "488 lines were cut off behind line 512",
    ),
    (
        "a forged one put among them",
        |world| rewrite(world, |all| all.insert(950, "{\"seq\":7}".to_owned())),
        Some((900, 1000)),
        Some(951),
        "1 line was put in at line 951",
    ),
    (
        "a tile swapped",
        |world| copy(&world.log(1).join("tile/0/000"), &world.log(1).join("tile/0/001")),
        Some((256, 512)),
        None,
        "tile/0/001: it holds other hashes",
    ),
    (
        "a tile cut",
        |world| fs::write(world.log(1).join("tile/0/002"), [7; 99]).unwrap(),
        Some((512, 768)),
        None,
        "tile/0/002: a tile has not the length",
    ),
    (
        "an old checkpoint restored",
        |world| {
            let history = fs::read_to_string(world.log(1).join("checkpoints")).unwrap();
            let end = history.match_indices("\ndagpass.dev").next().unwrap().0;
            fs::write(world.log(1).join("checkpoint"), &history[..=end]).unwrap();
        },
        None,
        None,
        "its checkpoint is an old one, over 300 lines",
    ),
    (
        "a foreign checkpoint",
        |world| copy(&forged(world, 7).log(1).join("checkpoint"), &world.log(1).join("checkpoint")),
        Some((1000, 1000)),
        None,
        "is of another log",
    ),
    (
        "signed by another key",
        |world| {
            let forged = forged(world, 8);
            fs::remove_dir_all(world.log(1)).unwrap();
            copy_all(&forged.log(1), &world.log(1));
        },
        None,
        None,
        "it is signed by another key",
    ),
    (
        "the file of checkpoints cut",
        |world| {
            let path = world.log(1).join("checkpoints");
            let whole = fs::read(&path).unwrap();
            fs::write(&path, &whole[..whole.len() - 9]).unwrap();
        },
        None,
        None,
        "none of its checkpoints: that file was cut",
    ),
    (
        "rewritten from a line on, tiles and all",
        |world| {
            rewrite(world, |all| {
                all[700..].iter_mut().for_each(|line| line.push(' '));
            });
            let forged = forged(world, 8);
            fs::remove_dir_all(world.log(1).join("tile")).unwrap();
            copy_all(&forged.log(1).join("tile"), &world.log(1).join("tile"));
        },
        Some((600, 900)),
        None,
        "is not what the ledger holds",
    ),
    (
        "the whole of it made again",
        |world| rewrite(world, |all| all.iter_mut().for_each(|line| line.push(' '))),
        Some((0, 300)),
        Some(1),
        "lines 1 to 1000 were edited",
    ),
    (
        "its state replaced",
        |world| {
            let path = world.log(1).join("state.json");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.replace("\"size\":1000", "\"size\":400")).unwrap();
        },
        None,
        None,
        "its state.json is not the one",
    ),
];

#[test]
fn a_ledger_bent_in_any_of_seventeen_ways_is_found_out_and_where() {
    for (case, bend, interval, line, words) in BENT {
        let world = sealed();
        assert_eq!(world.judge(&own()).breaks().count(), 0, "{case}");
        let key = fs::read_to_string(world.log(1).join("vkey")).unwrap();
        let pinned = Some(VerifierKey::parse(&key).unwrap());
        bend(&world);
        let judgement = world.judge(&Asked { pinned, ..own() });
        let found = judgement.breaks().find(|found| found.what.contains(words));
        let found = found.unwrap_or_else(|| panic!("{case}: {judgement:#?}"));
        let named = (found.after.zip(found.until), found.line);
        assert_eq!(named, (interval, line), "{case}: {judgement:#?}");
    }
}

#[test]
fn what_was_edited_in_several_places_is_named_in_each() {
    let world = sealed();
    rewrite(&world, |all| {
        all[9] = "x".to_owned();
        all.remove(349);
        all.insert(650, "y".to_owned());
        all[799] = "z".to_owned();
    });
    let judgement = world.judge(&own());
    let found: Vec<_> = judgement.breaks().map(|one| (one.after, one.until, one.line)).collect();
    let at = |after, until, line| (Some(after), Some(until), Some(line));
    assert_eq!(
        found,
        [at(0, 300, 10), at(300, 600, 350), at(600, 900, 651), at(600, 900, 800)],
        "{judgement:#?}"
    );
    assert_eq!(judgement.covered, 0);
}

#[test]
fn lines_behind_the_last_checkpoint_are_said_to_be_uncovered_and_nothing_else() {
    let world = sealed();
    rewrite(&world, |all| all.push("{\"forged\":true}".to_owned()));
    let judgement = world.judge(&own());
    assert_eq!(judgement.breaks().count(), 0, "{judgement:#?}");
    assert_eq!((judgement.covered, judgement.uncovered), (1000, 1));
}

#[test]
fn a_checkpoint_that_was_kept_elsewhere_convicts_whoever_has_the_key() {
    let world = sealed();
    let kept = Note::parse(&fs::read(world.log(1).join("checkpoint")).unwrap()).unwrap();
    let asked = Asked { kept: Some(kept), ..own() };
    assert_eq!(world.judge(&asked).breaks().count(), 0);
    // Another history under the same key and, by a copy of its name, the same origin.
    let vkey = fs::read(world.log(1).join("vkey")).unwrap();
    rewrite(&world, |all| all[499].push(' '));
    fs::remove_dir_all(world.log(1)).unwrap();
    assert!(world.judge(&asked).breaks().count() > 0, "the log is gone");
    let other = World::new();
    other.write(1000);
    other.sealer.close();
    copy_all(&other.log(1), &world.log(1));
    fs::write(world.log(1).join("vkey"), vkey).unwrap();
    let judgement = world.judge(&asked);
    assert!(judgement.breaks().count() > 0, "{judgement:#?}");

    // Set back to where an older checkpoint was signed, all of it.
    let world = sealed();
    let early = world.log(1).with_extension("early");
    copy_all(&world.log(1), &early);
    world.write(50);
    world.sealer.close();
    let kept = Note::parse(&fs::read(world.log(1).join("checkpoint")).unwrap()).unwrap();
    fs::remove_dir_all(world.log(1)).unwrap();
    fs::rename(&early, world.log(1)).unwrap();
    rewrite(&world, |all| all[1030].push(' '));
    assert_eq!(world.judge(&own()).breaks().count(), 0, "nothing here says so");
    let judgement = world.judge(&Asked { kept: Some(kept), ..own() });
    let words: Vec<_> = judgement.breaks().map(|found| found.what.clone()).collect();
    assert!(words.iter().any(|what| what.contains("it was set back")), "{words:#?}");
    assert!(words.iter().any(|what| what.contains("is not what the ledger holds")), "{words:#?}");
}

#[test]
fn two_histories_under_one_key_are_told_by_the_checkpoint_of_the_first() {
    let mut world = World::new();
    world.write(900);
    world.sealer.close();
    let early = world.log(1).with_extension("early");
    copy_all(&world.log(1), &early);
    world.write(100);
    world.sealer.close();
    let kept = Note::parse(&fs::read(world.log(1).join("checkpoint")).unwrap()).unwrap();
    // Who may write all of it and has the key signs another end, in the same log.
    fs::remove_dir_all(world.log(1)).unwrap();
    fs::rename(&early, world.log(1)).unwrap();
    rewrite(&world, |all| all[950].push('}'));
    world.restart_with(7);
    world.write(0);
    world.sealer.close();
    assert_eq!(world.sealer.trouble(), None);
    assert_eq!(world.judge(&own()).breaks().count(), 0, "nothing on the machine says so");
    let judgement = world.judge(&Asked { kept: Some(kept), ..own() });
    let found = judgement.breaks().find(|one| one.what.contains("two histories were signed"));
    assert!(found.is_some(), "{judgement:#?}");
}

#[test]
fn a_key_that_was_noted_down_judges_its_own_log_and_no_other() {
    let mut world = sealed();
    let key = |world: &World, number| {
        let text = fs::read_to_string(world.log(number).join("vkey")).unwrap();
        Asked { pinned: Some(VerifierKey::parse(&text).unwrap()), ..own() }
    };
    let first = key(&world, 1);
    assert_eq!(world.judge(&first).breaks().count(), 0);
    world.restart_with(9);
    world.write(1);
    world.sealer.close();
    let second = key(&world, 2);
    let judgement = world.judge(&second);
    assert_eq!((judgement.breaks().count(), judgement.covered), (0, 1001), "{judgement:#?}");
    let judgement = world.judge(&first);
    assert_eq!(judgement.covered, 1000);
    assert!(judgement.breaks().any(|one| one.what.contains("another key")), "{judgement:#?}");
    fs::remove_dir_all(world.log(1).parent().unwrap()).unwrap();
    let judgement = world.judge(&first);
    assert!(judgement.breaks().any(|one| one.what.contains("no log here")), "{judgement:#?}");
}

#[test]
fn a_log_that_claims_more_lines_than_there_ever_were_is_told_at_once() {
    let world = sealed();
    let signer = Signer::new(&Locked::of(&[8; 32])).unwrap();
    let origin = "dagpass.dev/ledger/x".to_owned();
    let vkey = signer.key(&origin).unwrap().to_string();
    let (size, root) = (u64::MAX - 1, Hash([7; 32]));
    let note = signer.sign(&Checkpoint { origin, size, root, before: None }).unwrap().to_string();
    for (file, text) in [("vkey", vkey), ("checkpoint", note.clone()), ("checkpoints", note)] {
        fs::write(world.log(1).join(file), text).unwrap();
    }
    let judgement = world.judge(&own());
    assert!((1..=200).contains(&judgement.breaks().count()));
}

#[test]
fn an_old_log_that_was_taken_away_is_missed_by_the_one_that_follows_it() {
    let mut world = sealed();
    world.restart_with(9);
    world.write(1);
    world.sealer.close();
    assert_eq!(world.judge(&own()).breaks().count(), 0);
    fs::remove_dir_all(world.log(1)).unwrap();
    let judgement = world.judge(&own());
    let found = judgement.breaks().any(|one| one.what.contains("is not here"));
    assert!(found, "{judgement:#?}");
    assert!(matches!(world.logs().as_slice(), [(2, Folder(_))]));
}
