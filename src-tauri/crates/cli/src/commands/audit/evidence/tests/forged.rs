//! Packs that somebody made up, with every digest mended: what a manifest says is not believed, and a key that
//! is given has to stand for something.

use super::super::believed::Believed;
use super::super::manifest::File;
use super::*;

type Bend = fn(&mut Files, &mut Manifest);

pub(super) fn by(key: Option<&VerifierKey>) -> Believed {
    Believed { key: key.cloned(), ..Believed::default() }
}

/// As somebody makes it who has the program: the digests are right, and it says that it is not signed.
fn bent(files: &Files, bend: Bend) -> Files {
    let mut files = files.clone();
    files.remove(NOTE);
    let text = files.remove(MANIFEST).unwrap();
    let mut manifest: Manifest = serde_json::from_slice(&text).unwrap();
    manifest.signed = false;
    bend(&mut files, &mut manifest);
    manifest.files = files.iter().map(|(name, bytes)| File::of(name, bytes)).collect();
    files.insert(MANIFEST.to_owned(), manifest.text().into_bytes());
    files
}

#[test]
fn nothing_that_a_manifest_says_is_believed_unread() {
    let world = World::new(&[3, 8]);
    let whole = world.pack(None, ALL);
    assert!(judged(&bent(&whole, |_, _| {}), Some(&world.key())).is_ok());
    let table: [(&str, Bend, &str); 11] = [
        (
            "another month",
            |_, manifest| {
                manifest.from = "2026-12-01T00:00:00Z".to_owned();
                manifest.to = "2027-01-01T00:00:00Z".to_owned();
            },
            "not of the period",
        ),
        (
            "from behind the first line",
            |_, manifest| manifest.from = "2026-11-24T06:00:01.001Z".to_owned(),
            "not of the period",
        ),
        (
            "to the last line",
            |_, manifest| manifest.to = "2026-11-24T06:00:08Z".to_owned(),
            "not of the period",
        ),
        ("no time", |_, manifest| manifest.to = "now\nand ever".to_owned(), "no period"),
        ("backwards", |_, manifest| manifest.to = "2026-11-23T00:00:00Z".to_owned(), "no period"),
        ("records", |_, manifest| manifest.records = 9, "9 records, and there are 8"),
        ("gaps", |_, manifest| manifest.gaps = 0, "0 gaps, and there are"),
        ("title", |_, manifest| manifest.title = "All is well".to_owned(), "another title"),
        ("covered", |_, manifest| manifest.covered = 7, "over 7 of its lines, and they are over 8"),
        (
            "a file",
            |files, _| drop(files.insert("report.htm".to_owned(), vec![])),
            "no pack has such a file",
        ),
        (
            "a row, by another version",
            |files, manifest| {
                manifest.product = "dagpass 99.0.0".to_owned();
                manifest.records = 9;
                files.insert("data/other.json".to_owned(), b"[{}]".to_vec());
            },
            "9 records, and there are 8",
        ),
    ];
    for (what, bend, why) in table {
        for key in [None, Some(&world.key())] {
            let told = judged(&bent(&whole, bend), key).unwrap_err();
            assert!(told.contains(why), "{what}: {told}");
        }
    }
}

#[test]
fn a_key_that_is_given_is_satisfied_by_nothing_but_what_it_signed() {
    let world = World::new(&[3]);
    let (key, nothing) = (world.key(), "the key that was given has signed nothing of it");
    let whole = world.pack(None, ALL);
    let verdict = judged(&whole, Some(&key)).unwrap();
    assert_eq!((verdict.lines, verdict.covered), (8, 3));
    assert!(verdict.notes.iter().any(|note| note.contains("stands for 5 of its lines")));
    let without: Bend = |files, manifest| {
        files.retain(|name, _| !name.starts_with("proofs/"));
        manifest.covered = 0;
    };
    // It agrees with itself, as it may.
    assert!(judged(&bent(&whole, without), None).is_ok());
    assert_eq!(judged(&bent(&whole, without), Some(&key)), Err(nothing.to_owned()));
    // Its public key alone signs nothing.
    let vkey: Bend = |files, manifest| {
        files.retain(|name, _| !name.starts_with("proofs/") || name.ends_with("/vkey"));
        manifest.covered = 0;
    };
    assert_eq!(judged(&bent(&whole, vkey), Some(&key)), Err(nothing.to_owned()));
    // Three lines are real, and it says that all are.
    let more: Bend = |_, manifest| manifest.covered = 8;
    for key in [None, Some(&key)] {
        let told = judged(&bent(&whole, more), key).unwrap_err();
        assert!(told.contains("over 8 of its lines, and they are over 3"), "{told}");
    }
    // A log of somebody else over all of them is passed over, and that is said.
    let mut other = World::new(&[8]);
    other.pair = KeyPair::from_seed(Seed::new([9; 32]));
    other.write(&[8]);
    let mut both = whole.clone();
    for (name, bytes) in other.pack(None, ALL) {
        if let Some(name) = name.strip_prefix("proofs/log-1/") {
            both.insert(format!("proofs/log-2/{name}"), bytes);
        }
    }
    let both = bent(&both, more);
    let verdict = judged(&both, Some(&key)).unwrap();
    assert_eq!((verdict.lines, verdict.covered, verdict.checkpoints), (8, 3, 1));
    assert!(verdict.notes.iter().any(|note| note.contains("another key")), "{verdict:?}");
    assert!(verdict.notes.iter().any(|note| note.contains("stands for 5 of its lines")));
}

#[test]
fn what_a_pack_calls_itself_makes_no_line_of_the_verdict() {
    let world = World::new(&[8]);
    let whole = world.pack(None, ALL);
    let machine: Bend = |_, manifest| {
        manifest.machine =
            "box\n8 of 8 lines are what 1 checkpoints were signed over\r\u{202e}".to_owned();
    };
    let sound = judged(&bent(&whole, |_, _| {}), None).unwrap().shown();
    let told = judged(&bent(&whole, machine), None).unwrap().shown();
    assert_eq!(told.lines().count(), sound.lines().count(), "{told}");
    assert!(!told.contains(['\r', '\u{202e}']), "{told}");
    assert!(sound.contains("not proved: ") && sound.contains("behind the last one"), "{sound}");
}

#[test]
fn a_file_that_proves_one_line_says_nothing_else_than_the_lines_do() {
    let world = World::new(&[3, 8]);
    let whole = world.pack(None, ALL);
    let sound = judged(&bent(&whole, |_, _| {}), None).unwrap();
    let files = whole.keys().filter(|name| name.starts_with("proofs/lines/")).count();
    assert!(files >= 3 && sound.line_proofs == files, "{sound:?}");
    const TWO: &str = "proofs/lines/2.tlog-proof";
    fn change(files: &mut Files, change: impl FnOnce(&mut Proof)) {
        let mut proof = Proof::parse(&files[TWO]).unwrap();
        change(&mut proof);
        files.insert(TWO.to_owned(), proof.to_string().into_bytes());
    }
    let table: [(&str, Bend, &str); 6] = [
        ("junk", |files, _| drop(files.insert(TWO.to_owned(), b"c2sp".to_vec())), "cut short"),
        (
            "another record's",
            |files, _| {
                let other = files["proofs/lines/3.tlog-proof"].clone();
                files.insert(TWO.to_owned(), other);
            },
            "of another record",
        ),
        (
            "another person",
            |files, _| {
                change(files, |proof| {
                    let line = String::from_utf8(proof.line.clone()).unwrap();
                    proof.line = line.replace("Alice", "Mallory").into_bytes();
                });
            },
            "of no line of the pack",
        ),
        (
            "another place",
            |files, _| change(files, |proof| proof.index = 2),
            "of no line of the pack",
        ),
        (
            "another root",
            |files, _| {
                change(files, |proof| {
                    let mut checkpoint = Checkpoint::parse(proof.note.text()).unwrap();
                    checkpoint.root = Hash([1; 32]);
                    let (was, is) = (proof.note.text(), checkpoint.to_string());
                    let text = proof.note.to_string().replacen(was, &is, 1);
                    proof.note = Note::parse(text.as_bytes()).unwrap();
                });
            },
            "not signed by its log's key",
        ),
        (
            "a path that leads elsewhere",
            |files, _| change(files, |proof| proof.hashes[0] = Hash([1; 32])),
            "not in the tree of its checkpoint",
        ),
    ];
    for (what, bend, why) in table {
        let told = judged(&bent(&whole, bend), None).unwrap_err();
        assert!(told.contains(TWO) && told.contains(why), "{what}: {told}");
    }
}

#[test]
fn no_archive_that_somebody_made_up_is_read_as_a_pack() {
    let world = World::new(&[8]);
    let archive = packed(&world.pack(None, ALL)).unwrap();
    assert!(unpacked(&archive).is_ok());
    for at in (0..archive.len()).step_by(211) {
        let mut bent = archive.clone();
        bent[at] ^= 0x20;
        assert!(verdict(&bent, &by(None)).is_err(), "byte {at}");
    }
    for junk in [&b""[..], b"PK\x03\x04", &archive[..archive.len() / 2], &[0xff; 4096]] {
        assert!(verdict(junk, &by(None)).is_err());
    }
}
