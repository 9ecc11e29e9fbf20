//! The files of a pack that prove single lines: each is of a record of the pack, under a checkpoint that a log of
//! the pack signed. Whoever is handed one alone believes it by that log's key; here it may say nothing else than
//! the lines do.

use dagpass_client::ledger::Line;
use dagpass_client::ledger::log::{Checkpoint, Hash, Proof, Signed, VerifierKey, leaf_hash};

use super::zip::Files;

/// What they are held against.
pub(super) struct Against<'p> {
    /// Of the logs in the pack.
    pub(super) keys: Vec<&'p VerifierKey>,
    pub(super) pinned: Option<&'p VerifierKey>,
    /// Of the lines that can be proved, and which the first of them is, counted from 0.
    pub(super) leaves: &'p [Hash],
    pub(super) from: u64,
}

/// How many hold; those of a log that is not believed are not judged.
pub(super) fn held(files: &Files, against: &Against<'_>) -> Result<usize, String> {
    let mut held = 0;
    for (path, bytes) in files {
        let Some(name) = path.strip_prefix("proofs/lines/") else { continue };
        let wrong = |why: &str| format!("{path}: {why}");
        let seq = name.strip_suffix(".tlog-proof").and_then(|seq| seq.parse::<u64>().ok());
        let proof = Proof::parse(bytes).map_err(|why| wrong(why.0))?;
        let checkpoint = Checkpoint::parse(proof.note.text()).map_err(|why| wrong(why.0))?;
        let line = str::from_utf8(&proof.line).ok().and_then(Line::parse);
        if line.map(|line| line.seq) != seq {
            return Err(wrong("it is of another record"));
        }
        let at = proof.index.checked_sub(against.from);
        let at = at.and_then(|at| usize::try_from(at).ok());
        if at.and_then(|at| against.leaves.get(at)) != Some(&leaf_hash(&proof.line)) {
            return Err(wrong("it is of no line of the pack"));
        }
        let named = |key: &&&VerifierKey| key.name() == checkpoint.origin;
        let key = against.keys.iter().find(named);
        let key = key.ok_or_else(|| wrong("its log is not in the pack"))?;
        if against.pinned.is_some_and(|pinned| pinned != *key) {
            continue;
        }
        if proof.note.signed_by(key) != Signed::Yes {
            return Err(wrong("its checkpoint is not signed by its log's key"));
        }
        if !proof.holds(&checkpoint) {
            return Err(wrong("its line is not in the tree of its checkpoint"));
        }
        held += 1;
    }
    Ok(held)
}
