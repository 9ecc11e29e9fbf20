//! Somebody with root and the signing key: a line of yesterday says something else, every line behind it is chained
//! anew, and the log is signed over that. Whoever has the log's key alone cannot know.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dagpass_client::ledger::hex;
use dagpass_client::ledger::log::{
    Checkpoint, Growing, Hash, Note, State, Tile, VerifierKey, leaf_hash,
};
use ed25519_compact::{KeyPair, Seed};
use serde_json::Value;

use crate::keychain_records::secret_tool;
use crate::world::World;

/// While no agent runs. Says which line it was: the first behind `line` on which a token was handed out, which now
/// never was.
pub(super) fn rewrite(world: &World, line: usize) -> usize {
    let (ledger, log) = (world.state().join("ledger.jsonl"), world.state().join("ledger-log/1"));
    let text = fs::read_to_string(&ledger).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let (issued, never) =
        (r#""event":"issue","outcome":"ok""#, r#""event":"issue","outcome":"denied""#);
    let at = (line..lines.len()).find(|at| lines[*at].contains(issued)).unwrap();
    lines[at] = lines[at].replacen(issued, never, 1);
    for behind in at + 1..lines.len() {
        let hash = hex(lines[behind - 1].as_bytes());
        let (before, rest) = lines[behind].split_once(r#""prev":""#).unwrap();
        lines[behind] = format!(r#"{before}"prev":"{hash}{}"#, &rest[64..]);
    }
    // Written over the file that was there: it is still the same one.
    fs::write(&ledger, lines.join("\n") + "\n").unwrap();
    sign(world, &log, &lines);
    at + 1
}

/// The whole log: tiles, one checkpoint, and where an agent goes on.
fn sign(world: &World, log: &Path, lines: &[String]) {
    let write = |tile: Tile, hashes: &[Hash]| {
        let path = log.join(tile.path());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
        fs::write(path, bytes).unwrap();
    };
    fs::remove_dir_all(log.join("tile")).unwrap();
    let (mut tree, mut last) = (Growing::default(), Hash([0; 32]));
    for line in lines {
        last = leaf_hash(line.as_bytes());
        tree.push(last, write);
    }
    tree.partial().for_each(|(tile, hashes)| write(tile, hashes));

    let key = VerifierKey::parse(&fs::read_to_string(log.join("vkey")).unwrap()).unwrap();
    let (origin, size) = (key.name().to_owned(), tree.size());
    let text = Checkpoint { origin, size, root: tree.root(), before: None }.to_string();
    let pair = signing_key(world);
    let note = Note::new(&text, &key, &pair.sk.sign(text.as_bytes(), None)).to_string();
    for file in ["checkpoint", "checkpoints"] {
        fs::write(log.join(file), &note).unwrap();
    }
    let state = log.join("state.json");
    let left: State = serde_json::from_slice(&fs::read(&state).unwrap()).unwrap();
    let length = lines.iter().map(|line| line.len() as u64 + 1).sum();
    let here = State { size, length, last: last.to_string(), ..left };
    fs::write(&state, serde_json::to_vec(&here).unwrap()).unwrap();
}

/// As it lies in the keychain.
fn signing_key(world: &World) -> KeyPair {
    let names = ["lookup", "service", "dagpass", "username", "#log-key"];
    let record = STANDARD.decode(secret_tool(world, &names, "").trim()).unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    let seed = STANDARD.decode(record["refresh_token"].as_str().unwrap()).unwrap();
    KeyPair::from_seed(Seed::from_slice(&seed).unwrap())
}
