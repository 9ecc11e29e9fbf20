//! Whether the ledger is what it was, for a person: what is on the record of the file itself, each line that
//! does not go on from the one before, and whether all of it is what checkpoints were signed over. Says what
//! none of that can tell.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::thread;

use clap::Args;
use dagpass_client::ledger::log::{
    Asked, Break, CHECKPOINT, Checkpoint, Held, Judged, Judgement, Leaf, Note, Shelf as _,
    VerifierKey, first_leaves, held_in, judge, leaves,
};
use dagpass_client::ledger::{Chain, Found, Lines, Pruned, Segments};
use serde::Serialize;

use super::search::BLOCK;
use super::witnesses::Witnesses;
use super::{LEDGER, files, opened, unreadable};
use crate::exit::Failure;
use crate::output;
use crate::world::World;

/// How many lines may a log say that it is over, for them to be looked through? No disk holds that many.
const MOST_LINES: u64 = 1 << 32;
/// How often is it read again where the agent wrote meanwhile?
const AGAIN: usize = 3;

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Another ledger than the agent's own: the `ledger.jsonl` of a copy, with its `ledger-log` beside it
    file: Option<PathBuf>,
    /// Believe this key alone, as `dagpass audit key` printed it when you noted it down elsewhere
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
    /// A checkpoint that you kept elsewhere: the ledger still has to be what it was signed over
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Only what this witness cosigned binds whoever has the signing key; several for several, else those
    /// of this machine's config
    #[arg(long = "witness", value_name = "VKEY")]
    witnesses: Vec<String>,
    /// How many of those have to have cosigned a checkpoint; else all
    #[arg(long, value_name = "N", requires = "witnesses")]
    quorum: Option<usize>,
}

/// What was found, and what nobody can find here.
#[derive(Serialize)]
struct Verdict {
    #[serde(flatten)]
    chain: Chain,
    log: Judgement,
    /// `given` or `beside-the-ledger`.
    key_from: &'static str,
    /// `given`, `config` or `none`.
    witnesses_from: &'static str,
    not_covered: Vec<String>,
}

pub(super) fn run(world: &World, args: &VerifyArgs) -> Result<(), Failure> {
    let (asked, witnesses_from) = asked(args)?;
    let (path, _) = opened(args.file.as_deref())?;
    let mut read = read(&path, &asked)?;
    for _ in 1..AGAIN {
        let grew = Segments::of(&path).is_ok_and(|now| now.end() != read.length);
        if read.log.breaks().next().is_none() || !grew {
            break;
        }
        read = self::read(&path, &asked)?;
    }
    let not_covered = not_covered(&read.log);
    let key_from = if asked.pinned.is_some() { "given" } else { "beside-the-ledger" };
    let verdict =
        Verdict { chain: read.chain, log: read.log, key_from, witnesses_from, not_covered };
    if world.json {
        output::json(&verdict)?;
    } else {
        output::out(&shown(&path, &verdict))?;
    }
    let broken = |what: &str| Failure::new("ledger_broken", what);
    match (verdict.chain.breaks.first(), verdict.log.breaks().next()) {
        (None, None) => Ok(()),
        (Some(first), _) => Err(broken("the ledger was changed")
            .because(format!("line {}: {}", first.line, first.what))),
        (None, Some(first)) => {
            Err(broken("the ledger is not what was signed").because(of_break(first)))
        }
    }
}

/// And where the witnesses are known from.
fn asked(args: &VerifyArgs) -> Result<(Asked, &'static str), Failure> {
    let kept = args.checkpoint.as_deref().map(|path| {
        let bytes = files::read_up_to(path, Note::LONGEST)?;
        Note::parse(&bytes).map_err(|why| {
            Failure::usage(format!("{} is no checkpoint", path.display())).because(why)
        })
    });
    // A copy of the whole folder, too.
    let own = args.file.as_ref().is_none_or(|file| file.ends_with(LEDGER));
    // The config is this machine's, and so is the agent's own ledger alone.
    let Witnesses { keys: witnesses, quorum, from } =
        Witnesses::of(&args.witnesses, args.quorum, args.file.is_none())?;
    let pinned = pinned(args.key.as_deref())?;
    let demanded = from == "given";
    let kept = kept.transpose()?;
    Ok((Asked { pinned, kept, own, before: 0, witnesses, quorum, demanded }, from))
}

pub(super) fn pinned(key: Option<&str>) -> Result<Option<VerifierKey>, Failure> {
    let parse = |text| {
        VerifierKey::parse(text)
            .map_err(|why| Failure::usage("--key is no verifier key").because(why))
    };
    let key = key.map(parse).transpose()?;
    match key {
        Some(key) if key.is_witness() => {
            Err(Failure::usage("--key is a witness's key, and a log's is needed"))
        }
        key => Ok(key),
    }
}

struct Read {
    chain: Chain,
    log: Judgement,
    length: u64,
}

/// Both look at all of the file, each for itself.
fn read(path: &Path, asked: &Asked) -> Result<Read, Failure> {
    // Before the lines: what is signed meanwhile is over some that were not read.
    let logs = held_in(path.parent().unwrap_or(Path::new("."))).map_err(unreadable)?;
    let (_, segments) = opened(Some(path))?;
    let before = match segments.begin().line {
        0 if !asked.own => begins_at(&segments, &logs)?,
        line => line,
    };
    let asked = Asked { before, ..asked.clone() };
    let (chain, log) = thread::scope(|scope| {
        let chain = scope.spawn(|| Chain::over_part(&segments, before));
        let log = leaves(BufReader::with_capacity(BLOCK, segments.reader()));
        (chain.join(), log.and_then(|leaves| judge(&leaves, &logs, &asked)))
    });
    let length = segments.end();
    let chain = chain.map_err(|_| Failure::new("io", "the ledger cannot be read"))?;
    Ok(Read { chain: chain.map_err(unreadable)?, log: log.map_err(unreadable)?, length })
}

/// A copy of a ledger that was pruned: which line its first one is, counted from 0, by the logs beside it.
fn begins_at(segments: &Segments, logs: &[(u64, Held)]) -> Result<u64, Failure> {
    let mut lines = Lines::of(BufReader::new(segments.reader()));
    let mut leaf = Leaf::default();
    if lines.next(|part| leaf.add(part)).map_err(unreadable)?.is_none() {
        return Ok(0);
    }
    let first = leaf.hash();
    for (_, log) in logs.iter().rev() {
        let newest = log.read(CHECKPOINT).map_err(unreadable)?;
        let newest = newest.and_then(|bytes| Note::parse(&bytes).ok());
        let Some(newest) = newest.and_then(|note| Checkpoint::parse(note.text()).ok()) else {
            continue;
        };
        let hashes = first_leaves(log, newest.size.min(MOST_LINES)).map_err(unreadable)?;
        if let Some(at) = hashes.unwrap_or_default().iter().position(|hash| *hash == first) {
            return Ok(at as u64);
        }
    }
    Ok(0)
}

/// Said each time: what holds here is not more than it is.
fn not_covered(log: &Judgement) -> Vec<String> {
    let none = !log.logs.iter().any(|log| log.of_this_file && log.checkpoints > 0);
    let lines = match log.uncovered {
        _ if none => "all of it: no checkpoint here is of this file".to_owned(),
        0 => "no line: the last checkpoint covers them all".to_owned(),
        1 => "1 line since the last checkpoint, by which only the chain speaks".to_owned(),
        many => format!("{many} lines since the last checkpoint, by which only the chain speaks"),
    };
    // Its file may be anywhere, and whoever put this one there may have had no right to.
    let elsewhere = log.logs.iter().filter(|log| !log.of_this_file && log.checkpoints > 0);
    let elsewhere = elsewhere.map(|log| {
        let Judged { number, size, .. } = log;
        format!("the {size} lines that log {number} signed: another file than this one had them")
    });
    let mut all = vec![lines];
    all.extend(elsewhere);
    all.extend(["events that were never written".to_owned(), another_history(log)]);
    all
}

fn another_history(log: &Judgement) -> String {
    let Some(cosigned) = log.cosigned else {
        return "another history under the same key: without a witness, whoever has the signing key can \
                sign one; a key and a checkpoint that you keep elsewhere (--key, --checkpoint), or \
                witnesses (--witness), show it"
            .to_owned();
    };
    let after = match (log.covered + log.uncovered).saturating_sub(cosigned) {
        0 => {
            return "another history that the witnesses cosigned together with whoever has the key"
                .into();
        }
        1 => format!("line {}: no witness", cosigned + 1),
        _ => format!("lines {} to {}: no witness", cosigned + 1, log.covered + log.uncovered),
    };
    format!(
        "{after} cosigned a checkpoint over it, and whoever has the signing key can sign another end"
    )
}

fn shown(path: &Path, verdict: &Verdict) -> String {
    let (path, chain, log) = (path.display(), &verdict.chain, &verdict.log);
    let records = match (chain.first, chain.last) {
        (Some(first), Some(last)) => format!("records {first} to {last}"),
        (_, _) => "no record".to_owned(),
    };
    let holds = match chain.breaks.len() {
        0 => "the chain holds".to_owned(),
        1 => "the chain is broken in 1 place".to_owned(),
        many => format!("the chain is broken in {many} places"),
    };
    let mut lines = vec![format!("{path}: {records}, {holds}")];
    lines.extend(gap(chain));
    let of = |found: &Found| format!("  line {}: {}", found.line, found.what);
    lines.extend(chain.notes.iter().map(of));
    lines.extend(chain.breaks.iter().map(of));
    if log.logs.is_empty() {
        lines.push("no checkpoint was signed over it yet".to_owned());
    }
    log.logs.iter().for_each(|log| lines.extend(of_log(log)));
    lines.extend(log.breaks.iter().map(|one| format!("  {}", of_break(one))));
    if !log.logs.is_empty() && verdict.key_from != "given" {
        lines.push(
            "the key is the one beside the ledger: note it down elsewhere and give it with --key"
                .to_owned(),
        );
    }
    lines.push("not covered:".to_owned());
    lines.extend(verdict.not_covered.iter().map(|what| format!("  {what}")));
    lines.join("\n")
}

/// What was pruned is not missing: it is said by whose wish it went, and by which line.
fn gap(chain: &Chain) -> Option<String> {
    let Pruned { lines, told_by, time, reason } = chain.pruned.as_ref()?;
    let were = match (chain.before, *lines) {
        // An agent ended before it had removed all of them; the next one does.
        (here, told) if here < told => format!("lines {} to {told} are being pruned", here + 1),
        (1, _) => "line 1 was pruned".to_owned(),
        (many, _) => format!("lines 1 to {many} were pruned"),
    };
    Some(format!("  {were}, as line {told_by} of {time} tells: {reason}"))
}

fn of_log(log: &Judged) -> Vec<String> {
    let checkpoints = match log.checkpoints {
        1 => "1 checkpoint".to_owned(),
        many => format!("{many} checkpoints"),
    };
    let verdict = match (log.breaks.len(), log.of_this_file) {
        (0, _) if !log.believed => "not judged",
        (0, true) => "the ledger is what was signed",
        (0, false) => "of another file",
        (_, _) => "NOT as it was signed",
    };
    let Judged { number, origin, size, cosigned, .. } = log;
    let mut lines =
        vec![format!("log {number}, {origin}: {checkpoints} up to line {size}, {verdict}")];
    if *cosigned > 0 {
        lines.push(format!("  as the witnesses cosigned it up to line {cosigned}"));
    }
    lines.extend(log.notes.iter().map(|note| format!("  {note}")));
    lines.extend(log.breaks.iter().map(|one| format!("  {}", of_break(one))));
    lines
}

fn of_break(one: &Break) -> String {
    match (one.after, one.until) {
        (Some(after), Some(until)) if after < until => {
            format!("lines {} to {until}: {}", after + 1, one.what)
        }
        _ => one.what.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_no_log_here_is_over_are_said_to_be_covered_by_nothing() {
        let log = |number, of_this_file| Judged {
            number,
            of_this_file,
            believed: true,
            checkpoints: 1,
            size: 9,
            ..Judged::default()
        };
        let table: [(Vec<Judged>, u64, &[&str]); 4] = [
            (vec![], 7, &["all of it: no checkpoint here is of this file"]),
            (vec![log(1, true)], 0, &["no line: the last checkpoint covers them all"]),
            (
                vec![log(1, false)],
                7,
                &["all of it: no checkpoint here is of this file", "the 9 lines that log 1 signed"],
            ),
            (
                vec![log(1, false), log(2, true)],
                1,
                &["1 line since the last checkpoint", "the 9 lines that log 1 signed"],
            ),
        ];
        for (logs, uncovered, words) in table {
            let judgement = Judgement { logs, uncovered, ..Judgement::default() };
            let told = not_covered(&judgement);
            assert_eq!(told.len(), words.len() + 2, "{told:#?}");
            for (told, words) in told.iter().zip(words) {
                assert!(told.starts_with(words), "{told} {words}");
            }
        }
        let shown = of_log(&log(1, false)).join("\n");
        assert!(shown.ends_with("of another file"), "{shown}");
        let shown = of_log(&Judged { believed: false, ..log(1, true) }).join("\n");
        assert!(shown.ends_with("not judged"), "{shown}");
    }

    #[test]
    fn what_no_witness_cosigned_is_named_by_its_lines_and_without_one_what_is_not_proved() {
        for (cosigned, words) in [
            (None, "without a witness, whoever has the signing key can sign one"),
            (Some(0), "lines 1 to 12: no witness"),
            (Some(5), "lines 6 to 12: no witness"),
            (Some(11), "line 12: no witness"),
            (Some(12), "together with whoever has the key"),
        ] {
            let judgement =
                Judgement { covered: 9, uncovered: 3, cosigned, ..Judgement::default() };
            let told = another_history(&judgement);
            assert!(told.contains(words), "{told}");
        }
    }
}
