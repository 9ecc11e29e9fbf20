//! What proves the lines of a pack without the ledger: of each log its key, the checkpoints over them, and what
//! leads from the lines to those roots. And for single lines a file each that needs nothing else, which other
//! C2SP tools read too.

use dagpass_client::ledger::log::{Checkpoint, Note, Proof, Signed, VerifierKey};

use super::read::{Log, Reading};
use super::zip::Files;
use crate::exit::Failure;

/// In the folder of a log.
pub(super) const VKEY: &str = "vkey";
pub(super) const CHECKPOINTS: &str = "checkpoints";
pub(super) const SPAN: &str = "span.json";
pub(super) const OF_A_LOG: [&str; 3] = [VKEY, CHECKPOINTS, SPAN];
/// How many lines get a file of their own?
const MOST_LINES: usize = 100;

type Signs = (Note, Checkpoint);

/// From which line on (counted from 0) each log's proof begins, and what it is over.
pub(super) fn of_logs(read: &Reading, from: u64, witnesses: &[VerifierKey], files: &mut Files) {
    let to = read.lines.1;
    let file = |log: &Log, name: &str| format!("proofs/log-{}/{name}", log.number);
    let vkey = |log: &Log| (file(log, VKEY), format!("{}\n", log.key).into_bytes());
    for log in &read.logs {
        let wanted = wanted(log, (from, to), witnesses);
        let Some(last) = wanted.last().filter(|_| from < to) else { continue };
        let upto = to.min(last.1.size);
        let Some(span) = read.tree.span(from, upto, last.1.size) else { continue };
        let notes: String = wanted.iter().map(|(note, _)| note.to_string()).collect();
        let span = serde_json::to_string_pretty(&span).unwrap_or_default();
        files.extend([vkey(log)]);
        files.insert(file(log, CHECKPOINTS), notes.into_bytes());
        files.insert(file(log, SPAN), format!("{span}\n").into_bytes());
    }
    // The newest one signs the pack, also where there is nothing to prove.
    files.extend(read.logs.last().map(vkey));
}

/// Those that were signed over some of these lines, up to one that is over all.
fn wanted<'r>(log: &'r Log, (from, to): (u64, u64), witnesses: &[VerifierKey]) -> Vec<&'r Signs> {
    let within = |one: &&Signs| one.1.size > from && one.1.size <= to;
    let over = first_over(&by_witnesses(log, witnesses), to);
    let over = over.or_else(|| plain_over(log, to)).filter(|one| one.1.size > to);
    log.checkpoints.iter().filter(within).chain(over).collect()
}

/// Those that all of these witnesses cosigned. None where none is named: that a line says so proves nothing.
fn by_witnesses<'r>(log: &'r Log, witnesses: &[VerifierKey]) -> Vec<&'r Signs> {
    let by_all = |(note, _): &&Signs| {
        !witnesses.is_empty()
            && witnesses.iter().all(|witness| note.signed_by(witness) == Signed::Yes)
    };
    log.checkpoints.iter().filter(by_all).collect()
}

/// The first of them over so many lines.
fn first_over<'r>(of: &[&'r Signs], lines: u64) -> Option<&'r Signs> {
    of.get(of.partition_point(|one| one.1.size < lines)).copied()
}

fn plain_over(log: &Log, lines: u64) -> Option<&Signs> {
    log.checkpoints.get(log.checkpoints.partition_point(|one| one.1.size < lines))
}

/// `lines`: which, counted from 0, each with its number; the first of them first. Says which have one.
pub(super) fn of_lines(
    read: &Reading,
    lines: &[(u64, u64)],
    witnesses: &[VerifierKey],
    files: &mut Files,
) -> Result<Vec<u64>, Failure> {
    let mut proved = Vec::new();
    let newest_first = || read.logs.iter().rev();
    let cosigned: Vec<_> = newest_first().map(|log| by_witnesses(log, witnesses)).collect();
    for (index, seq) in lines {
        let over = cosigned.iter().find_map(|of| first_over(of, index + 1));
        let over = over.or_else(|| newest_first().find_map(|log| plain_over(log, index + 1)));
        let Some((note, checkpoint)) = over else { continue };
        let Some(hashes) = read.tree.proof(*index, checkpoint.size) else { continue };
        let Some(line) = read.line(*index)? else { continue };
        let proof = Proof { line, index: *index, hashes, note: note.clone() };
        if proof.holds(checkpoint) {
            files.insert(name_of(*seq), proof.to_string().into_bytes());
            proved.push(*seq);
        }
        if proved.len() == MOST_LINES {
            break;
        }
    }
    Ok(proved)
}

pub(super) fn name_of(seq: u64) -> String {
    format!("proofs/lines/{seq}.tlog-proof")
}

/// Up to which line a checkpoint is cosigned by all of these; `None` where none was named.
pub(super) fn cosigned(read: &Reading, witnesses: &[VerifierKey]) -> Option<u64> {
    if witnesses.is_empty() {
        return None;
    }
    let theirs = read.logs.iter().flat_map(|log| by_witnesses(log, witnesses));
    Some(theirs.map(|(_, checkpoint)| checkpoint.size).max().unwrap_or(0))
}
