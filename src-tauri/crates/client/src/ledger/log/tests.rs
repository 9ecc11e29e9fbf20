//! C2SP's own examples, RFC 6962 against another's implementation, and bytes of no kind at all.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_compact::{KeyPair, Seed};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use tlog_tiles::tlog;

use super::merkle::root;
use super::*;

fn signer(name: &str, seed: u8) -> (KeyPair, VerifierKey) {
    let pair = KeyPair::from_seed(Seed::new([seed; 32]));
    let key = VerifierKey::new(name, *pair.pk).unwrap();
    (pair, key)
}

fn signed(text: &str, (pair, key): &(KeyPair, VerifierKey)) -> Note {
    Note::new(text, key, &pair.sk.sign(text.as_bytes(), None))
}

/// signed-note.md's own example.
const VKEY_EXAMPLE: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const NOTE_EXAMPLE: &str = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

/// RFC 6962 §2.1.3's first leaf, and one of a line.
#[test]
fn a_line_s_leaf_is_that_of_a_merkle_tree() {
    let empty = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
    assert_eq!(super::super::digits(&leaf_hash(b"").0), empty);
    assert_eq!(leaf_hash(b"{}").0, *Sha256::digest(b"\0{}"));
}

#[test]
fn the_example_of_the_specification_is_verified_and_a_changed_one_is_not() {
    let key = VerifierKey::parse(VKEY_EXAMPLE).unwrap();
    assert_eq!(key.to_string(), VKEY_EXAMPLE);
    let note = Note::parse(NOTE_EXAMPLE.as_bytes()).unwrap();
    assert_eq!(note.to_string(), NOTE_EXAMPLE);
    assert_eq!(note.signed_by(&key), Signed::Yes);
    let other = Note::parse(NOTE_EXAMPLE.replace("example m", "Example m").as_bytes()).unwrap();
    assert_eq!(other.signed_by(&key), Signed::Wrongly);
    let stranger = signer("example.com/foo", 9).1;
    assert_eq!(note.signed_by(&stranger), Signed::No);
}

#[test]
fn a_witness_signs_the_time_with_the_checkpoint_and_is_no_log() {
    let log = signer("example.com/behind-the-sofa", 3);
    let (witness, public) = signer("witness.example.com/w1", 4);
    // Its key as text: the same bytes of another kind have another id.
    let bytes = [&[4], witness.pk.as_slice()].concat();
    let id = Sha256::new_with_prefix(b"witness.example.com/w1\n\x04")
        .chain_update(*witness.pk)
        .finalize();
    let id: Vec<u8> = id[..4].to_vec();
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!("witness.example.com/w1+{hex}+{}", STANDARD.encode(bytes));
    let key = VerifierKey::parse(&text).unwrap();
    assert_eq!((key.to_string(), key.is_witness(), public.is_witness()), (text, true, false));
    assert!(!key.is_same_key(&public));

    let checkpoint = format!("example.com/behind-the-sofa\n9\n{}\n", Hash([1; 32]));
    let note = signed(&checkpoint, &log).to_string();
    let cosigned = |time: u64, told: u64| {
        let signed = format!("cosignature/v1\ntime {time}\n{checkpoint}");
        let signature = witness.sk.sign(signed.as_bytes(), None);
        let bytes = [id.as_slice(), &told.to_be_bytes(), signature.as_slice()].concat();
        let line = format!("— witness.example.com/w1 {}\n", STANDARD.encode(bytes));
        Note::parse(format!("{note}{line}").as_bytes()).unwrap().signed_by(&key)
    };
    assert_eq!(cosigned(1_679_315_147, 1_679_315_147), Signed::Yes);
    assert_eq!(cosigned(1_679_315_147, 1_679_315_148), Signed::Wrongly);
    assert_eq!(cosigned(u64::MAX, u64::MAX), Signed::Wrongly);
    assert_eq!(Note::parse(note.as_bytes()).unwrap().signed_by(&key), Signed::No);
}

#[test]
fn what_is_no_key_no_note_and_no_checkpoint_is_refused() {
    for bad in [
        "",
        "+",
        "a+b",
        "a+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+BOkyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AQ==",
        "a b+00000000+AQ==",
    ] {
        assert!(VerifierKey::parse(bad).is_err(), "{bad}");
    }
    for bad in [
        "",
        "\n\n",
        "a\n\n",
        "a\n\n— b c\n",
        "a\n\n— b AAAAAA==",
        "a\n\n— b AAAAAA==\n",
        "a\r\n\n— b AAAAAAA=\n",
        "a\n\n- b AAAAAAA=\n",
        "a\n\n— b AAAAAAA=\nx\n",
    ] {
        assert!(Note::parse(bad.as_bytes()).is_err(), "{bad:?}");
    }
    let root = Hash([7; 32]);
    let good = format!("o\n20852163\n{root}\n");
    assert_eq!(Checkpoint::parse(&good).unwrap().to_string(), good);
    for bad in [
        format!("\n1\n{root}\n"),
        format!("o\n01\n{root}\n"),
        format!("o\n+1\n{root}\n"),
        "o\n1\nAA==\n".to_owned(),
        format!("o\n1\n{root}"),
        format!("o\n1\n{root}\n\n"),
        format!("o\n1\n{root}\nfollows x\n"),
        "o\n".to_owned(),
    ] {
        assert!(Checkpoint::parse(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_checkpoint_names_the_log_that_it_follows() {
    let before = Before {
        origin: "example.com/a".to_owned(),
        size: 7,
        root: Hash([1; 32]),
        why: Why::KeyLost,
    };
    let one = Checkpoint {
        origin: "example.com/b".to_owned(),
        size: 9,
        root: Hash([2; 32]),
        before: Some(before),
    };
    assert_eq!(Checkpoint::parse(&one.to_string()).unwrap(), one);
    let theirs = tlog_tiles::Checkpoint::from_bytes(one.to_string().as_bytes()).unwrap();
    assert_eq!((theirs.origin(), theirs.size(), theirs.hash().0), ("example.com/b", 9, [2; 32]));
}

#[test]
fn tiles_lie_where_the_specification_puts_them() {
    for (level, index, width, path) in [
        (0, 0, 256, "tile/0/000"),
        (0, 273, 112, "tile/0/273.p/112"),
        (1, 1_234_067, 256, "tile/1/x001/x234/067"),
        (2, 1000, 1, "tile/2/x001/000.p/1"),
    ] {
        assert_eq!(Tile { level, index, width }.path(), path);
    }
    let of = |level, size| Tile::of_level(level, size).map(|tile| tile.path()).collect::<Vec<_>>();
    assert_eq!(
        (of(0, 70_000).len(), of(0, 70_000).pop().unwrap()),
        (274, "tile/0/273.p/112".into())
    );
    assert_eq!(of(1, 70_000), ["tile/1/000", "tile/1/001.p/17"]);
    assert_eq!(of(2, 70_000), ["tile/2/000.p/1"]);
    assert_eq!(
        (of(0, 256), of(1, 256)),
        (vec!["tile/0/000".into()], vec!["tile/1/000.p/1".into()])
    );
}

/// Another's tree, as it stores it.
struct Stored(Vec<tlog::Hash>);

impl tlog::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        Ok(indexes.iter().map(|at| self.0[usize::try_from(*at).unwrap()]).collect())
    }
}

fn line(number: u64) -> Vec<u8> {
    format!(r#"{{"seq":{number}}}"#).into_bytes()
}

#[test]
fn another_implementation_gives_the_same_roots_tiles_and_proofs() {
    let (mut theirs, mut leaves) = (Stored(Vec::new()), Vec::new());
    let (mut growing, mut frontier, mut filled) =
        (Growing::default(), Frontier::default(), Vec::new());
    for number in 0..70_000_u64 {
        let leaf = leaf_hash(&line(number));
        let more = tlog::stored_hashes(number, &line(number), &theirs).unwrap();
        theirs.0.extend(more);
        leaves.push(leaf);
        frontier.push(leaf);
        growing.push(leaf, |tile, hashes| filled.push((tile, hashes.to_vec())));
        let size = number + 1;
        if size < 600 || size % 4999 == 0 || size == 70_000 {
            let root = tlog::tree_hash(size, &theirs).unwrap().0;
            assert_eq!((frontier.root().0, growing.root().0), (root, root), "{size}");
            let index = number * 7 % size;
            let proof = inclusion_proof(&leaves, index).unwrap();
            let expected = tlog::prove_record(size, index, &theirs).unwrap();
            assert_eq!(
                proof.iter().map(|hash| hash.0).collect::<Vec<_>>(),
                expected.iter().map(|hash| hash.0).collect::<Vec<_>>(),
                "{index} of {size}"
            );
        }
    }
    filled.extend(growing.partial().map(|(tile, hashes)| (tile, hashes.to_vec())));
    let expected = tlog_tiles::Tile::new_tiles(8, 0, 70_000);
    assert_eq!(filled.len(), expected.len());
    for (tile, hashes) in filled {
        let (level, index) = (tile.level, tile.index);
        let same = tlog_tiles::Tile::new(8, level, index, u32::from(tile.width), false);
        assert!(expected.contains(&same), "{}", tile.path());
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
        assert_eq!(bytes, same.read_data(&theirs).unwrap(), "{}", tile.path());
        assert_eq!(same.path(), tile.path().replacen("tile/", "tile/8/", 1));
    }
}

#[test]
fn a_proof_comes_back_as_it_went_and_holds_for_its_line_alone() {
    let signer = signer("example.com/ledger", 3);
    let leaves: Vec<Hash> = (0..300).map(|number| leaf_hash(&line(number))).collect();
    let checkpoint = Checkpoint {
        origin: "example.com/ledger".to_owned(),
        size: 300,
        root: root(&leaves),
        before: None,
    };
    let note = signed(&checkpoint.to_string(), &signer);
    let hashes = inclusion_proof(&leaves, 256).unwrap();
    let proof = Proof { line: line(256), index: 256, hashes, note };
    let back = Proof::parse(proof.to_string().as_bytes()).unwrap();
    assert_eq!(back, proof);
    assert!(back.holds(&checkpoint) && back.note.signed_by(&signer.1) == Signed::Yes);
    assert!(!Proof { index: 255, ..proof.clone() }.holds(&checkpoint));
    assert!(!Proof { line: line(255), ..proof.clone() }.holds(&checkpoint));
    assert!(!proof.holds(&Checkpoint { size: 600, ..checkpoint }));
    for cut in 0..proof.to_string().len() {
        let bytes = &proof.to_string().into_bytes()[..cut];
        assert!(Proof::parse(bytes).is_err(), "{cut}");
    }
}

#[test]
fn a_file_of_notes_is_split_and_its_torn_end_found() {
    let signer = signer("example.com/ledger", 3);
    let one = signed("o\n1\nx\n", &signer).to_string();
    let two = signed("o\n2\nx\n\n\nmore\n", &signer).to_string();
    let both = format!("{one}{two}");
    let (notes, whole) = split_notes(both.as_bytes());
    assert_eq!((notes.len(), whole), (2, both.len()));
    assert_eq!(notes[1].as_ref().unwrap().to_string(), two);
    for cut in one.len()..both.len() {
        let (notes, whole) = split_notes(&both.as_bytes()[..cut]);
        assert_eq!((notes.len(), whole), (1, one.len()), "{cut}");
    }
    // One more signature is being written behind the last one.
    let line = one.lines().last().unwrap();
    let more = format!("{both}{line}\n");
    for cut in both.len()..more.len() {
        let (notes, whole) = split_notes(&more.as_bytes()[..cut]);
        assert_eq!((notes.len(), whole), (2, both.len()), "{cut}");
        assert_eq!(notes[1].as_ref().unwrap().to_string(), two, "{cut}");
    }
    let (notes, whole) = split_notes(more.as_bytes());
    assert_eq!((notes.len(), whole), (2, more.len()));
    assert_eq!(notes[1].as_ref().unwrap().to_string(), format!("{two}{line}\n"));
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let like_a_note = "(c2sp.org/tlog-proof@v1\n|extra QQ==\n|index [0-9]{0,22}\n|o\n|[0-9]{1,22}\n|[A-Za-z0-9+/]{43}=\n|\n|— k [A-Za-z+/]{8}\n|follows |x){0,12}";
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300),
        like_a_note.prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn any_bytes_give_a_value_or_an_error(bytes in bytes(), size in any::<u64>(), index in any::<u64>()) {
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(key) = VerifierKey::parse(&text) {
            prop_assert_eq!(VerifierKey::parse(&key.to_string()), Ok(key));
        }
        if let Ok(note) = Note::parse(&bytes) {
            prop_assert_eq!(Note::parse(note.to_string().as_bytes()), Ok(note));
        }
        if let Ok(checkpoint) = Checkpoint::parse(&text) {
            prop_assert_eq!(Checkpoint::parse(&checkpoint.to_string()), Ok(checkpoint));
        }
        if let Ok(proof) = Proof::parse(&bytes) {
            prop_assert_eq!(Proof::parse(proof.to_string().as_bytes()), Ok(proof));
        }
        let (_, whole) = split_notes(&bytes);
        prop_assert!(whole <= bytes.len());
        let tile = Tile { level: 0, index, width: 3 };
        prop_assert_eq!(tile.hashes(&bytes).is_ok(), bytes.len() >= 96 && bytes.len().is_multiple_of(32));
        let leaf = leaf_hash(&bytes);
        let hashes: Vec<Hash> = bytes.chunks(2).map(leaf_hash).collect();
        prop_assert!(!includes(&hashes, (index, leaf), (size, leaf)) || size == 1);
    }

    #[test]
    fn every_leaf_of_every_tree_is_proved_and_no_other(size in 1..400_u64, at in any::<u64>(), bent in any::<(u8, u8)>()) {
        let leaves: Vec<Hash> = (0..size).map(|number| leaf_hash(&line(number))).collect();
        let (index, tree) = (at % size, (size, root(&leaves)));
        let leaf = leaves[usize::try_from(index).unwrap()];
        let mut proof = inclusion_proof(&leaves, index).unwrap();
        prop_assert!(includes(&proof, (index, leaf), tree));
        prop_assert!(!includes(&proof, (index + 1, leaf), tree));
        prop_assert!(!includes(&proof, (index, leaf_hash(b"x")), tree));
        if let Some(hash) = proof.get_mut(usize::from(bent.0 % 9)) {
            hash.0[usize::from(bent.1 % 32)] ^= 1;
            prop_assert!(!includes(&proof, (index, leaf), tree));
        }
    }

    #[test]
    fn a_tree_goes_on_from_its_partial_tiles(first in 0..1100_u64, more in 0..300_u64) {
        let mut tiles = std::collections::BTreeMap::new();
        let mut whole = Growing::default();
        for number in 0..first {
            whole.push(leaf_hash(&line(number)), |tile, hashes| drop(tiles.insert(tile, hashes.to_vec())));
        }
        tiles.extend(whole.partial().map(|(tile, hashes)| (tile, hashes.to_vec())));
        let mut again = Growing::at(first, |tile| tiles.get(&tile).cloned().ok_or(tile)).unwrap();
        prop_assert_eq!(again.root(), whole.root());
        for number in first..first + more {
            whole.push(leaf_hash(&line(number)), |_, _| {});
            again.push(leaf_hash(&line(number)), |_, _| {});
        }
        prop_assert_eq!(again.root(), whole.root());
    }
}
