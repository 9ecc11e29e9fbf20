//! What a log makes good, and what it does not sign on: a file or a folder that changed under the agent.

use std::fs;
use std::io;
use std::path::Path;

use dagpass_client::ledger::log::FOLDER;
use dagpass_core::locked::Locked;
use dagpass_core::ports::StoreFailure;

use super::super::sealer::Sealer;
use super::{World, no_step, own};

#[test]
fn a_ledger_that_was_cut_and_grew_again_under_us_is_not_signed_on() {
    for kept in [1, 3] {
        let world = World::new();
        world.write(5);
        world.sealer.close();
        let text = fs::read_to_string(world.path()).unwrap();
        let kept: String = text.split_inclusive('\n').take(kept).collect();
        fs::write(world.path(), kept + "{\"other\":1}\n").unwrap();
        world.write(9);
        world.sealer.close();
        assert_eq!(world.sealer.trouble(), None);
        let before = world.head(2).before.unwrap();
        assert_eq!((before.size, before.why.as_str()), (5, "altered"));
        assert!(world.judge(&own()).breaks().count() > 0);
    }
}

#[test]
fn a_checkpoint_that_failed_halfway_time_and_again_is_made_good_before_anything_is_due() {
    let mut world = World::new();
    world.write(3);
    world.sealer.close();
    world.restart(Box::new(|step| match step {
        "checkpoint" => Err(io::Error::other("full")),
        _ => Ok(()),
    }));
    for size in [4, 5, 6] {
        world.write(1);
        world.sealer.close();
        assert_eq!(world.sealer.trouble().as_deref(), Some("full"), "{size}");
    }
    assert_eq!(world.head(1).size, 5, "the one before was made good by the next look");
    world.restart(no_step());
    world.write(1);
    world.sealer.close();
    assert_eq!(world.head(1).size, 7);
    let judgement = world.holds("made good");
    assert_eq!((judgement.covered, judgement.logs.len()), (7, 1));
}

fn copy(from: &Path, to: &Path) {
    if !to.exists() {
        crate::system::private_dir(to).unwrap();
    }
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

/// A copy of all of it, and what puts it back: over the files, so that they stay the same ones.
fn backup(world: &World) -> impl Fn() {
    let (home, kept) = (world.folder.path().to_owned(), tempfile::tempdir().unwrap());
    copy(&home, kept.path());
    move || {
        fs::remove_dir_all(home.join(FOLDER)).unwrap();
        copy(kept.path(), &home);
    }
}

#[test]
fn a_backup_put_back_over_the_files_under_us_begins_a_log_and_signs_no_size_twice() {
    for others in [false, true] {
        let mut world = World::new();
        if others {
            // Another log by then: the one before it is not gone on with either.
            world.write(2);
            world.sealer.close();
            world.restart_with(8);
        }
        world.write(3);
        if !others {
            world.sealer.close();
        }
        let set_back = backup(&world);
        world.write(2);
        world.sealer.close();
        let number = world.logs().last().unwrap().0;
        let signed = world.head(number);
        set_back();
        let left = world.logs().len() as u64;
        if others {
            world.write(2);
        }
        world.write(1);
        world.sealer.close();
        // It was not as it was left, and is read anew.
        world.sealer.close();
        assert_eq!(world.sealer.trouble(), None, "{others}");
        let before = world.head(left + 1).before.unwrap();
        assert_eq!((before.origin, before.size), (signed.origin, signed.size), "{others}");
        assert_eq!(before.root, signed.root, "{others}");
        assert_eq!(before.why.as_str(), if others { "file-replaced" } else { "cut" }, "{others}");
    }
}

#[test]
fn a_folder_alone_that_was_set_back_is_gone_on_with_from_what_was_signed_last() {
    let world = World::new();
    world.write(300);
    world.sealer.close();
    let kept = tempfile::tempdir().unwrap();
    copy(&world.log(1), kept.path());
    world.write(300);
    world.sealer.close();
    fs::remove_dir_all(world.log(1)).unwrap();
    copy(kept.path(), &world.log(1));
    world.write(1);
    world.sealer.close();
    assert!(world.sealer.trouble().unwrap().contains("not as it was left"));
    world.sealer.close();
    assert_eq!(world.sealer.trouble(), None);
    assert_eq!(world.head(1).size, 601);
    assert_eq!(world.holds("set back").logs.len(), 1);
}

#[test]
fn of_two_agents_on_one_home_the_second_reads_what_the_first_signed() {
    let world = World::new();
    world.write(2);
    world.sealer.close();
    let other = Sealer::new(world.paper.clone(), world.clock.clone());
    assert!(other.has_key(Ok(Some(Locked::of(&[7; 32])))));
    world.write(1);
    other.close();
    assert_eq!(world.head(1).size, 3);
    world.write(1);
    world.sealer.close();
    assert!(world.sealer.trouble().unwrap().contains("another agent signed"));
    assert_eq!(world.head(1).size, 3);
    world.sealer.close();
    assert_eq!(world.sealer.trouble(), None);
    assert_eq!(world.head(1).size, 4);
    assert_eq!(world.holds("two agents").logs[0].checkpoints, 3);
}

#[test]
fn a_log_that_is_taken_away_under_us_is_begun_anew_and_not_made_again_by_halves() {
    let world = World::new();
    world.write(2);
    world.sealer.close();
    fs::remove_dir_all(world.folder.path().join(FOLDER)).unwrap();
    world.write(1);
    world.sealer.close();
    assert!(world.sealer.trouble().is_some());
    assert!(world.logs().is_empty());
    world.sealer.close();
    assert_eq!(world.sealer.trouble(), None);
    assert_eq!(world.holds("begun anew").covered, 3);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        for folder in ["", "tile", "tile/0", "tile/0/000.p"] {
            let mode = fs::metadata(world.log(1).join(folder)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{folder}");
        }
    }
}

#[test]
fn a_line_of_any_length_is_a_leaf_and_no_number_is_beyond_the_last() {
    let world = World::new();
    fs::write(world.path(), format!("{{\"a\":\"{}\"}}\n", "x".repeat(700_000))).unwrap();
    world.write(1);
    world.sealer.close();
    world.write(1);
    world.sealer.close();
    assert_eq!(world.holds("a long line").covered, 3);
    fs::create_dir(world.folder.path().join(FOLDER).join(u64::MAX.to_string())).unwrap();
    let mut world = world;
    fs::write(world.folder.path().join(FOLDER).join(u64::MAX.to_string()).join("checkpoint"), "x")
        .unwrap();
    world.restart(no_step());
    world.write(1);
    world.sealer.close();
    assert_eq!(world.sealer.trouble().as_deref(), Some("no log has a number left"));
}

#[test]
fn where_the_key_and_the_file_are_others_the_file_is_said() {
    let mut world = World::new();
    world.write(2);
    world.sealer.close();
    let path = world.log(1).join("state.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"file\":\"", "\"file\":\"another-")).unwrap();
    world.restart_with(8);
    world.write(1);
    world.sealer.close();
    assert_eq!(world.head(2).before.unwrap().why.as_str(), "file-replaced");
}

#[test]
fn another_file_in_the_ledger_s_place_is_sealed_at_once_and_not_when_the_time_has_come() {
    for fresh in [false, true] {
        let mut world = World::new();
        world.write(5);
        world.sealer.close();
        if fresh {
            world.restart(no_step());
        }
        let moved = world.path().with_extension("moved");
        fs::rename(world.path(), moved).unwrap();
        fs::write(world.path(), "").unwrap();
        world.sync();
        assert!(!world.tend(), "{fresh}: there is nothing to sign over");
        // Longer than what was signed, too.
        fs::write(world.path(), "{\"other\":1}\n".repeat(9)).unwrap();
        world.sync();
        assert!(world.tend(), "{fresh}");
        assert_eq!(world.sealer.trouble(), None);
        assert_eq!(world.head(2).size, 9);
        world.write(1);
        assert!(!world.tend(), "{fresh}: only once");
    }
}

#[test]
fn a_key_that_cannot_be_had_before_one_is_due_is_no_trouble_yet() {
    let world = World::new();
    let sealer = Sealer::new(world.paper.clone(), world.clock.clone());
    world.write(1);
    assert!(!sealer.is_due(false));
    assert!(!sealer.has_key(Err(StoreFailure::Locked("mock".to_owned()))));
    assert_eq!(sealer.trouble(), None);
    world.clock.jump(31);
    assert!(!sealer.is_due(false));
    assert!(sealer.has_key(Ok(Some(Locked::of(&[7; 32])))));
    sealer.close();
    assert_eq!(world.head(1).size, 1, "at the end the key is there");
}
