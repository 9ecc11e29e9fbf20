//! A pack of a made ledger: what is in it, that it is the same each time, and that whatever is changed of it is
//! found, also by somebody who mends the digests.

mod forged;
mod memory;
mod whole;

use std::fs;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dagpass_client::ledger::evidence::{CONTROLS, Period, Pseudonyms, Seal, Table};
use dagpass_client::ledger::hex;
use dagpass_client::ledger::log::{
    Checkpoint, Frontier, Hash, Note, Proof, VerifierKey, leaf_hash,
};
use ed25519_compact::{KeyPair, Noise, Seed};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use forged::by;

use super::manifest::{MANIFEST, Manifest, NOTE};
use super::model::Asked;
use super::pack;
use super::parts::Parts;
use super::read::Reading;
use super::verify::{Verdict, verdict};
use super::zip::{Files, packed, unpacked};

const ORIGIN: &str = "dagpass.dev/ledger/test";
const HOSTILE: &str = "<script>alert(1)</script>\u{202e}\"onload='x'";

/// A ledger in a folder of its own, with a log over it.
struct World {
    folder: tempfile::TempDir,
    pair: KeyPair,
    lines: Vec<String>,
    witnesses: Vec<VerifierKey>,
}

impl World {
    /// Eight records, of which the checkpoints are over these many.
    fn new(checkpoints: &[u64]) -> Self {
        let person = json!({"iss": "https://sso.corp.example", "sub": "7f3a-alice",
            "name": "Alice Liddell", "email": "alice@corp.example"});
        let caller = json!({"transport": "socket", "uid": 1000, "pid": 9,
            "executable": format!("/home/alice/{HOSTILE}")});
        let proof = json!({"endpoint": "https://sso.corp.example/as/token", "took_ms": 41,
            "id_token": {"iss": "https://sso.corp.example", "sub": "7f3a-alice", "aud": ["agent"],
                "auth_time": 1_795_500_000, "acr": "Multi_Factor", "amr": ["pwd", "mfa"],
                "sid": "sid-of-alice", "alg": "RS256", "kid": "k1", "at_hash": true}});
        let records = [
            json!({"event": "agent-start", "reason": "version 0.1.0"}),
            json!({"event": "sign-in", "subject": person, "session": {"profile": "prod"},
                "proof": proof, "caller": caller}),
            json!({"event": "issue", "subject": person, "session": {"profile": "prod"},
                "caller": caller, "connection": HOSTILE, "audience": ["https://lake"],
                "fingerprint": "3e57aa0912bc45de", "served": "cache"}),
            json!({"event": "issue", "outcome": "denied", "caller": caller, "error": "access_denied",
                "reason": "not for alice@corp.example, count me", "count": 12}),
            json!({"event": "agent-stop"}),
            json!({"event": "agent-start"}),
            json!({"event": "run", "run": {"kind": "task", "dag_id": HOSTILE, "run_id": "r",
                "task_id": "load", "state": "success", "triggering_user": "Alice Liddell"}}),
            json!({"event": "decision", "action": "use-store", "caller": caller}),
        ];
        let mut lines: Vec<String> = Vec::new();
        for (seq, record) in (1_u64..).zip(records) {
            let prev = lines.last().map_or_else(|| "0".repeat(64), |last| hex(last.as_bytes()));
            let mut line = json!({"v": 2, "seq": seq, "time": format!("2026-11-24T06:00:{seq:02}.000Z"),
                "prev": prev, "salt": "c2FsdHNhbHRzYWx0c2FsdA", "outcome": "ok",
                "caller": {"transport": "agent"}});
            for (name, value) in record.as_object().unwrap() {
                line[name] = value.clone();
            }
            lines.push(line.to_string());
        }
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
            pair: KeyPair::from_seed(Seed::new([7; 32])),
            lines,
            witnesses: Vec::new(),
        };
        world.write(checkpoints);
        world
    }

    fn key(&self) -> VerifierKey {
        VerifierKey::new(ORIGIN, *self.pair.pk).unwrap()
    }

    fn note(&self, text: &str, key: &VerifierKey) -> Note {
        let signature = self.pair.sk.sign(text, Some(Noise::new([0; 16])));
        Note::new(text, key, &signature)
    }

    fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger.jsonl")
    }

    fn write(&self, checkpoints: &[u64]) {
        fs::write(self.ledger(), self.lines.join("\n") + "\n").unwrap();
        let log = self.folder.path().join("ledger-log/1");
        fs::create_dir_all(log.join("tile/0")).unwrap();
        let leaves: Vec<Hash> = self.lines.iter().map(|line| leaf_hash(line.as_bytes())).collect();
        let mut all = String::new();
        for size in checkpoints {
            let mut frontier = Frontier::default();
            leaves.iter().take(*size as usize).for_each(|leaf| frontier.push(*leaf));
            let (origin, root) = (ORIGIN.to_owned(), frontier.root());
            let checkpoint = Checkpoint { origin, size: *size, root, before: None };
            let note = self.note(&checkpoint.to_string(), &self.key()).to_string();
            fs::write(log.join("checkpoint"), &note).unwrap();
            all.push_str(&note);
            let tile = leaves[..*size as usize].iter().flat_map(|leaf| leaf.0).collect::<Vec<_>>();
            fs::create_dir_all(log.join("tile/0/000.p")).unwrap();
            fs::write(log.join(format!("tile/0/000.p/{size}")), tile).unwrap();
        }
        fs::write(log.join("checkpoints"), all).unwrap();
        fs::write(log.join("vkey"), self.key().to_string()).unwrap();
    }

    fn pack(&self, pseudonyms: Option<&mut Pseudonyms>, (from, to): (&str, &str)) -> Files {
        let period = Period::parse(from, to).unwrap();
        let reading = Reading::of(&period, Some(&self.ledger())).unwrap();
        let asked = Asked {
            period,
            made: Timestamp::from_second(1_796_000_000).unwrap(),
            machine: "alices-laptop".to_owned(),
            account: "aliddell".to_owned(),
            signed: true,
            controls: CONTROLS.iter().collect(),
            witnesses: self.witnesses.clone(),
        };
        let parts = Parts::beside(&self.folder.path().join("pack.zip")).unwrap();
        let (model, parts) = pack::parts(&reading, asked, pseudonyms, parts).unwrap();
        let manifest = Manifest::of(&model, &parts);
        let files = parts.held();
        assert_eq!(parts.pack(Vec::new()).unwrap(), packed(&files).unwrap());
        assert_eq!(parts.sums().unwrap().sha256(), hex(&packed(&files).unwrap()));
        self.signed(files, &manifest)
    }

    /// As the agent signs it.
    fn signed(&self, mut files: Files, manifest: &Manifest) -> Files {
        let text = manifest.text();
        let digest = dagpass_client::ledger::evidence::digest(&hex(text.as_bytes())).unwrap();
        let seal = Seal { log: ORIGIN.to_owned(), manifest: digest, seq: 9, leaf: Hash([1; 32]) };
        let note = self.note(&seal.to_string(), &Seal::key(&self.key()).unwrap());
        files.insert(NOTE.to_owned(), note.to_string().into_bytes());
        files.insert(MANIFEST.to_owned(), text.into_bytes());
        files
    }
}

const ALL: (&str, &str) = ("2026-11-24", "2026-11-24");

fn judged(files: &Files, key: Option<&VerifierKey>) -> Result<Verdict, String> {
    verdict(&packed(files).unwrap(), &by(key))
}

fn text_of(files: &Files) -> String {
    files.values().map(|bytes| String::from_utf8_lossy(bytes)).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_pack_holds_by_the_key_alone_and_is_the_same_each_time() {
    let world = World::new(&[3, 8]);
    let files = world.pack(None, ALL);
    assert_eq!(packed(&files), packed(&world.pack(None, ALL)));
    for key in [None, Some(&world.key())] {
        let verdict = judged(&files, key).unwrap();
        assert_eq!((verdict.lines, verdict.covered, verdict.checkpoints), (8, 8, 2));
        assert_eq!((verdict.record, verdict.tables_made_again), (Some(9), true));
    }
    let other = VerifierKey::new("dagpass.dev/ledger/other", *world.pair.pk).unwrap();
    assert!(judged(&files, Some(&other)).is_err());
    let raw = &files["ledger/lines.jsonl"];
    assert_eq!(raw, &fs::read(world.ledger()).unwrap());
    let mut proofs = 0;
    for (_, bytes) in files.iter().filter(|(name, _)| name.ends_with(".tlog-proof")) {
        let proof = Proof::parse(bytes).unwrap();
        assert!(proof.holds(&Checkpoint::parse(proof.note.text()).unwrap()));
        proofs += 1;
    }
    assert!(proofs >= 6, "{proofs}");
}

#[test]
fn a_part_of_a_ledger_is_proved_by_itself_and_what_no_checkpoint_is_over_is_named() {
    let world = World::new(&[3, 6]);
    let files = world.pack(None, ("2026-11-24T06:00:02Z", "2026-11-24T06:00:05Z"));
    let verdict = judged(&files, Some(&world.key())).unwrap();
    assert_eq!((verdict.lines, verdict.covered, verdict.checkpoints), (3, 3, 2));
    let files = world.pack(None, ("2026-11-24T06:00:03Z", "2026-11-25"));
    let verdict = judged(&files, Some(&world.key())).unwrap();
    assert_eq!((verdict.lines, verdict.covered), (6, 4));
    let gaps: Value = serde_json::from_slice(&files["data/gaps.json"]).unwrap();
    let tail = gaps.as_array().unwrap().iter().find(|gap| gap["kind"] == "no-checkpoint").unwrap();
    assert_eq!((&tail["lines"], &tail["records"]), (&json!([7, 8]), &json!([7, 8])));
    let files = world.pack(None, ("2020-01-01", "2020-01-02"));
    for key in [None, Some(&world.key())] {
        let verdict = judged(&files, key).unwrap();
        assert_eq!((verdict.lines, verdict.record), (0, Some(9)));
        assert!(verdict.notes.contains(&"there are no lines of the period in it".to_owned()));
    }
}

#[test]
fn whoever_changes_a_pack_and_mends_its_digests_is_found_all_the_same() {
    let world = World::new(&[8]);
    let whole = world.pack(None, ALL);
    let edit = |files: &mut Files, name: &str, from: &str, to: &str| {
        let text = String::from_utf8(files[name].clone()).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        files.insert(name.to_owned(), text.replacen(from, to, 1).into_bytes());
    };
    // Even with the key that signs: the checkpoint was signed before.
    let table: [(&str, &str, &str, &str); 6] = [
        ("ledger/lines.jsonl", "\"pid\":9", "\"pid\":8", "are not those that its checkpoint"),
        ("data/tokens.json", "https://lake", "https://pond", "data/tokens.json is not what"),
        ("data/sign-ins.json", "Multi_Factor", "Multi-Factor", "data/sign-ins.json is not what"),
        ("proofs/log-1/span.json", "\"from\": 0", "\"from\": 1", "its span is not of these lines"),
        ("proofs/log-1/checkpoints", "\n8\n", "\n7\n", "is not signed by its key"),
        ("proofs/log-1/vkey", "test", "tent", "the key's id"),
    ];
    for (name, from, to, why) in table {
        let mut files = whole.clone();
        edit(&mut files, name, from, to);
        let told = judged(&files, None).unwrap_err();
        assert!(told.contains("is not the file that the manifest names"), "{name}: {told}");
        let mut manifest: Manifest = serde_json::from_slice(&files[MANIFEST]).unwrap();
        for file in &mut manifest.files {
            *file = super::manifest::File::of(&file.name, &files[&file.name]);
        }
        files.insert(MANIFEST.to_owned(), manifest.text().into_bytes());
        let told = judged(&files, Some(&world.key())).unwrap_err();
        assert!(
            told.contains("signed for another manifest") || told.contains(why),
            "{name}: {told}"
        );
        let files = world.signed(files, &manifest);
        let told = judged(&files, None).unwrap_err();
        assert!(told.contains(why), "{name}: {told}");
    }
    for (name, why) in [("report.html", "missing"), (NOTE, "missing"), (MANIFEST, "no manifest")] {
        let mut files = whole.clone();
        files.remove(name);
        assert!(judged(&files, None).unwrap_err().contains(why), "{name}");
    }
    let mut files = whole.clone();
    files.insert("../../evil".to_owned(), vec![]);
    assert!(judged(&files, None).unwrap_err().contains("does not name it"));
    // A checkpoint's signature is none of a pack, and the other way round.
    let mut files = whole.clone();
    files.insert(NOTE.to_owned(), whole["proofs/log-1/checkpoints"].clone());
    assert!(judged(&files, None).unwrap_err().contains(NOTE));
    let mut files = whole.clone();
    let unsigned = Manifest { signed: false, ..serde_json::from_slice(&whole[MANIFEST]).unwrap() };
    files.insert(MANIFEST.to_owned(), unsigned.text().into_bytes());
    assert!(judged(&files, None).unwrap_err().contains("says unsigned"));
    files.remove(NOTE);
    assert_eq!(judged(&files, None).unwrap().signed_by, None, "which it says itself");
}

#[test]
fn what_a_program_calls_itself_is_shown_in_the_report_and_never_obeyed() {
    let world = World::new(&[8]);
    let html = String::from_utf8(world.pack(None, ALL)["report.html"].clone()).unwrap();
    let style = html.find("</style>").unwrap();
    let body = &html[style..];
    for never in ["<script", "\u{202e}", "onload='", "style=\"", "src=", "url(", "http-equiv"] {
        assert!(!body.contains(never), "{never}");
    }
    assert!(!html.contains("@import") && !html.contains("<link") && !html.contains("url("));
    assert!(body.contains("&lt;script&gt;alert(1)"));
    assert!(html.contains("default-src 'none'; style-src 'sha256-"));
    for heading in
        ["sign-ins", "tokens", "refusals", "changes", "runs", "agent", "controls", "gaps"]
    {
        assert!(body.contains(&format!("id=\"{heading}\"")), "{heading}");
    }
    for link in body.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(link.starts_with('#') || link.starts_with("proofs/lines/"), "{link}");
    }
}

#[test]
fn every_claim_of_the_report_names_a_record_of_the_pack() {
    let world = World::new(&[8]);
    let files = world.pack(None, ALL);
    let mut told = Vec::new();
    for table in Table::ALL {
        let entries: Vec<Value> =
            serde_json::from_slice(&files[&format!("data/{}.json", table.name())]).unwrap();
        told.extend(entries.iter().map(|entry| entry["record"]["seq"].as_u64().unwrap()));
    }
    told.sort_unstable();
    assert_eq!(told, (1..=8).collect::<Vec<_>>(), "each in one table and no other");
    for name in ["issued", "gaps"] {
        let all: Vec<Value> = serde_json::from_slice(&files[&format!("data/{name}.json")]).unwrap();
        for claim in all {
            for record in claim["records"].as_array().unwrap() {
                assert!(told.contains(&record.as_u64().unwrap()), "{claim}");
            }
        }
    }
}

#[test]
fn a_pseudonymous_pack_names_nobody_anywhere_and_is_proved_by_its_hashes() {
    let world = World::new(&[8]);
    let mut pseudonyms = Pseudonyms::new([9; 32]);
    let files = world.pack(Some(&mut pseudonyms), ALL);
    let verdict = judged(&files, Some(&world.key())).unwrap();
    assert_eq!((verdict.lines, verdict.covered, verdict.tables_made_again), (8, 8, false));
    assert!(verdict.notes.iter().any(|note| note.contains("its lines are not in it")));
    let all = text_of(&files).to_lowercase();
    for name in ["alice", "liddell", "7f3a", "corp.example, count", "laptop", "c2fsdhn"] {
        assert!(
            !all.contains(name),
            "{name}: {}",
            &all[all.find(name).unwrap().saturating_sub(200)..][..400]
        );
    }
    assert!(all.contains("person-"));
    assert!(!files.contains_key("ledger/lines.jsonl"));
    let keys = format!("{:?}", pseudonyms.keys());
    assert!(keys.contains("Alice Liddell") && keys.contains("7f3a-alice"), "{keys}");
    let again = world.pack(Some(&mut Pseudonyms::new([8; 32])), ALL);
    assert_ne!(
        files["data/sign-ins.json"], again["data/sign-ins.json"],
        "another pack, other names"
    );
}

#[test]
fn of_a_line_without_salt_a_pseudonymous_pack_has_no_hash() {
    let mut world = World::new(&[8]);
    world.lines[2] = world.lines[2].replace("\"salt\":\"c2FsdHNhbHRzYWx0c2FsdA\",", "");
    world.write(&[8]);
    let files = world.pack(Some(&mut Pseudonyms::new([9; 32])), ALL);
    let verdict = judged(&files, Some(&world.key())).unwrap();
    assert_eq!((verdict.lines, verdict.covered), (8, 4));
    let all = text_of(&files);
    for line in &world.lines[..4] {
        assert!(!all.contains(&leaf_hash(line.as_bytes()).to_string()), "{line}");
    }
    assert!(all.contains(&leaf_hash(world.lines[4].as_bytes()).to_string()));
    assert!(all.contains("not-in-this-pack"));
}

#[test]
fn lines_behind_the_last_checkpoint_that_a_named_witness_cosigned_are_a_gap() {
    let mut world = World::new(&[3, 8]);
    let gap = |world: &World| {
        let files = world.pack(None, ALL);
        let gaps: Vec<Value> = serde_json::from_slice(&files["data/gaps.json"]).unwrap();
        gaps.into_iter().find(|gap| gap["kind"] == "no-witness").map(|gap| gap["lines"].clone())
    };
    assert_eq!(gap(&world), Some(json!([1, 8])), "none was named");
    let public = [&[4_u8][..], world.pair.pk.as_slice()].concat();
    let id = Sha256::digest([b"witness\n", public.as_slice()].concat());
    let id: Vec<u8> = id[..4].to_vec();
    let key =
        format!("witness+{}+{}", dagpass_client::ledger::digits(&id), STANDARD.encode(&public));
    world.witnesses = vec![VerifierKey::parse(&key).unwrap()];
    assert_eq!(gap(&world), Some(json!([1, 8])), "it cosigned nothing");
    for (size, expected) in [(3, Some(json!([4, 8]))), (8, None)] {
        let path = world.folder.path().join("ledger-log/1/checkpoints");
        let all = fs::read_to_string(&path).unwrap();
        let text = format!("{ORIGIN}\n{size}\n");
        let at = all.find(&text).unwrap();
        let end = at + all[at..].find("\n\n").unwrap();
        let signed = format!("cosignature/v1\ntime 7\n{}\n", &all[at..end]);
        let signature = world.pair.sk.sign(signed, Some(Noise::new([0; 16])));
        let bytes = [&id[..], &7_u64.to_be_bytes(), signature.as_slice()].concat();
        let line = end + 2 + all[end + 2..].find('\n').unwrap() + 1;
        let cosigned =
            format!("{}— witness {}\n{}", &all[..line], STANDARD.encode(&bytes), &all[line..]);
        fs::write(&path, cosigned).unwrap();
        assert_eq!(gap(&world), expected, "{size}");
    }
}
