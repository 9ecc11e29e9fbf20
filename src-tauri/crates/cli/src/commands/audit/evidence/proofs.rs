//! What proves the lines of a pack without the ledger: of each log its key, the checkpoints over them, and what
//! leads from the lines to those roots. And for single lines a file each that needs nothing else, which other
//! C2SP tools read too.

use dagpass_client::ledger::log::{Checkpoint, Note, Proof, Signed, VerifierKey};

use super::read::{Log, Reading};
use super::zip::Files;

/// How many lines get a file of their own?
const MOST_LINES: usize = 100;

/// From which line on (counted from 0) each log's proof begins, and what it is over.
pub(super) fn of_logs(read: &Reading, from: u64, files: &mut Files) {
    let to = read.lines.1;
    for log in &read.logs {
        let wanted = wanted(log, from, to);
        let Some(last) = wanted.last().filter(|_| from < to) else { continue };
        let upto = to.min(last.1.size);
        let Some(span) = read.tree.span(from, upto, last.1.size) else { continue };
        let folder = format!("proofs/log-{}", log.number);
        let notes: String = wanted.iter().map(|(note, _)| note.to_string()).collect();
        let span = serde_json::to_string_pretty(&span).unwrap_or_default();
        files.insert(format!("{folder}/vkey"), format!("{}\n", log.key).into_bytes());
        files.insert(format!("{folder}/checkpoints"), notes.into_bytes());
        files.insert(format!("{folder}/span.json"), format!("{span}\n").into_bytes());
    }
}

/// Those that were signed over some of these lines, up to the first that is over all.
fn wanted(log: &Log, from: u64, to: u64) -> Vec<&(Note, Checkpoint)> {
    let over = log.checkpoints.iter().filter(|(_, one)| one.size > from);
    let mut wanted = Vec::new();
    for one in over {
        wanted.push(one);
        if one.1.size >= to {
            break;
        }
    }
    wanted
}

/// `lines`: which, counted from 0, each with its number; the first of them first. Says which have one.
pub(super) fn of_lines(read: &Reading, lines: &[(u64, u64)], files: &mut Files) -> Vec<u64> {
    let mut proved = Vec::new();
    let each: Vec<&[u8]> = read.text.split(|byte| *byte == b'\n').collect();
    for (index, seq) in lines {
        let line = usize::try_from(index - read.lines.0).ok().and_then(|at| each.get(at));
        let over = read.logs.iter().rev().find_map(|log| {
            log.checkpoints.iter().find(|(_, checkpoint)| checkpoint.size > *index)
        });
        let Some((line, (note, checkpoint))) = line.zip(over) else { continue };
        let Some(hashes) = read.tree.proof(*index, checkpoint.size) else { continue };
        let proof = Proof { line: line.to_vec(), index: *index, hashes, note: note.clone() };
        if proof.holds(checkpoint) {
            files.insert(name_of(*seq), proof.to_string().into_bytes());
            proved.push(*seq);
        }
        if proved.len() == MOST_LINES {
            break;
        }
    }
    proved
}

pub(super) fn name_of(seq: u64) -> String {
    format!("proofs/lines/{seq}.tlog-proof")
}

/// Up to which line a checkpoint is cosigned by all of these; `None` where none was named.
pub(super) fn cosigned(read: &Reading, witnesses: &[VerifierKey]) -> Option<u64> {
    if witnesses.is_empty() {
        return None;
    }
    let notes = read.logs.iter().flat_map(|log| &log.checkpoints);
    let by_all =
        |note: &Note| witnesses.iter().all(|witness| note.signed_by(witness) == Signed::Yes);
    let sizes = notes.filter(|(note, _)| by_all(note)).map(|(_, checkpoint)| checkpoint.size);
    Some(sizes.max().unwrap_or(0))
}
