//! What a pack takes along: what witnesses cosigned late, what still holds of a broken log, who is named on other
//! lines of the ledger, and no hash by which a line could be guessed.

use super::super::believed::Believed;
use super::*;

/// A witness by its number, and its key.
fn witness(number: u8) -> (KeyPair, VerifierKey) {
    let pair = KeyPair::from_seed(Seed::new([number; 32]));
    let key = VerifierKey::of_witness(&format!("witness{number}"), *pair.pk).unwrap();
    (pair, key)
}

impl World {
    fn log(&self, file: &str) -> PathBuf {
        self.folder.path().join("ledger-log/1").join(file)
    }

    fn add(&self, note: &str) {
        let all = fs::read_to_string(self.log("checkpoints")).unwrap();
        fs::write(self.log("checkpoints"), all + note).unwrap();
    }

    /// The checkpoint over so many lines once more, with what one witness signed of it.
    fn cosigned(&self, size: u64, number: u8) -> String {
        let all = fs::read_to_string(self.log("checkpoints")).unwrap();
        let from = all.find(&format!("{ORIGIN}\n{size}\n")).unwrap();
        let text = &all[from..from + all[from..].find("\n\n").unwrap() + 1];
        let (pair, key) = witness(number);
        let signed = format!("cosignature/v1\ntime 7\n{text}");
        let signature = pair.sk.sign(signed, Some(Noise::new([0; 16])));
        let id = key.to_string().split('+').nth(1).unwrap().to_owned();
        let id = (0..8).step_by(2).map(|at| u8::from_str_radix(&id[at..at + 2], 16).unwrap());
        let bytes = [&id.collect::<Vec<_>>()[..], &7_u64.to_be_bytes(), &signature[..]].concat();
        let own = self.note(text, &self.key());
        format!("{own}— {} {}\n", key.name(), STANDARD.encode(bytes))
    }
}

fn kinds(files: &Files) -> Vec<String> {
    let gaps: Vec<Value> = serde_json::from_slice(&files["data/gaps.json"]).unwrap();
    gaps.iter().map(|gap| gap["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_three_witnesses_cosigned_late_each_in_a_copy_of_its_own_is_one_note_of_the_pack() {
    let mut world = World::new(&[3, 6, 7, 8]);
    world.witnesses = [1, 2, 3].map(|number| witness(number).1).into();
    // Somebody else's note stands between them.
    for number in [1, 2, 3] {
        world.add(&world.cosigned(8, number));
        world.add(&world.cosigned(3, 9));
    }
    for (period, sizes) in [
        (ALL, &[3, 6, 7, 8][..]),
        // The first that is over all of them is plain: the pack has the one that was cosigned.
        (("2026-11-24T06:00:01Z", "2026-11-24T06:00:06Z"), &[3, 8]),
    ] {
        let files = world.pack(None, period);
        assert!(!kinds(&files).contains(&"no-witness".to_owned()), "{:?}", kinds(&files));
        assert!(judged(&files, Some(&world.key())).is_ok());
        let text = &files["proofs/log-1/checkpoints"];
        let (notes, _) = dagpass_client::ledger::log::split_notes(text);
        let notes: Vec<Note> = notes.into_iter().map(Result::unwrap).collect();
        let has = notes.iter().map(|note| Checkpoint::parse(note.text()).unwrap().size);
        assert_eq!(has.collect::<Vec<_>>(), sizes);
        let by = |note: &Note| world.witnesses.iter().all(|key| note.cosigned_at(key) == Some(7));
        assert!(by(notes.last().unwrap()));
        let single = &files["proofs/lines/2.tlog-proof"];
        assert!(by(&Proof::parse(single).unwrap().note));
    }
    // Without any that is named: whatever anybody cosigned.
    world.witnesses = Vec::new();
    let files = world.pack(None, ("2026-11-24T06:00:01Z", "2026-11-24T06:00:03Z"));
    let text = String::from_utf8(files["proofs/log-1/checkpoints"].clone()).unwrap();
    assert!(text.contains("witness9") && !text.contains(&format!("{ORIGIN}\n6\n")), "{text}");
}

#[test]
fn a_pack_is_held_against_the_witnesses_that_are_named_and_needs_as_many_as_are_asked_for() {
    let mut world = World::new(&[3, 8]);
    world.witnesses = vec![witness(1).1];
    world.add(&world.cosigned(3, 1));
    world.add(&world.cosigned(8, 2));
    let pack = packed(&world.pack(None, ALL)).unwrap();
    for (numbers, quorum, expected) in [
        (&[1][..], 1, Ok(3)),
        (&[2], 1, Ok(8)),
        (&[1, 2], 1, Ok(8)),
        (&[1, 2], 2, Err("cosigned by 2 of the witnesses that were given")),
        (&[9], 1, Err("no checkpoint of its lines is cosigned by a witness that was given")),
    ] {
        let witnesses = numbers.iter().map(|number| witness(*number).1).collect();
        let believed = Believed { key: Some(world.key()), witnesses, quorum };
        match (verdict(&pack, &believed), expected) {
            (Ok(verdict), Ok(lines)) => {
                assert_eq!(verdict.cosigned, Some(lines), "{numbers:?}");
                let bare =
                    format!("stands for {} of its lines: whoever has the log's key", 8 - lines);
                let said = verdict.notes.iter().any(|note| note.contains(&bare));
                assert_eq!(said, lines < 8, "{verdict:?}");
            }
            (Err(why), Err(words)) => assert!(why.contains(words), "{numbers:?}: {why}"),
            (found, _) => panic!("{numbers:?} {quorum}: {found:?}"),
        }
    }
    let alone = verdict(&pack, &Believed::default()).unwrap();
    assert_eq!(alone.cosigned, None, "that a line says so proves nothing");
}

#[test]
fn what_holds_of_a_broken_log_stands_for_its_lines_and_the_pack_agrees_with_itself() {
    let world = World::new(&[3, 8]);
    let checkpoint =
        Checkpoint { origin: ORIGIN.to_owned(), size: 3, root: Hash([5; 32]), before: None };
    let wrong = world.note(&checkpoint.to_string(), &world.key()).to_string();
    let all = fs::read_to_string(world.log("checkpoints")).unwrap();
    let last = all.find(&format!("{ORIGIN}\n8\n")).unwrap();
    fs::write(world.log("checkpoints"), wrong + &all[last..]).unwrap();
    let files = world.pack(None, ALL);
    assert!(kinds(&files).contains(&"not-as-signed".to_owned()), "{:?}", kinds(&files));
    for key in [None, Some(&world.key())] {
        let verdict = judged(&files, key).unwrap();
        assert_eq!((verdict.covered, verdict.checkpoints), (8, 1));
    }
}

#[test]
fn who_signed_in_before_the_period_has_the_name_by_which_they_go_in_it() {
    let world = World::new(&[8]);
    let mut pseudonyms = Pseudonyms::new([9; 32]);
    let files = world.pack(Some(&mut pseudonyms), ("2026-11-24T06:00:04Z", "2026-11-25"));
    let all = text_of(&files).to_lowercase();
    for name in ["alice", "liddell", "corp.example, count"] {
        assert!(!all.contains(name), "{name}");
    }
    let runs: Value = serde_json::from_slice(&files["data/runs.json"]).unwrap();
    let who = runs[0]["record"]["run"]["triggering_user"].as_str().unwrap();
    let names = &pseudonyms.keys()[who];
    assert!(names.contains(&"7f3a-alice".to_owned()), "{names:?}");
    let manifest: Manifest = serde_json::from_slice(&files[MANIFEST]).unwrap();
    for (name, goes_by) in [("alices-laptop", &manifest.machine), ("aliddell", &manifest.account)] {
        assert_eq!(pseudonyms.keys()[goes_by], [name]);
    }
}

#[test]
fn the_line_before_the_period_has_no_hash_of_its_own_either_where_it_has_no_salt() {
    let mut world = World::new(&[8]);
    world.lines[2] = world.lines[2].replace("\"salt\":\"c2FsdHNhbHRzYWx0c2FsdA\",", "");
    world.write(&[8]);
    let period = ("2026-11-24T06:00:04Z", "2026-11-25");
    let files = world.pack(Some(&mut Pseudonyms::new([9; 32])), period);
    let verdict = judged(&files, Some(&world.key())).unwrap();
    assert_eq!((verdict.lines, verdict.covered), (5, 4));
    let all = text_of(&files);
    assert!(!all.contains(&leaf_hash(world.lines[2].as_bytes()).to_string()));
    assert!(kinds(&files).contains(&"not-in-this-pack".to_owned()));
    // A line that has one may stand there.
    let files = World::new(&[8]).pack(Some(&mut Pseudonyms::new([9; 32])), period);
    assert_eq!(judged(&files, None).unwrap().covered, 5);
}

#[test]
fn of_lines_that_are_gone_and_whose_hashes_nobody_has_no_pack_is_made_up() {
    let world = World::new(&[8]);
    let lines = world.folder.path().join("ledger-log/lines");
    fs::create_dir_all(&lines).unwrap();
    // As many as would not fit into any memory.
    fs::rename(world.ledger(), lines.join("1000000000001-1000000000008-0.jsonl")).unwrap();
    let period = Period::parse("2026-11-24", "2026-11-24").unwrap();
    let failure = Reading::of(&period, Some(&world.ledger())).err().unwrap();
    assert_eq!(
        failure.reply.error_description,
        "no log has the hashes of the 1000000000000 lines that are not here any more"
    );
}
