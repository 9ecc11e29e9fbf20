//! A witness and its folder: what it cosigns is on disk, whatever stops it, and what it lost it never makes up.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dagpass_client::ledger::log::{
    AddCheckpoint, Growing, Hash, Note, Signature, Tile, VerifierKey, consistency_proof, held_size,
    leaf_hash, split_notes,
};
use ed25519_compact::{KeyPair, Seed};

use super::super::folder::{Folder, Kept, NotCosigned, Step};
use super::*;

/// A log of lines `x 0`, `x 1`, …, up to a place where its owner rewrites it.
struct Log {
    pair: KeyPair,
    key: VerifierKey,
}

impl Log {
    fn new(origin: &str) -> Self {
        let pair = KeyPair::from_seed(Seed::new([5; 32]));
        let key = VerifierKey::new(origin, *pair.pk).unwrap();
        Self { pair, key }
    }

    /// `edited`: from which line on it is another history.
    fn asks(&self, old: u64, size: u64, edited: u64) -> AddCheckpoint {
        let mut tiles: BTreeMap<Tile, Vec<Hash>> = BTreeMap::new();
        let mut tree = Growing::default();
        for line in 0..size {
            let text = format!("{} {line}", if line < edited { "x" } else { "y" });
            tree.push(leaf_hash(text.as_bytes()), |tile, hashes| {
                tiles.insert(tile, hashes.to_vec());
            });
        }
        tiles.extend(tree.partial().map(|(tile, hashes)| (tile, hashes.to_vec())));
        let read = |tile| tiles.get(&tile).cloned().ok_or(tile);
        let proof = consistency_proof(old, size, read).unwrap();
        let origin = self.key.name().to_owned();
        let text = Checkpoint { origin, size, root: tree.root(), before: None }.to_string();
        let signature = self.pair.sk.sign(text.as_bytes(), None);
        AddCheckpoint { old, proof, note: Note::new(&text, &self.key, &signature) }
    }
}

const HONEST: u64 = u64::MAX;

struct World {
    _temporary: tempfile::TempDir,
    path: PathBuf,
    log: Log,
}

impl World {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("witness");
        let log = Log::new("example.com/log");
        let folder = Folder::named(Some(path.clone())).unwrap();
        let _alone = folder.lock().unwrap();
        folder.begin(Some("witness.example/w")).unwrap();
        assert!(folder.add(&log.key).unwrap() && !folder.add(&log.key).unwrap());
        Self { _temporary: temporary, path, log }
    }

    /// A process that serves out of the folder as it is now.
    fn bench(&self, step: Step) -> Bench {
        let folder = Folder::at(self.path.clone(), step);
        let cosigner = folder.cosigner().unwrap().unwrap();
        Bench::new(folder, cosigner)
    }

    fn ask(&self, bench: &Bench, asked: &AddCheckpoint) -> Reply {
        let reply = bench.answer(asked.to_string().as_bytes());
        if reply.status == 200 {
            let cosigned = asked.note.with(Signature::parse_lines(&reply.body).unwrap());
            assert!(cosigned.cosigned_at(bench.cosigner.key()).is_some());
        }
        reply
    }

    fn status(&self, old: u64, size: u64, edited: u64) -> u16 {
        let asked = self.log.asks(old, size, edited);
        self.ask(&self.bench(no_step()), &asked).status
    }

    /// How many lines each has that is kept in a file.
    fn kept(&self, file: &str) -> Vec<u64> {
        let bytes = fs::read(self.path.join(file)).unwrap_or_default();
        let notes = split_notes(&bytes).0.into_iter().map(Result::unwrap);
        let size = |note: Note| {
            assert_eq!(note.only_by(&self.log.key), Some(note.clone()), "its own signature alone");
            Checkpoint::parse(note.text()).unwrap().size
        };
        notes.map(size).collect()
    }

    fn cosigned(&self) -> u64 {
        let held = self.bench(no_step()).folder.held().unwrap().unwrap();
        held.get(self.log.key.name()).map_or(0, |held| held.size)
    }
}

fn no_step() -> Step {
    Box::new(|_| Ok(()))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_log_is_cosigned_as_it_grows_and_its_rewritten_past_is_refused_and_kept() {
    let world = World::new();
    assert_eq!(world.status(0, 10, HONEST), 200);
    assert_eq!(world.status(10, 300, HONEST), 200);
    assert_eq!(world.status(300, 300, HONEST), 200, "the same again");
    let behind = world.ask(&world.bench(no_step()), &world.log.asks(0, 400, HONEST));
    assert_eq!((behind.status, behind.kind), (409, AddCheckpoint::SIZE_TYPE));
    assert_eq!(held_size(behind.body.as_bytes()), Ok(300));
    // Its owner, root and with the key, rewrites yesterday and signs all of it again.
    assert_eq!(world.status(300, 400, 7), 422);
    assert_eq!(world.status(300, 300, 7), 409, "as many lines, others");
    assert_eq!(world.status(299, 299, HONEST), 409, "never a smaller one");
    assert_eq!(world.kept("refused"), [300], "two histories of as many lines");
    assert_eq!(world.kept("unproved"), [400]);
    assert_eq!(world.cosigned(), 300);
    assert_eq!(world.bench(no_step()).answer(b"old x\n\n").status, 400);
    let other = Log::new("example.com/other").asks(0, 3, HONEST);
    assert_eq!(world.bench(no_step()).answer(other.to_string().as_bytes()).status, 404);
}

#[test]
fn whoever_has_a_checkpoint_makes_no_proof_of_it_and_takes_none_away() {
    let world = World::new();
    let junk = |old, size: u64, number: u8| {
        let mut asked = world.log.asks(old, size, HONEST);
        asked.proof = vec![Hash([number; 32])];
        let name = format!("junk.example/{number}");
        let more = Cosigner::new(&name, [number; 32]).unwrap().cosign(&asked.note, 1).unwrap();
        asked.note = asked.note.with([more]);
        world.ask(&world.bench(no_step()), &asked).status
    };
    assert_eq!(junk(0, 10, 1), 422, "from nothing everything goes on");
    assert_eq!(world.status(0, 10, HONEST), 200);
    assert_eq!(junk(10, 10, 1), 422, "what is held itself");
    assert_eq!((world.kept("refused"), world.kept("unproved")), (vec![], vec![]));
    assert_eq!(world.status(10, 10, 7), 409);
    for number in 1..30 {
        assert_eq!(junk(10, 20, number), 422);
    }
    assert_eq!((world.kept("refused"), world.kept("unproved")), (vec![10], vec![20]));
    assert_eq!(world.status(10, 20, HONEST), 200, "the log itself can prove it");
}

#[test]
fn what_is_kept_of_one_log_ends_somewhere_and_what_is_there_stays() {
    let world = World::new();
    let folder = world.bench(no_step()).folder;
    let note = |log: &Log, size: u64| {
        let text = format!("{}\n{size}\n{}\n{}\n", log.key.name(), Hash([1; 32]), "x".repeat(9000));
        Note::new(&text, &log.key, &log.pair.sk.sign(text.as_bytes(), None))
    };
    let keep = |size| folder.keep(NotCosigned::Unproved, &note(&world.log, size)).unwrap();
    let full = (1..).find(|size| keep(*size) == Kept::Full).unwrap();
    assert_eq!(world.kept("unproved"), (1..full).collect::<Vec<_>>());
    assert_eq!((keep(1), keep(full + 1), full), (Kept::Before, Kept::Full, 8));
    let other = Log::new("example.com/other");
    assert_eq!(folder.keep(NotCosigned::Unproved, &note(&other, 1)).unwrap(), Kept::Now);
    assert_eq!(folder.keep(NotCosigned::Forked, &note(&world.log, 1)).unwrap(), Kept::Now);
}

#[test]
fn a_witness_that_ends_at_any_step_has_on_disk_what_it_answered() {
    for first in [0, 10] {
        let mut ended = 0;
        for at in 0.. {
            let world = World::new();
            if first > 0 {
                assert_eq!(world.status(0, first, HONEST), 200);
            }
            let taken = Arc::new(AtomicUsize::new(0));
            let count = taken.clone();
            let stops: Step = Box::new(move |step| match count.fetch_add(1, Ordering::SeqCst) {
                now if now >= at => Err(std::io::Error::other(format!("killed before {step}"))),
                _ => Ok(()),
            });
            let answered = world.ask(&world.bench(stops), &world.log.asks(first, 20, HONEST));
            let cosigned = world.cosigned();
            match answered.status {
                200 => assert_eq!(cosigned, 20),
                status => {
                    assert_eq!(status, 500, "nothing leaves before it is on disk");
                    assert!([first, 20].contains(&cosigned), "{cosigned}");
                    ended += 1;
                }
            }
            // Another process: the log goes on from whatever is held, and no other history does.
            assert_ne!(world.status(cosigned, 30, 5), 200 * u16::from(cosigned > 0));
            if cosigned == 0 {
                continue;
            }
            assert_eq!(world.status(cosigned, 30, HONEST), 200, "ended at step {at}");
            if answered.status == 200 {
                break;
            }
        }
        assert_eq!(ended, 5, "each step was one to end at");
    }
}

#[test]
fn a_witness_set_back_to_a_snapshot_cosigns_nothing_that_leaves_what_it_still_knows() {
    let world = World::new();
    assert_eq!(world.status(0, 10, HONEST), 200);
    let snapshot = world.path.with_file_name("snapshot");
    copy(&world.path, &snapshot);
    assert_eq!(world.status(10, 20, HONEST), 200);
    fs::remove_dir_all(&world.path).unwrap();
    copy(&snapshot, &world.path);
    assert_eq!(world.cosigned(), 10);
    // The log is told where it is believed to be, and goes on from there.
    let told = world.ask(&world.bench(no_step()), &world.log.asks(20, 30, HONEST));
    assert_eq!((told.status, told.body.as_str()), (409, "10\n"));
    assert_eq!(world.status(10, 30, 9), 422, "what the snapshot knows is not rewritten");
    // What it cannot know: that it had cosigned lines 11 to 20 otherwise. Whoever keeps that checkpoint can.
    assert_eq!(world.status(10, 30, 15), 200);
}

#[test]
fn what_is_damaged_or_gone_is_never_begun_anew() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 6] = [
        ("a byte of what is held", |path| {
            let text = fs::read_to_string(path.join("held")).unwrap();
            fs::write(path.join("held"), text.replacen(" 10 ", " 11 ", 1)).unwrap();
        }),
        ("its end", |path| {
            let text = fs::read(path.join("held")).unwrap();
            fs::write(path.join("held"), &text[..text.len() - 1]).unwrap();
        }),
        ("all of it", |path| fs::write(path.join("held"), "").unwrap()),
        ("the file", |path| fs::remove_file(path.join("held")).unwrap()),
        ("the logs", |path| fs::write(path.join("logs"), "example.com/log").unwrap()),
        ("the key", |path| fs::remove_file(path.join("key")).unwrap()),
    ];
    for (what, damage) in damages {
        let world = World::new();
        assert_eq!(world.status(0, 10, HONEST), 200);
        let bench = world.bench(no_step());
        damage(&world.path);
        let folder = Folder::named(Some(world.path.clone())).unwrap();
        let begun = folder.begin(None).map(|_| ()).and(folder.held()).map(|_| ());
        let begun = begun.and(folder.logs().map(|_| ()));
        assert_eq!(begun.unwrap_err().reply.error, "witness_damaged", "{what}");
        // Also under one that serves already.
        if what != "the key" {
            assert_eq!(world.ask(&bench, &world.log.asks(10, 20, HONEST)).status, 500, "{what}");
        }
    }
}

#[cfg(unix)]
#[test]
fn what_cannot_be_read_is_there() {
    for files in [vec!["key"], vec!["held"], vec!["logs"], vec!["key", "held"]] {
        let world = World::new();
        for file in &files {
            let path = world.path.join(file);
            fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink(file, &path).unwrap();
        }
        let folder = Folder::named(Some(world.path.clone())).unwrap();
        let begun = folder.begin(None).map(|_| ());
        let begun = begun.and_then(|()| folder.held().map(|_| ()));
        let begun = begun.and_then(|()| folder.logs().map(|_| ()));
        assert_eq!(begun.unwrap_err().reply.error, "io", "{files:?}");
        for file in files {
            assert!(fs::symlink_metadata(world.path.join(file)).unwrap().is_symlink());
        }
    }
}

#[test]
fn logs_that_are_added_at_once_are_all_known() {
    let world = World::new();
    std::thread::scope(|threads| {
        for number in 0..8 {
            let folder = Folder::named(Some(world.path.clone())).unwrap();
            let log = Log::new(&format!("example.com/{number}"));
            threads.spawn(move || assert!(folder.add(&log.key).unwrap()));
        }
    });
    assert_eq!(world.bench(no_step()).folder.logs().unwrap().len(), 9);
}

#[test]
fn one_program_at_a_time_cosigns_out_of_a_folder_and_a_log_has_one_key() {
    let world = World::new();
    let folder = || Folder::named(Some(world.path.clone())).unwrap();
    let alone = folder().lock().unwrap();
    let second = folder().lock().unwrap_err();
    assert!(second.reply.error_description.contains("another program"), "{second:?}");
    drop(alone);
    folder().lock().unwrap();
    let pair = KeyPair::from_seed(Seed::new([6; 32]));
    let other = VerifierKey::new("example.com/log", *pair.pk).unwrap();
    assert_eq!(folder().add(&other).unwrap_err().reply.error, "conflict");
    assert_eq!(folder().logs().unwrap(), std::slice::from_ref(&world.log.key));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&world.path), mode(&world.path.join("key"))), (0o700, 0o600));
        assert_eq!(mode(&world.path.join("held")), 0o600);
    }
}
