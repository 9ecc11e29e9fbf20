//! What closing a segment does where something is not as it was left.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use dagpass_client::ledger::closed;
use dagpass_core::request::Caller;

use super::segment_tests::{World, names};
use super::writer::{DISK, Disk};
use super::*;
use crate::system;

/// Three that are closed, with 300 lines each, and a checkpoint over them.
fn three() -> World {
    let world = World::new();
    for _ in 0..3 {
        world.write(300);
        world.close();
    }
    world.seal();
    world
}

fn count(world: &World) -> usize {
    io::read_to_string(world.segments().reader()).unwrap().lines().count()
}

/// Which lines and bytes the closed one says that it has, and how many it has.
fn lies_behind_the_one_before(world: &World, number: usize) {
    let closed = closed(&world.path()).unwrap();
    let (one, before) = (&closed[number], &closed[number - 1]);
    assert_eq!((one.from, one.start), (before.end().line, before.end().byte), "{closed:#?}");
    let lines = fs::read_to_string(&one.path).unwrap().lines().count() as u64;
    assert_eq!(one.to - one.from, lines);
}

#[test]
fn behind_a_hole_segments_are_closed_whole_and_checkpoints_go_on() {
    let world = three();
    let second = world.segment(&names(&world)[1]);
    let kept = fs::read(&second).unwrap();
    fs::remove_file(&second).unwrap();
    world.ledger.tend();
    for (write, closed) in [(5, 3), (7, 4)] {
        world.write(write);
        world.close();
        assert_eq!(names(&world).len(), closed);
        lies_behind_the_one_before(&world, closed - 1);
    }
    world.write(2);
    assert_eq!(count(&world), 600 + 14, "every line that is there is read");
    assert_eq!(world.segments().holes(), [(300, 600)]);
    // Another log, since the ledger is not what was signed; it goes on over what comes.
    world.seal();
    world.write(1);
    world.ledger.synced().unwrap();
    assert!(world.sealer.is_due(true), "a line waits for a checkpoint");
    world.seal();
    // Each is looked for where it is, also behind one that was looked for in vain.
    for written in [false, true] {
        assert_eq!(world.sealer.is_due(true), written);
        world.write(1);
        world.ledger.synced().unwrap();
    }
    world.seal();

    // It comes back while the agent runs: what is written meanwhile is where the readers look for it.
    fs::write(&second, kept).unwrap();
    world.write(3);
    world.ledger.tend();
    world.write(1);
    world.close();
    lies_behind_the_one_before(&world, 5);
    world.write(1);
    // What was signed while it was gone is not what is there, and stays so.
    let chain = world.chain();
    assert!(chain.holds(), "{chain:#?}");
    assert_eq!(chain.lines, 900 + 22);
    world.seal();
    world.write(1);
    world.ledger.synced().unwrap();
    assert!(world.sealer.is_due(true));
}

#[test]
fn a_segment_takes_no_place_that_is_taken_and_no_name_that_nobody_reads() {
    let world = World::new();
    world.write(2);
    let name = "000000000001-000000000002-0.jsonl";
    // No segment, as readers see it, and yet there.
    system::private_dir(&world.segment(name)).unwrap();
    let error = world.ledger.close_segment().unwrap_err();
    assert_eq!(error.to_string(), format!("`{name}` is there already"));
    world.write(1);
    world.close();
    world.write(1);
    world.holds(4, "closed by another name");
}

/// As where a process has no file left to open.
#[test]
fn a_close_that_can_open_nothing_leaves_a_ledger_that_is_written_to() {
    static FULL: AtomicBool = AtomicBool::new(false);
    let open = |path: &Path| match FULL.load(Ordering::Relaxed) {
        true => Err(io::Error::other("too many open files")),
        false => system::open_record(path),
    };
    // Windows renames nothing that is open to be written.
    let ways: &[bool] = if cfg!(windows) { &[true] } else { &[false, true] };
    for &lets_go in ways {
        let world = World::new();
        world.write(3);
        world.ledger.fail_by(Disk { open, lets_go, ..DISK });
        FULL.store(true, Ordering::Relaxed);
        assert!(world.ledger.close_segment().is_err());
        let caller = Caller::default();
        let record = Record::new(Event::Issue, Outcome::Ok, &caller);
        // Where it had to be let go of, what cannot be recorded is denied.
        assert_eq!(world.ledger.record(&record).is_ok(), !lets_go);
        FULL.store(false, Ordering::Relaxed);
        world.write(1);
        assert_eq!(world.ledger.health(), Health::default(), "{lets_go}");
        world.close();
        world.write(1);
        world.seal();
        // The line of the one that was denied instead of it.
        world.holds(6, if lets_go { "let go of" } else { "held" });
    }
}

#[test]
fn one_that_cannot_be_closed_is_left_alone_for_longer_each_time_and_said_once() {
    static TRIED: AtomicUsize = AtomicUsize::new(0);
    let rename = |_: &Path, _: &Path| {
        TRIED.fetch_add(1, Ordering::Relaxed);
        Err(io::Error::other("no room"))
    };
    let world = World::new();
    let kept = Some(Duration::from_secs(24 * 60 * 60));
    world.write(3);
    world.clock.jump(86_400);
    world.ledger.fail_by(Disk { rename, ..DISK });
    let seconds = [0, 2, 29, 30, 60, 89, 90, 150, 209, 210];
    let mut at = 0;
    let tried = seconds.map(|second| {
        world.clock.jump(second - at);
        at = second;
        world.ledger.close_in_time(kept, &world.sealer);
        world.write(1);
        TRIED.load(Ordering::Relaxed)
    });
    assert_eq!(tried, [1, 1, 1, 2, 2, 2, 3, 3, 3, 4], "after 0, 30, 90 and 210 s");
    let trouble = || world.ledger.closing.lock().unwrap().trouble.clone();
    assert_eq!(trouble().as_deref(), Some("no room"));
    world.ledger.fail_by(DISK);
    world.clock.jump(15 * 60);
    world.ledger.close_in_time(kept, &world.sealer);
    assert_eq!((names(&world).len(), trouble()), (1, None));
    world.write(1);
    world.holds(14, "closed at last");
}

#[test]
fn lines_are_counted_before_a_checkpoint_has_to_wait_and_once() {
    let world = World::new();
    let kept = Some(Duration::from_secs(24 * 60 * 60));
    world.write(5);
    world.ledger.synced().unwrap();
    world.clock.jump(86_400);
    let counted = || world.ledger.closing.lock().unwrap().counted.map(|counted| counted.lines);
    let look = || world.ledger.close_in_time(kept, &world.sealer);
    // A checkpoint is made.
    assert!(world.sealer.while_still(look).is_some());
    assert_eq!((counted(), names(&world).len()), (Some(5), 0));
    // Where what was counted were looked at again, one line less would be there.
    let text = fs::read_to_string(world.path()).unwrap();
    fs::write(world.path(), text.replacen("}\n", "} ", 1)).unwrap();
    world.write(2);
    world.ledger.synced().unwrap();
    assert!(world.sealer.while_still(look).is_some());
    assert_eq!(counted(), Some(7));
    fs::write(world.path(), fs::read_to_string(world.path()).unwrap().replacen("} ", "}\n", 1))
        .unwrap();
    look();
    assert_eq!((counted(), names(&world).len()), (None, 1));
    world.write(1);
    world.holds(8, "closed");
}

#[cfg(unix)]
#[test]
fn a_copy_that_was_made_while_a_segment_was_closed_goes_on_as_the_ledger_that_it_is() {
    // Another file, or another name of the closed one.
    for linked in [false, true] {
        let world = World::new();
        world.write(5);
        let copied = fs::read(world.path()).unwrap();
        world.write(3);
        world.close();
        world.seal();
        let closed = world.segment(&names(&world)[0]);
        let whole = fs::read(&closed).unwrap();
        fs::remove_file(world.path()).unwrap();
        match linked {
            true => fs::hard_link(&closed, world.path()).unwrap(),
            false => fs::write(world.path(), copied).unwrap(),
        }
        world.holds(8, "the copy");
        let world = world.again(7);
        world.write(2);
        world.seal();
        world.holds(10, "gone on with");
        assert_eq!(fs::read(&closed).unwrap(), whole);
        world.close();
        world.write(1);
        world.holds(11, "closed");
    }
}

/// What the documentation says of it: where none is closed, another file stood there; else lines are missing.
#[cfg(unix)]
#[test]
fn an_open_segment_that_is_moved_away_from_behind_closed_ones_takes_signed_lines_along() {
    for closes in [false, true] {
        use std::os::unix::fs::PermissionsExt;
        let world = World::new();
        fs::set_permissions(world.folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        world.write(300);
        if closes {
            world.close();
        }
        world.write(10);
        world.seal();
        fs::rename(world.path(), world.path().with_extension("jsonl.1")).unwrap();
        world.write(3);
        world.seal();
        let judged = world.judged();
        assert_eq!(judged.breaks().count() > 0, closes, "{judged:#?}");
        assert!(world.chain().holds(), "the record says that it was gone");
    }
}
