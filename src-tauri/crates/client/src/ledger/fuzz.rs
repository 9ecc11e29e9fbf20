//! Bytes of no kind, and sound ones that were bent, for whoever reads a ledger, its tiles, notes and proofs: each
//! gives a value or says what is wrong with it, what was read is written as it was, and nothing that was bent
//! passes for what was signed. Every day some hundreds each; `DAGPASS_FUZZ_SECONDS` says for how long instead
//! (`cargo task verify --release`), `DAGPASS_FUZZ_SEED` from where.

use std::time::{Duration, Instant, SystemTime};

use ed25519_compact::{KeyPair, Seed};

use super::export::{Ocsf, row};
use super::log::{
    AddCheckpoint, Checkpoint, Cosigner, Growing, Hash, Note, Proof, Signature, Signed, Tile,
    VerifierKey, extends, held_size, inclusion_proof, leaf_hash, root_at, split_notes,
};
use super::words::{short, title};
use super::{Chain, Filter, Line, Lines, Tail, without_prev};

/// Splitmix64: what matters is that a seed gives the same bytes again.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap_or(0)
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Some of them bent in one place or a few, a few of no kind at all.
    fn bent(&mut self, sound: &[Vec<u8>], words: &[&[u8]]) -> Vec<u8> {
        if self.below(16) == 0 {
            let length = self.below(200);
            return (0..length).map(|_| self.next().to_le_bytes()[0]).collect();
        }
        let at = self.below(sound.len());
        let mut bytes = sound[at].clone();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let to = (at + self.below(24)).min(bytes.len());
            match self.below(8) {
                0 => bytes.truncate(at),
                1 => drop(bytes.drain(at..to)),
                2 => {
                    let part = bytes[at..to].to_vec();
                    let into = self.below(bytes.len() + 1);
                    bytes.splice(into..into, part);
                }
                3 => {
                    let word = self.of(words);
                    bytes.splice(at..to, word.iter().copied());
                }
                4 => {
                    let other = &sound[self.below(sound.len())];
                    let from = self.below(other.len() + 1);
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[from..]);
                }
                5 if at < bytes.len() => bytes[at] = self.next().to_le_bytes()[0],
                _ if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                _ => bytes.push(self.next().to_le_bytes()[0]),
            }
        }
        bytes
    }
}

/// Until it is enough; tells the seed of what failed by its panic.
fn each(name: &str, every_day: u64, mut one: impl FnMut(&mut Chance)) {
    let read = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let first = read("DAGPASS_FUZZ_SEED").unwrap_or(now.as_nanos() as u64);
    let (until, begun) = (read("DAGPASS_FUZZ_SECONDS").map(Duration::from_secs), Instant::now());
    let mut count = 0;
    let more = |count| match until {
        None => count < every_day,
        Some(until) => count % 64 != 0 || begun.elapsed() < until,
    };
    while more(count) {
        let seed = first.wrapping_add(count);
        let mut chance = Chance(seed);
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| one(&mut chance)));
        assert!(done.is_ok(), "DAGPASS_FUZZ_SEED={seed} fails the reader of {name}");
        count += 1;
    }
    let seconds = begun.elapsed().as_secs();
    println!("{name}: {count} readings in {seconds} s, from seed {first}");
}

fn signed(text: &str, (pair, key): &(KeyPair, VerifierKey)) -> Note {
    Note::new(text, key, &pair.sk.sign(text.as_bytes(), None))
}

fn signer() -> (KeyPair, VerifierKey) {
    let pair = KeyPair::from_seed(Seed::new([5; 32]));
    let key = VerifierKey::new("example.com/log", *pair.pk).unwrap();
    (pair, key)
}

/// Leaves, and a checkpoint over them that a log and a witness signed.
fn tree(size: u64) -> (Vec<Hash>, Note) {
    let leaves: Vec<Hash> = (0..size).map(|at| leaf_hash(at.to_string().as_bytes())).collect();
    let mut growing = Growing::default();
    leaves.iter().for_each(|leaf| growing.push(*leaf, |_, _| {}));
    let text = format!("example.com/log\n{size}\n{}\n", growing.root());
    let note = signed(&text, &signer());
    let witness = Cosigner::new("witness.example/w", [6; 32]).unwrap();
    let cosigned = note.with([witness.cosign(&note, 1000).unwrap()]);
    (leaves, cosigned)
}

#[test]
fn any_line_is_read_told_exported_and_written_again() {
    let released = concat!(
        include_str!("../../../../../tests/cases/released/ledger.jsonl"),
        include_str!("../../../../../tests/cases/released/ledger-v1.jsonl")
    );
    let new = r#"{"v":2,"seq":7,"time":"2026-11-24T19:28:51.000Z","prev":"0","salt":"s","event":"run","outcome":"ok","session":{"profile":"prod"},"caller":{"transport":"socket","context":{"a":"b"}},"subject":{"iss":"i","sub":"s","name":"N"},"count":3,"first":1,"last":2,"run":{"kind":"task","dag_id":"d","run_id":"r","state":"ok","tokens":[{"audience":["a"],"fingerprint":"f","tokens":2,"times":3,"by":"run","each":[{"fingerprint":"g","times":1}]}]},"proof":{"took_ms":3,"id_token":{"iss":"i","sub":"s","aud":["a"],"alg":"RS256","at_hash":true}}}"#;
    let sound: Vec<Vec<u8>> =
        released.lines().chain([new]).map(|line| line.as_bytes().to_vec()).collect();
    let words: [&[u8]; 12] = [
        b"null",
        b"\"\"",
        b"-1",
        b"1e400",
        b"18446744073709551616",
        b"\\ud800",
        b"{}",
        b"[]",
        b"\"event\":\"issue\",",
        b"\xff",
        b"\n",
        b"\"prev\":\"",
    ];
    each("lines", 2000, |chance| {
        let mut bytes = chance.bent(&sound, &words);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let line = Line::parse(&text);
        if let Some(line) = &line {
            let again = serde_json::to_string(line).unwrap();
            assert_eq!(Line::parse(&again).as_ref(), Some(line), "{text}");
            title(line);
            short(line);
        }
        without_prev(&text);
        Filter::default().judge(&text);
        assert!(row(text.as_bytes(), line.as_ref()).ends_with("\r\n"));
        let event = Ocsf::new("0", None).event(text.as_bytes(), line.as_ref());
        assert!(event["class_uid"].is_u64() && event["metadata"]["uid"].is_string(), "{text}");
        bytes.extend_from_slice(b"\n{\"seq\":1}");
        let mut lines = Lines::of(bytes.as_slice());
        let mut length = 0;
        while lines.next(|part| length += part.len()).unwrap().is_some() {}
        assert_eq!(length + bytes.iter().filter(|byte| **byte == b'\n').count(), bytes.len());
        Chain::of(bytes.as_slice()).unwrap();
        let mut tail = Tail::of(std::io::Cursor::new(&bytes)).unwrap();
        tail.last(3, |_| super::Verdict::Wanted).unwrap();
    });
}

#[test]
fn any_tile_gives_its_hashes_or_is_refused_and_no_bent_one_gives_the_root() {
    let (leaves, _) = tree(700);
    let mut growing = Growing::default();
    let mut tiles: Vec<(Tile, Vec<u8>)> = Vec::new();
    let bytes = |hashes: &[Hash]| hashes.iter().flat_map(|hash| hash.0).collect::<Vec<u8>>();
    leaves
        .iter()
        .for_each(|leaf| growing.push(*leaf, |tile, hashes| tiles.push((tile, bytes(hashes)))));
    tiles.extend(growing.partial().map(|(tile, hashes)| (tile, bytes(hashes))));
    let sound: Vec<Vec<u8>> = tiles.iter().map(|(_, bytes)| bytes.clone()).collect();
    let root = growing.root();
    each("tiles", 300, |chance| {
        let size = match chance.below(4) {
            0 => chance.next(),
            1 => chance.next() >> chance.below(64),
            _ => chance.below(701) as u64,
        };
        let level = chance.next().to_le_bytes()[0] % 12;
        let tile = Tile::holding(level, chance.next() >> chance.below(64), size);
        assert!(tile.width <= 256 && tile.path().starts_with("tile/"));
        let bent = chance.bent(&sound, &[&[0; 32]]);
        let read = tile.hashes(&bent);
        let fits = bent.len() % 32 == 0 && bent.len() <= 256 * 32;
        assert_eq!(read.is_ok(), fits && bent.len() >= usize::from(tile.width) * 32);
        // One tile of the tree bent: what is signed is not what it gives.
        let (which, was) = &tiles[chance.below(tiles.len())];
        let bent = chance.bent(std::slice::from_ref(was), &[&[0; 32]]);
        let whole = |wanted: Tile| {
            let all = tiles
                .iter()
                .find(|(tile, _)| (tile.level, tile.index) == (wanted.level, wanted.index));
            let bytes = all.map(|(tile, bytes)| if tile == which { &bent } else { bytes });
            wanted.hashes(bytes.ok_or(super::log::Malformed("no tile"))?)
        };
        if let (Ok(other), true) =
            (root_at(700, 700, whole), bent.get(..was.len()) != Some(was.as_slice()))
        {
            // What lies above a whole tile stands in the next level's, and is not made of it.
            let below = which.is_whole();
            assert!(below || other != root, "{which:?}");
        }
        if let Ok(grown) = Growing::at(700, whole) {
            let same = which.is_whole() || bent.get(..was.len()) == Some(was.as_slice());
            assert_eq!(grown.root() == root, same, "{which:?}");
        }
    });
}

#[test]
fn any_note_is_read_and_written_as_it_was_and_no_bent_one_is_signed() {
    let (pair, key) = signer();
    let (_, cosigned) = tree(9);
    let witness = Cosigner::new("witness.example/w", [6; 32]).unwrap().key().clone();
    let plain = signed(cosigned.text(), &(pair, key.clone()));
    let follows =
        format!("{}follows example.com/old 3 {} key-lost\n", cosigned.text(), Hash([1; 32]));
    let all = [plain, cosigned.clone(), signed(&follows, &signer())];
    let mut sound: Vec<Vec<u8>> = all.iter().map(|note| note.to_string().into_bytes()).collect();
    sound.push(sound.concat());
    sound.push(key.to_string().into_bytes());
    sound.push(witness.to_string().into_bytes());
    let words: [&[u8]; 8] =
        ["— ".as_bytes(), b"\n\n", b"\n", b"+", b"AAAAAA==", b"18446744073709551616", b"\r", b"\0"];
    each("notes", 200, |chance| {
        let bytes = chance.bent(&sound, &words);
        if let Ok(note) = Note::parse(&bytes) {
            let text = note.to_string();
            assert_eq!(Note::parse(text.as_bytes()).as_ref(), Ok(&note));
            let known = all.iter().any(|one| one.text() == note.text());
            assert!(known || note.signed_by(&key) != Signed::Yes, "{text}");
            assert!(
                note.text() == cosigned.text() || note.cosigned_at(&witness).is_none(),
                "{text}"
            );
            if let Ok(checkpoint) = Checkpoint::parse(note.text()) {
                assert_eq!(Checkpoint::parse(&checkpoint.to_string()), Ok(checkpoint));
            }
        }
        let (notes, whole) = split_notes(&bytes);
        assert!(whole <= bytes.len());
        let again = split_notes(&bytes[..whole]);
        assert_eq!(again, (notes, whole));
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(read) = VerifierKey::parse(&text) {
            assert_eq!(VerifierKey::parse(&read.to_string()), Ok(read));
        }
        if let Ok(lines) = Signature::parse_lines(&text) {
            let written: String = lines.iter().map(ToString::to_string).collect();
            assert_eq!(Signature::parse_lines(&written), Ok(lines));
        }
    });
}

#[test]
fn any_proof_is_read_and_written_as_it_was_and_no_bent_one_proves_another_line() {
    let (leaves, note) = tree(77);
    let (_, key) = signer();
    let proofs: Vec<Proof> = [0, 40, 76]
        .into_iter()
        .map(|index: u64| Proof {
            line: index.to_string().into_bytes(),
            index,
            hashes: inclusion_proof(&leaves, index).unwrap(),
            note: note.clone(),
        })
        .collect();
    let add = AddCheckpoint { old: 3, proof: proofs[0].hashes.clone(), note: note.clone() };
    let mut sound: Vec<Vec<u8>> = proofs.iter().map(|one| one.to_string().into_bytes()).collect();
    sound.push(add.to_string().into_bytes());
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    let hash = Hash([3; 32]).to_string();
    let words: [&[u8]; 7] =
        [b"\n\n", b"\n", b"index 41\n", b"extra NDA=\n", b"old 0\n", hash.as_bytes(), b"A=="];
    each("proofs", 500, |chance| {
        let bytes = chance.bent(&sound, &words);
        if let Ok(proof) = Proof::parse(&bytes) {
            assert_eq!(Proof::parse(proof.to_string().as_bytes()).as_ref(), Ok(&proof));
            let said = Checkpoint::parse(proof.note.text());
            if let (Ok(said), Signed::Yes) = (said, proof.note.signed_by(&key)) {
                assert_eq!(said, checkpoint);
                let known =
                    proofs.iter().any(|one| (&one.line, one.index) == (&proof.line, proof.index));
                assert!(known || !proof.holds(&said), "{proof}");
            }
        }
        if let Ok(asked) = AddCheckpoint::parse(&bytes) {
            assert_eq!(AddCheckpoint::parse(asked.to_string().as_bytes()).as_ref(), Ok(&asked));
            let old = (asked.old, Hash([9; 32]));
            assert!(
                asked.old == 0 || !extends(&asked.proof, old, (checkpoint.size, checkpoint.root))
            );
        }
        if let Ok(size) = held_size(&bytes) {
            assert_eq!(held_size(format!("{size}\n").as_bytes()), Ok(size));
        }
    });
}
