//! When a checkpoint is made, over what, and what becomes of a log that is interrupted or tampered with:
//! judged by the same room that `dagpass audit verify` judges by.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use dagpass_client::ledger::log::{
    Asked, Checkpoint, FOLDER, Folder, Judgement, Note, VerifierKey, judge, leaves, logs_in,
};
use dagpass_core::fakes::FakeClock;
use dagpass_core::locked::Locked;
use dagpass_core::ports::StoreFailure;

use super::sealer::{Durable, Sealer};
use super::tiles::Step;

mod mended;

/// A ledger that says itself how much of it is on disk.
struct Paper {
    path: PathBuf,
    synced: AtomicU64,
}

impl Durable for Paper {
    fn path(&self) -> &Path {
        &self.path
    }

    fn synced(&self) -> u64 {
        self.synced.load(Ordering::SeqCst)
    }
}

pub(super) struct World {
    folder: tempfile::TempDir,
    paper: Arc<Paper>,
    clock: Arc<FakeClock>,
    pub(super) sealer: Sealer,
}

fn no_step() -> Step {
    Box::new(|_| Ok(()))
}

impl World {
    pub(super) fn new() -> Self {
        Self::signing_with(7)
    }

    pub(super) fn signing_with(seed: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        fs::write(&path, "").unwrap();
        let paper = Arc::new(Paper { path, synced: AtomicU64::new(0) });
        let clock = FakeClock::at(1_795_000_000);
        let sealer = Sealer::new(paper.clone(), clock.clone());
        let world = Self { folder, paper, clock, sealer };
        world.key(seed);
        world
    }

    /// Another process.
    fn restart(&mut self, step: Step) {
        self.sealer = Sealer::new(self.paper.clone(), self.clock.clone()).stopped_by(step);
        self.key(7);
    }

    pub(super) fn restart_with(&mut self, seed: u8) {
        self.restart(no_step());
        self.key(seed);
    }

    fn key(&self, seed: u8) {
        assert!(self.sealer.has_key(Ok(Some(Locked::of(&[seed; 32])))));
    }

    pub(super) fn write(&self, count: u64) {
        self.append(count);
        self.sync();
    }

    fn append(&self, count: u64) {
        let mut text = fs::read_to_string(&self.paper.path).unwrap();
        let begun = text.lines().count() as u64;
        (begun..begun + count).for_each(|seq| text.push_str(&format!("{{\"seq\":{}}}\n", seq + 1)));
        // In its place, as an append: the same file.
        fs::write(&self.paper.path, text).unwrap();
    }

    fn sync(&self) {
        self.paper.synced.store(fs::metadata(&self.paper.path).unwrap().len(), Ordering::SeqCst);
    }

    fn tend(&self) -> bool {
        let due = self.sealer.is_due(false);
        if due {
            self.sealer.seal();
        }
        due
    }

    pub(super) fn path(&self) -> &Path {
        &self.paper.path
    }

    pub(super) fn log(&self, number: u64) -> PathBuf {
        self.folder.path().join(FOLDER).join(number.to_string())
    }

    pub(super) fn logs(&self) -> Vec<(u64, Folder)> {
        logs_in(self.folder.path()).unwrap()
    }

    pub(super) fn judge(&self, asked: &Asked) -> Judgement {
        let found = leaves(fs::read(self.path()).unwrap().as_slice()).unwrap();
        judge(&found, &self.logs(), asked).unwrap()
    }

    fn holds(&self, case: &str) -> Judgement {
        let judgement = self.judge(&own());
        assert_eq!(judgement.breaks().count(), 0, "{case}: {judgement:#?}");
        judgement
    }

    fn head(&self, number: u64) -> Checkpoint {
        let note = fs::read(self.log(number).join("checkpoint")).unwrap();
        Checkpoint::parse(Note::parse(&note).unwrap().text()).unwrap()
    }
}

pub(super) fn own() -> Asked {
    Asked { own: true, ..Asked::default() }
}

#[test]
fn a_checkpoint_is_due_after_256_lines_or_five_minutes_and_at_the_end() {
    let world = World::new();
    assert!(!world.tend(), "nothing was written");
    world.write(255);
    assert!(!world.tend());
    world.write(1);
    assert!(world.tend());
    assert_eq!(world.head(1).size, 256);
    world.write(1);
    assert!(!world.tend());
    world.clock.jump(299);
    assert!(!world.tend());
    world.clock.jump(1);
    assert!(world.tend());
    assert_eq!(world.head(1).size, 257);
    world.clock.jump(3600);
    assert!(!world.tend(), "no activity, no checkpoint");
    world.write(2);
    world.sealer.close();
    assert_eq!(world.head(1).size, 259);
    let judgement = world.holds("three checkpoints");
    assert_eq!((judgement.covered, judgement.uncovered), (259, 0));
    assert_eq!(judgement.logs[0].checkpoints, 3);
}

#[test]
fn no_checkpoint_covers_what_is_not_on_disk_and_the_loss_of_that_forks_nothing() {
    let mut world = World::new();
    world.write(300);
    let synced = world.paper.synced();
    world.append(400);
    // In the middle of a line, too.
    for past in [0, 5] {
        world.paper.synced.store(synced + past, Ordering::SeqCst);
        world.sealer.close();
        assert_eq!(world.head(1).size, 300, "{past}");
    }
    // Power is lost: the pages that were not synced are gone, other lines take their place.
    let text = fs::read_to_string(world.path()).unwrap();
    fs::write(world.path(), &text[..usize::try_from(synced).unwrap()]).unwrap();
    world.sync();
    world.restart(no_step());
    world.append(3);
    world.sync();
    world.sealer.close();
    let judgement = world.holds("power was lost");
    assert_eq!((judgement.covered, judgement.logs.len()), (303, 1));
}

#[test]
fn an_agent_that_ends_at_any_step_leaves_a_log_that_goes_on() {
    for (first, more) in [(0, 3), (200, 60), (510, 300)] {
        let mut ended = 0;
        for at in 0.. {
            let mut world = World::new();
            if first > 0 {
                world.write(first);
                world.sealer.close();
            }
            world.write(more);
            let steps = AtomicUsize::new(0);
            world.restart(Box::new(move |_| {
                let step = steps.fetch_add(1, Ordering::SeqCst);
                if step >= at { Err(io::Error::other("killed")) } else { Ok(()) }
            }));
            world.sealer.close();
            let done = world.sealer.trouble().is_none();
            let judgement = world.judge(&own());
            assert_eq!(judgement.breaks().count(), 0, "{first} at {at}: {judgement:#?}");
            let checkpoints = world.log(1).join("checkpoints");
            if !done && checkpoints.exists() {
                // The append itself was cut short.
                let mut torn = fs::read(&checkpoints).unwrap();
                torn.extend("dagpass.dev/ledger/x\n7\nAA".bytes());
                fs::write(&checkpoints, torn).unwrap();
                let judgement = world.judge(&own());
                assert_eq!(judgement.breaks().count(), 0, "{first} at {at}: {judgement:#?}");
            }
            world.restart(no_step());
            world.write(1);
            world.sealer.close();
            assert_eq!(world.sealer.trouble(), None, "{first} at {at}");
            let judgement = world.holds("it goes on");
            assert_eq!(judgement.covered, first + more + 1, "{first} at {at}");
            assert_eq!(judgement.logs.len(), 1, "{first} at {at}: no other log was needed");
            if done {
                break;
            }
            ended += 1;
        }
        assert!(ended >= 4, "{first}: {ended} steps");
    }
}

#[test]
fn a_state_that_is_gone_or_another_is_made_again_by_reading_the_ledger() {
    let damages: [fn(&Path); 5] = [
        |log| fs::remove_file(log.join("state.json")).unwrap(),
        |log| fs::write(log.join("state.json"), "{").unwrap(),
        |log| {
            let path = log.join("state.json");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.replace("\"length\":", "\"length\":1")).unwrap();
        },
        |log| fs::remove_file(log.join("tile/0/001.p/44")).unwrap(),
        |log| fs::write(log.join("tile/0/001.p/44"), vec![7; 44 * 32]).unwrap(),
    ];
    for (case, damage) in damages.iter().enumerate() {
        let mut world = World::new();
        world.write(300);
        world.sealer.close();
        damage(&world.log(1));
        world.restart(no_step());
        world.write(1);
        world.sealer.close();
        let judgement = world.holds(&case.to_string());
        assert_eq!((judgement.covered, judgement.logs.len()), (301, 1), "{case}");
    }
}

#[test]
fn a_log_goes_on_without_reading_what_it_covers_and_verify_reads_it() {
    let mut world = World::new();
    world.write(700);
    world.sealer.close();
    let text = fs::read_to_string(world.path()).unwrap();
    fs::write(world.path(), text.replacen("\"seq\":5}", "\"seq\":6}", 1)).unwrap();
    world.restart(no_step());
    world.write(1);
    world.sealer.close();
    assert_eq!((world.head(1).size, world.logs().len()), (701, 1), "the line was not looked at");
    let judgement = world.judge(&own());
    let named = judgement.breaks().any(|found| found.what == "line 5 was edited");
    assert!(named, "{judgement:#?}");
}

/// What happens, and why another log then begins.
type Anew = (&'static str, fn(&mut World), &'static str);

const ANEW: [Anew; 4] = [
    ("another key", |world| world.key(8), "key-lost"),
    (
        "a backup was put in its place",
        |world| {
            let text = fs::read_to_string(world.path()).unwrap();
            std::thread::sleep(Duration::from_millis(20));
            let copy = world.path().with_extension("copy");
            fs::write(&copy, text).unwrap();
            fs::rename(copy, world.path()).unwrap();
        },
        "file-replaced",
    ),
    (
        "a backup was written over it",
        |world| {
            let text = fs::read_to_string(world.path()).unwrap();
            fs::write(world.path(), text.split_inclusive('\n').take(9).collect::<String>())
                .unwrap();
        },
        "cut",
    ),
    (
        "a line was edited, and the state taken away",
        |world| {
            let text = fs::read_to_string(world.path()).unwrap();
            fs::write(world.path(), text.replacen("\"seq\":5}", "\"seq\":6}", 1)).unwrap();
            fs::remove_file(world.log(1).join("state.json")).unwrap();
        },
        "altered",
    ),
];

#[test]
fn a_lost_key_a_backup_or_another_file_begins_a_log_that_names_the_old_head() {
    for (case, happen, why) in ANEW {
        let mut world = World::new();
        world.write(20);
        world.sealer.close();
        let old = world.head(1);
        world.restart(no_step());
        happen(&mut world);
        world.write(1);
        world.sealer.close();
        assert_eq!(world.sealer.trouble(), None, "{case}");
        let first = world.head(2);
        let before = first.before.unwrap();
        assert_eq!((before.origin, before.size, before.root), (old.origin, 20, old.root), "{case}");
        assert_eq!(before.why.as_str(), why, "{case}");
        let judgement = world.judge(&own());
        let says = judgement.logs[1].notes.iter().any(|note| note.contains("begun anew behind"));
        assert!(says, "{case}: {judgement:#?}");
        // What was signed and is there no more is found for as long as the old log lies there.
        let broken = matches!(why, "cut" | "altered");
        assert_eq!(judgement.breaks().count() > 0, broken, "{case}: {judgement:#?}");
        world.write(1);
        world.sealer.close();
        assert_eq!(world.head(2).size, world.judge(&own()).covered, "{case}: it goes on");
    }
}

#[test]
fn a_key_that_cannot_be_had_costs_a_checkpoint_and_is_said() {
    let world = World::new();
    let sealer = Sealer::new(world.paper.clone(), world.clock.clone());
    world.write(300);
    assert!(sealer.is_due(false));
    assert!(!sealer.has_key(Err(StoreFailure::Locked("mock".to_owned()))));
    assert!(sealer.trouble().unwrap().contains("mock"));
    assert!(!sealer.is_due(false), "it is left alone for a while");
    sealer.close();
    assert!(world.logs().is_empty(), "nothing is signed without it");
    world.clock.jump(31);
    assert!(sealer.is_due(false));
    assert!(sealer.has_key(Ok(Some(Locked::of(&[7; 32])))));
    sealer.seal();
    assert_eq!(sealer.trouble(), None);
    assert_eq!(world.holds("made later").covered, 300);
}

#[test]
fn a_ledger_of_a_released_agent_is_taken_in_from_its_first_line() {
    const RELEASED: &str = include_str!("../../../../../tests/cases/released/ledger.jsonl");
    let world = World::new();
    fs::write(world.path(), format!("{RELEASED}\n")).unwrap();
    world.sync();
    world.sealer.close();
    assert_eq!(world.holds("released").covered, RELEASED.lines().count() as u64);
}

#[test]
fn the_key_beside_the_ledger_is_the_public_one_alone() {
    let world = World::new();
    world.write(1);
    world.sealer.close();
    let text = fs::read_to_string(world.log(1).join("vkey")).unwrap();
    let key = VerifierKey::parse(&text).unwrap();
    assert!(key.name().starts_with("dagpass.dev/ledger/"));
    for (_, folder) in world.logs() {
        for entry in fs::read_dir(folder.0).unwrap() {
            let bytes = fs::read(entry.unwrap().path()).unwrap_or_default();
            assert!(!bytes.windows(32).any(|window| window == [7; 32]));
        }
    }
}
