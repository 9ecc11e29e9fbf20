//! A ledger in segments: lines, chain, checkpoints and what is shipped go on over all of them, wherever the agent
//! is ended while it closes one.

use std::fs;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;

use dagpass_client::ledger::log::{Asked, FOLDER, Judgement, judge, leaves, logs_in};
use dagpass_client::ledger::{Chain, LINES, Segments, closed};
use dagpass_core::fakes::FakeClock;
use dagpass_core::locked::Locked;
use dagpass_core::ports::Witness as _;
use dagpass_core::request::Caller;

use super::writer::{DISK, Disk};
use super::*;

pub(super) struct World {
    pub(super) folder: tempfile::TempDir,
    pub(super) clock: Arc<FakeClock>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) sealer: Sealer,
}

impl World {
    pub(super) fn new() -> Self {
        Self::of(tempfile::tempdir().unwrap(), FakeClock::at(1_795_000_000), 7)
    }

    fn of(folder: tempfile::TempDir, clock: Arc<FakeClock>, seed: u8) -> Self {
        let path = folder.path().join("ledger.jsonl");
        let ledger = Arc::new(Ledger::open(&path, clock.clone()).unwrap());
        let sealer = Sealer::new(ledger.clone(), clock.clone());
        assert!(sealer.has_key(Ok(Some(Locked::of(&[seed; 32])))));
        Self { folder, clock, ledger, sealer }
    }

    /// Another process, with this key; what was before is dropped as a kill would.
    pub(super) fn again(self, seed: u8) -> Self {
        let Self { folder, clock, ledger, sealer } = self;
        drop((sealer, ledger));
        Self::of(folder, clock, seed)
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.jsonl")
    }

    pub(super) fn segment(&self, name: &str) -> PathBuf {
        self.folder.path().join(FOLDER).join(LINES).join(name)
    }

    pub(super) fn write(&self, count: u64) {
        let caller = Caller::default();
        let record = Record::new(Event::Issue, Outcome::Ok, &caller);
        for _ in 0..count {
            assert!(self.ledger.record(&record).unwrap().is_some());
        }
    }

    /// On disk, and under a checkpoint.
    pub(super) fn seal(&self) {
        self.ledger.synced().unwrap();
        self.sealer.seal();
        assert_eq!(self.sealer.trouble(), None);
    }

    pub(super) fn close(&self) {
        assert!(self.ledger.close_segment().unwrap());
    }

    pub(super) fn segments(&self) -> Segments {
        Segments::of(&self.path()).unwrap()
    }

    pub(super) fn chain(&self) -> Chain {
        Chain::over(&self.segments()).unwrap()
    }

    pub(super) fn judged(&self) -> Judgement {
        let segments = self.segments();
        let asked = Asked { own: true, before: segments.begin().line, ..Asked::default() };
        let found = leaves(io::BufReader::new(segments.reader())).unwrap();
        judge(&found, &logs_in(self.folder.path()).unwrap(), &asked).unwrap()
    }

    pub(super) fn holds(&self, lines: u64, case: &str) {
        let (chain, judged) = (self.chain(), self.judged());
        assert!(chain.holds(), "{case}: {chain:#?}");
        assert_eq!(judged.breaks().count(), 0, "{case}: {judged:#?}");
        assert_eq!((chain.lines, chain.last), (lines, Some(lines)), "{case}");
        assert_eq!(judged.covered + judged.uncovered, lines, "{case}");
    }
}

fn names(world: &World) -> Vec<String> {
    let closed = closed(&world.path()).unwrap();
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    closed.into_iter().map(|segment| name(segment.path)).collect()
}

#[test]
fn lines_chain_and_checkpoints_go_on_over_segments_and_over_a_restart_in_one_log() {
    let world = World::new();
    world.write(300);
    world.seal();
    world.write(5);
    world.close();
    let length = fs::metadata(world.segment("000000000001-000000000305-0.jsonl")).unwrap().len();
    assert_eq!(fs::metadata(world.path()).unwrap().len(), 0);
    assert!(!world.ledger.close_segment().unwrap(), "nothing is in it");
    world.holds(305, "closed");
    world.seal();
    assert_eq!(world.judged().covered, 305, "nothing is lost of what no checkpoint was over yet");
    // The open one is empty: where the record goes on is known by the closed one.
    let world = world.again(7);
    world.write(10);
    world.seal();
    world.close();
    assert_eq!(names(&world)[1], format!("000000000306-000000000315-{length}.jsonl"));
    world.write(300);
    let world = world.again(7);
    world.write(1);
    world.seal();
    world.holds(616, "restarted");
    assert_eq!(world.judged().covered, 616);
    assert!(!world.folder.path().join(FOLDER).join("2").exists(), "one log over all of it");
    assert_eq!(world.ledger.health().lost, None);
}

#[test]
fn a_ledger_of_one_file_is_closed_as_it_is_byte_for_byte() {
    let released = include_bytes!("../../../../../tests/cases/released/ledger.jsonl");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ledger.jsonl"), released).unwrap();
    let world = World::of(folder, FakeClock::at(1_795_000_000), 7);
    world.write(1);
    let before = fs::read(world.path()).unwrap();
    assert!(before.starts_with(released));
    world.close();
    world.write(2);
    assert_eq!(fs::read(world.segment("000000000001-000000000013-0.jsonl")).unwrap(), before);
    world.seal();
    let chain = world.chain();
    assert!(chain.holds(), "{chain:#?}");
    assert_eq!((chain.lines, chain.last), (15, Some(14)));
    assert_eq!(world.judged().covered, 15);
}

#[test]
fn a_segment_that_cannot_be_closed_stays_open_and_nothing_is_denied() {
    let world = World::new();
    world.write(3);
    world.ledger.fail_by(Disk { rename: |_, _| Err(io::Error::other("no room")), ..DISK });
    assert!(world.ledger.close_segment().is_err());
    world.write(1);
    // Renamed, but not for good: it is renamed back.
    world.ledger.fail_by(Disk {
        rename: |from, to| {
            fs::rename(from, to)?;
            if from.ends_with("ledger.jsonl") { Err(io::Error::other("half done")) } else { Ok(()) }
        },
        ..DISK
    });
    assert!(world.ledger.close_segment().is_err());
    world.write(1);
    world.ledger.tend();
    assert_eq!(world.ledger.health(), Health::default());
    world.ledger.fail_by(DISK);
    world.close();
    world.write(1);
    world.seal();
    world.holds(6, "closed at last");
    assert_eq!(names(&world), ["000000000001-000000000005-0.jsonl"]);
}

/// What stands on disk when the process is gone, at each of its steps.
#[test]
fn wherever_an_agent_is_killed_while_it_closes_one_the_ledger_goes_on() {
    type Dies = fn(&Path, &Path) -> io::Result<()>;
    let before: Dies = |_, _| panic!("killed");
    let behind: Dies = |from, to| {
        fs::rename(from, to)?;
        panic!("killed")
    };
    for (case, rename, closed) in [("before the rename", before, 0), ("behind it", behind, 1)] {
        let world = World::new();
        world.write(300);
        world.seal();
        world.write(3);
        world.ledger.fail_by(Disk { rename, ..DISK });
        assert!(!world.ledger.close_segment().unwrap_or(false), "{case}");
        assert_eq!(world.path().exists(), closed == 0, "{case}");
        world.holds(303, case);
        let world = world.again(7);
        assert_eq!(names(&world).len(), closed, "{case}");
        world.write(2);
        world.close();
        world.write(2);
        world.seal();
        world.holds(307, case);
        assert_eq!(world.judged().covered, 307, "{case}");
        assert!(!world.folder.path().join(FOLDER).join("2").exists(), "{case}: one log");
    }
}

#[test]
fn a_segment_that_was_taken_away_edited_or_moved_is_found() {
    let first = "000000000001-000000000300-0.jsonl";
    let sealed = || {
        let world = World::new();
        world.write(300);
        world.close();
        world.write(300);
        world.close();
        world.write(10);
        world.seal();
        world.holds(610, "whole");
        world
    };
    let broken = |world: &World, case: &str, chain: bool| {
        let judged = world.judged();
        assert!(judged.breaks().next().is_some(), "{case}: {judged:#?}");
        assert_eq!(world.chain().holds(), !chain, "{case}");
    };
    let world = sealed();
    fs::remove_file(world.segment(first)).unwrap();
    let chain = world.chain();
    assert_eq!(chain.breaks.len(), 1, "{chain:#?}");
    assert_eq!(
        chain.breaks[0].what,
        "lines 1 to 300 are not here, and no line tells that they were pruned"
    );
    // The hashes that the tiles have still lead to the checkpoints: it is the lines that are gone.
    assert_eq!(world.judged().breaks().count(), 0);

    let world = sealed();
    let second = names(&world)[1].clone();
    fs::remove_file(world.segment(&second)).unwrap();
    broken(&world, "the second gone", true);

    let world = sealed();
    let text = fs::read_to_string(world.segment(first)).unwrap();
    let salt = text.find("\"salt\":\"").unwrap() + 8;
    let mut edited = text.into_bytes();
    edited[salt] = if edited[salt] == b'0' { b'1' } else { b'0' };
    fs::write(world.segment(first), edited).unwrap();
    broken(&world, "a line edited", true);
    assert_eq!(world.judged().breaks().next().unwrap().line, Some(1));

    // Named as if fewer lines were before it.
    let world = sealed();
    fs::remove_file(world.segment(first)).unwrap();
    fs::rename(world.segment(&second), world.segment("000000000201-000000000500-9.jsonl")).unwrap();
    broken(&world, "misnamed", true);
}

#[test]
fn a_log_that_begins_anew_over_a_pruned_ledger_has_the_hashes_of_the_old_one() {
    let world = World::new();
    world.write(700);
    world.close();
    world.write(3);
    world.seal();
    fs::remove_file(world.segment("000000000001-000000000700-0.jsonl")).unwrap();
    // Only the open one is left: nobody knows where it begins, and it is not taken for a whole one.
    assert_eq!(world.segments().begin().line, 0);
    assert!(!world.chain().holds());
    drop(world);

    let world = World::new();
    world.write(700);
    world.close();
    world.write(3);
    world.close();
    world.write(3);
    world.seal();
    fs::remove_file(world.segment("000000000001-000000000700-0.jsonl")).unwrap();
    let world = world.again(8);
    world.write(3);
    world.seal();
    let judged = world.judged();
    assert_eq!(judged.breaks().count(), 0, "{judged:#?}");
    assert_eq!((judged.covered, judged.logs.len()), (709, 2));
    // And goes on by its own, also where its state is gone.
    fs::remove_file(world.folder.path().join(FOLDER).join("2").join("state.json")).unwrap();
    let world = world.again(8);
    world.write(3);
    world.seal();
    assert_eq!((world.judged().covered, world.judged().logs.len()), (712, 2));
    // Nobody has the hashes: nothing is signed that would stand for lines that nobody knows.
    for number in ["1", "2"] {
        fs::remove_dir_all(world.folder.path().join(FOLDER).join(number).join("tile")).unwrap();
    }
    let world = world.again(9);
    world.write(3);
    world.ledger.synced().unwrap();
    world.sealer.seal();
    let trouble = world.sealer.trouble().unwrap_or_default();
    assert!(trouble.contains("no log has the hashes of the 700 lines"), "{trouble}");
}

#[test]
fn a_segment_is_closed_where_it_is_large_or_old_for_what_is_kept() {
    let world = World::new();
    let day = Duration::from_secs(24 * 60 * 60);
    assert!(!world.ledger.close_where_due(Some(day)).unwrap(), "no line");
    world.write(1);
    world.clock.jump(86_400 * 30);
    assert!(!world.ledger.close_where_due(None).unwrap(), "kept for ever");
    assert!(!world.ledger.close_where_due(Some(day * 400)).unwrap());
    assert!(!world.ledger.close_where_due(Some(day * 301)).unwrap());
    assert!(world.ledger.close_where_due(Some(day * 300)).unwrap());
    world.write(1);
    world.clock.jump(86_400 * 31);
    assert!(world.ledger.close_where_due(Some(day * 4_000)).unwrap(), "a month at most");
    world.write(1);
    let file = fs::OpenOptions::new().append(true).open(world.path()).unwrap();
    let mut filler = vec![b'x'; 16 * 1024 * 1024];
    filler.push(b'\n');
    io::Write::write_all(&mut &file, &filler).unwrap();
    let world = world.again(7);
    assert!(world.ledger.close_where_due(None).unwrap());
    assert_eq!(closed(&world.path()).unwrap().last().unwrap().to, 4);
    let mut text = String::new();
    world.segments().reader().read_to_string(&mut text).unwrap();
    assert_eq!(text.lines().count(), 4);
}
