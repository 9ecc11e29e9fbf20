//! Consistency against another's implementation and by any tree; what a witness cosigns and what it never does.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tlog_tiles::tlog;

use super::super::merkle::leaf_hash;
use super::super::tile::{Growing, Tile};
use super::super::{consistency_proof, root_at};
use super::*;

struct Tree {
    leaves: Vec<Hash>,
    tiles: BTreeMap<Tile, Vec<Hash>>,
}

impl Tree {
    fn of(size: u64) -> Self {
        Self::growing_from((0..size).map(|number| format!("{number}")).collect())
    }

    fn growing_from(lines: Vec<String>) -> Self {
        let leaves: Vec<Hash> = lines.iter().map(|line| leaf_hash(line.as_bytes())).collect();
        let (mut tiles, mut growing) = (BTreeMap::new(), Growing::default());
        for leaf in &leaves {
            growing.push(*leaf, |tile, hashes| drop(tiles.insert(tile, hashes.to_vec())));
        }
        tiles.extend(growing.partial().map(|(tile, hashes)| (tile, hashes.to_vec())));
        Self { leaves, tiles }
    }

    fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    fn at(&self, size: u64) -> (u64, Hash) {
        (size, root(&self.leaves[..usize::try_from(size).unwrap()]))
    }

    fn proof(&self, old: u64) -> Vec<Hash> {
        consistency_proof(old, self.size(), |tile| self.tiles.get(&tile).cloned().ok_or(tile))
            .unwrap()
    }

    fn checkpoint(&self, origin: &str) -> Checkpoint {
        let (size, root) = self.at(self.size());
        Checkpoint { origin: origin.to_owned(), size, root, before: None }
    }
}

struct Stored(Vec<tlog::Hash>);

impl tlog::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        Ok(indexes.iter().map(|at| self.0[usize::try_from(*at).unwrap()]).collect())
    }
}

#[test]
fn another_implementation_makes_the_same_proofs_and_takes_ours() {
    let sizes = [1, 2, 3, 7, 8, 255, 256, 257, 300, 513, 4096, 4999];
    let mut theirs = Stored(Vec::new());
    for number in 0..4999_u64 {
        let more = tlog::stored_hashes(number, format!("{number}").as_bytes(), &theirs).unwrap();
        theirs.0.extend(more);
    }
    for size in sizes {
        let tree = Tree::of(size);
        for old in sizes.into_iter().filter(|old| *old <= size) {
            let ours = tree.proof(old);
            let expected = tlog::prove_tree(size, old, &theirs).unwrap();
            let plain = |hashes: &[Hash]| hashes.iter().map(|hash| hash.0).collect::<Vec<_>>();
            assert_eq!(plain(&ours), expected.iter().map(|hash| hash.0).collect::<Vec<_>>());
            let (before, after) = (tree.at(old), tree.at(size));
            let theirs = |hash: Hash| tlog::Hash(hash.0);
            tlog::check_tree(&expected, size, theirs(after.1), old, theirs(before.1)).unwrap();
            assert!(extends(&ours, before, after), "{old} of {size}");
            assert!(ours.len() <= MOST_HASHES);
        }
    }
}

proptest! {
    #[test]
    fn a_tree_goes_on_from_each_of_its_beginnings_and_from_no_other(
        size in 1..700_u64, old in any::<u64>(), bent in any::<(usize, usize)>(),
    ) {
        let (tree, old) = (Tree::of(size), old % (size + 1));
        let (before, after) = (tree.at(old), tree.at(size));
        let proof = tree.proof(old);
        prop_assert!(extends(&proof, before, after));
        let by_tiles = root_at(old, size, |tile| tree.tiles.get(&tile).cloned().ok_or(tile));
        prop_assert_eq!(by_tiles, Ok(before.1));
        let other = leaf_hash(b"x");
        prop_assert!(old == 0 || !extends(&proof, (old, other), after));
        prop_assert!(old == 0 || !extends(&proof, before, (size, other)));
        prop_assert!(!extends(&[&proof[..], &[other]].concat(), before, after));
        if !proof.is_empty() {
            prop_assert!(!extends(&proof[1..], before, after));
            let mut wrong = proof.clone();
            let at = bent.0 % wrong.len();
            wrong[at].0[bent.1 % 32] ^= 1;
            prop_assert!(!extends(&wrong, before, after));
        }
    }

    #[test]
    fn any_bytes_are_a_request_or_none_and_no_proof_of_any_size_panics(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        text in "(old [0-9]{0,22}\n|[A-Za-z0-9+/]{43}=\n|\n|o\n|— k [A-Za-z+/]{8}\n|PRIVATE\\+KEY\\+|x){0,9}",
        sizes in any::<(u64, u64)>(),
    ) {
        for bytes in [&bytes[..], text.as_bytes()] {
            if let Ok(asked) = AddCheckpoint::parse(bytes) {
                prop_assert_eq!(AddCheckpoint::parse(asked.to_string().as_bytes()), Ok(asked));
            }
            prop_assert!(Cosigner::parse(&String::from_utf8_lossy(bytes)).is_err());
            let _size: Result<u64, Malformed> = held_size(bytes);
            let hashes: Vec<Hash> = bytes.chunks(3).map(leaf_hash).collect();
            let one = leaf_hash(b"1");
            prop_assert!(!extends(&hashes, (sizes.0, one), (sizes.1, one)) || sizes.0 == 0 || sizes.0 == sizes.1);
        }
    }
}

fn log_key(name: &str, seed: u8) -> (KeyPair, VerifierKey) {
    let pair = KeyPair::from_seed(Seed::new([seed; 32]));
    let key = VerifierKey::new(name, *pair.pk).unwrap();
    (pair, key)
}

fn asked(tree: &Tree, old: u64, (pair, key): &(KeyPair, VerifierKey)) -> AddCheckpoint {
    let text = tree.checkpoint(key.name()).to_string();
    let note = Note::new(&text, key, &pair.sk.sign(text.as_bytes(), None));
    AddCheckpoint { old, proof: if old <= tree.size() { tree.proof(old) } else { vec![] }, note }
}

#[test]
fn a_witness_cosigns_what_goes_on_from_what_it_cosigned_and_nothing_else() {
    let log = log_key("example.com/log", 1);
    let (tree, longer) = (Tree::of(10), Tree::of(300));
    let mut lines: Vec<String> = (0..300).map(|number| format!("{number}")).collect();
    lines[3] = "edited".to_owned();
    let fork = Tree::growing_from(lines);
    let short_fork = Tree::growing_from((0..10).map(|number| format!("other {number}")).collect());
    let held = Cosigned { size: 10, root: tree.at(10).1 };
    let holds = |forked| Err(Refused::Holds { size: 10, forked });
    let as_asked = |asked: &AddCheckpoint, held: Option<Cosigned>| {
        let back = AddCheckpoint::parse(asked.to_string().as_bytes()).unwrap();
        assert_eq!(&back, asked);
        judge_request(&back, std::slice::from_ref(&log.1), |_| held).map(|new| new.size)
    };
    for (case, tree, old, held, expected) in [
        ("the first", &tree, 0, None, Ok(10)),
        ("the same again", &tree, 10, Some(held), Ok(10)),
        ("it goes on", &longer, 10, Some(held), Ok(300)),
        ("from nothing", &longer, 0, Some(held), holds(false)),
        ("from elsewhere", &longer, 9, Some(held), holds(false)),
        ("of what nobody holds", &longer, 10, None, Err(Refused::Holds { size: 0, forked: false })),
        ("an edited line", &fork, 10, Some(held), Err(Refused::Inconsistent)),
        ("another of the same size", &short_fork, 10, Some(held), holds(true)),
        ("a shorter one", &Tree::of(9), 9, Some(held), holds(false)),
    ] {
        assert_eq!(as_asked(&asked(tree, old, &log), held), expected, "{case}");
    }
    let backward = as_asked(&asked(&Tree::of(9), 10, &log), Some(held));
    assert_eq!(backward.unwrap_err().status(), 400);
    let more = AddCheckpoint { proof: vec![held.root], ..asked(&tree, 0, &log) };
    assert_eq!(as_asked(&more, None).unwrap_err().status(), 422, "of nothing nothing is proved");
    let stranger = log_key("example.com/other", 1);
    assert_eq!(as_asked(&asked(&tree, 0, &stranger), None), Err(Refused::UnknownLog));
    let forger = log_key("example.com/log", 2);
    assert_eq!(as_asked(&asked(&tree, 0, &forger), None), Err(Refused::NotSigned));
    let mut bent = asked(&tree, 0, &forger).to_string();
    bent.push_str(&asked(&tree, 0, &log).note.signature_of(&log.1).unwrap().to_string());
    let both = AddCheckpoint::parse(bent.as_bytes()).unwrap();
    assert_eq!(as_asked(&both, None), Ok(10), "a signature of nobody known is left alone");
}

#[test]
fn a_cosignature_is_the_witness_s_own_and_a_later_one_takes_its_place() {
    let log = log_key("example.com/log", 1);
    let note = asked(&Tree::of(3), 0, &log).note;
    let witness = Cosigner::new("witness.example/w1", [9; 32]).unwrap();
    let other = Cosigner::new("witness.example/w2", [8; 32]).unwrap();
    assert_eq!(note.cosigned_at(witness.key()), None);
    let lines = witness.cosign(&note, 1000).unwrap().to_string();
    let lines = format!("{lines}{}", other.cosign(&note, 1500).unwrap());
    let cosigned = note.with(Signature::parse_lines(&lines).unwrap());
    assert_eq!(cosigned.cosigned_at(witness.key()), Some(1000));
    let later = cosigned.with([witness.cosign(&note, 2000).unwrap()]);
    assert_eq!(later.cosigned_at(witness.key()), Some(2000));
    assert_eq!(later.signed_by(&log.1), Signed::Yes);
    assert_eq!(later.to_string().lines().count(), note.to_string().lines().count() + 2);
    assert_eq!(note.joined(&later), later.joined(&note));
    assert_eq!(Note::parse(later.to_string().as_bytes()), Ok(later));
    assert!(witness.cosign(&note, u64::MAX).is_none(), "no time");
    for bad in ["", "x\n", "— a b", "— a AAAA\n"] {
        assert!(Signature::parse_lines(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_witness_s_key_comes_back_from_its_file_and_from_no_other_text() {
    // Base64 has pluses too.
    assert!(Cosigner::new("w", [0; 32]).is_err());
    for seed in 1..=255 {
        let witness = Cosigner::new("w", [seed; 32]).unwrap();
        assert_eq!(Cosigner::parse(&witness.secret_text()).unwrap().key(), witness.key());
    }
    let witness = Cosigner::new("witness.example/w1", [9; 32]).unwrap();
    let text = witness.secret_text();
    assert_eq!(Cosigner::parse(&text).unwrap().key(), witness.key());
    assert!(witness.key().is_witness() && !format!("{witness:?}").contains(&text[..30]));
    for bad in [
        text.replace("PRIVATE+KEY+", ""),
        text.replace("w1", "w2"),
        text[..text.len() - 9].to_owned(),
        witness.key().to_string(),
        String::new(),
    ] {
        assert!(Cosigner::parse(&bad).is_err(), "{bad}");
    }
    for (body, size) in [("7\n", Some(7)), ("0\n", Some(0)), ("07\n", None), ("", None)] {
        assert_eq!(held_size(body.as_bytes()).ok(), size, "{body:?}");
    }
}
