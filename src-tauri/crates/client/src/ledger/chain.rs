//! Does the ledger hold together? Each line names the SHA-256 of the line before and counts on from it; a
//! line that says what happened to the file (`ledger-lost`, `ledger-altered`) goes on where the record
//! before it ended. Tells what it finds, and changes nothing.

use std::io::{self, BufRead, BufReader};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Lines;
use super::segments::Segments;

/// How much is read at once?
const BLOCK: usize = 64 * 1024;

/// What a ledger says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// How many lines were written.
    pub lines: u64,
    /// How many of them are not here any more, the first ones.
    pub before: u64,
    /// Which were pruned as the ledger itself tells, by the last line that does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pruned: Option<Pruned>,
    /// The sequence numbers of the first and the last record.
    pub first: Option<u64>,
    pub last: Option<u64>,
    /// What is on the record of the file itself, and lines that a crash cut short.
    pub notes: Vec<Found>,
    /// Where the chain does not hold.
    pub breaks: Vec<Found>,
}

/// The first lines were taken away, by a line that was written before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// How many, of all that were ever written.
    pub lines: u64,
    /// That line, counted from 1.
    pub told_by: u64,
    pub time: String,
    /// Up to when, and by whose wish.
    pub reason: String,
}

/// Something about one line, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    pub line: u64,
    pub what: String,
}

#[derive(Deserialize)]
struct Head {
    seq: u64,
    prev: String,
    #[serde(default)]
    time: String,
    #[serde(default)]
    event: String,
    #[serde(default)]
    reason: String,
    count: Option<u64>,
}

/// What the next line has to go on from.
struct Before {
    hash: String,
    seq: u64,
    /// The last line that went on from its own line before, and its hash.
    held: (u64, String),
}

impl Chain {
    /// Reads to the end.
    pub fn of(ledger: impl BufRead) -> io::Result<Self> {
        Self::behind(0, ledger)
    }

    /// All that is here of a ledger.
    pub fn over(segments: &Segments) -> io::Result<Self> {
        Self::over_part(segments, segments.begin().line)
    }

    /// With so many lines before the first that is here, as somebody else tells of a file that is by itself.
    pub fn over_part(segments: &Segments, before: u64) -> io::Result<Self> {
        let reader = BufReader::with_capacity(BLOCK, segments.reader());
        let mut chain = Self::behind(before, reader)?;
        let told = chain.pruned.as_ref().map_or(0, |pruned| pruned.lines);
        let untold = (before > told).then_some((told, before));
        for (from, to) in untold.into_iter().chain(segments.holes()) {
            let what = match to - from {
                1 => format!("line {to} is not here, and no line tells that it was pruned"),
                _ => format!(
                    "lines {} to {to} are not here, and no line tells that they were pruned",
                    from + 1
                ),
            };
            chain.breaks.push(Found { line: to + 1, what });
        }
        Ok(chain)
    }

    /// With so many lines before that are not here.
    fn behind(before: u64, ledger: impl BufRead) -> io::Result<Self> {
        let mut chain = Self { lines: before, before, ..Self::default() };
        let genesis = "0".repeat(64);
        let mut before = Before { hash: genesis.clone(), seq: 0, held: (0, genesis) };
        let mut lines = Lines::of(ledger);
        loop {
            let mut digest = Sha256::new();
            let Some(line) = lines.next(|part| digest.update(part))? else { return Ok(chain) };
            chain.lines += 1;
            match line.text {
                // An empty line is none: it closes off what a crash left.
                Some([]) => {}
                Some(text) => chain.take(text, digits(&digest.finalize()), &mut before),
                None => {
                    let what = "longer than any record: damaged, or put there".to_owned();
                    chain.breaks.push(Found { line: chain.lines, what });
                    before.hash = digits(&digest.finalize());
                }
            }
        }
    }

    pub fn holds(&self) -> bool {
        self.breaks.is_empty()
    }

    fn take(&mut self, line: &[u8], hash: String, before: &mut Before) {
        let Ok(head) = serde_json::from_slice::<Head>(line) else {
            self.note("no record: cut short by a crash or a full disk".to_owned());
            before.hash = hash;
            return;
        };
        let begins = self.first.is_none() && self.before > 0;
        self.first.get_or_insert(head.seq);
        self.last = Some(head.seq);
        let held = match head.event.as_str() {
            "ledger-lost" | "ledger-altered" => self.goes_on(&head, before),
            // What it goes on from was pruned: the log's hashes stand for that.
            _ if begins => true,
            _ => self.follows(&head, before),
        };
        if head.event == "ledger-pruned" {
            self.is_told(&head);
        }
        if head.event == "ledger-mended" {
            let denied = head.count.unwrap_or_default();
            self.note(format!("{} {} ({denied} denied): {}", head.time, head.event, head.reason));
        }
        if held {
            before.held = (self.lines, hash.clone());
        }
        (before.hash, before.seq) = (hash, head.seq);
    }

    /// It says itself that what stands before is not all there, or not ours.
    fn goes_on(&mut self, head: &Head, before: &Before) -> bool {
        self.note(format!("{} {}: {}", head.time, head.event, head.reason));
        let (line, hash) = &before.held;
        if head.prev == *hash {
            // What stands between is what it speaks of.
            self.breaks.retain(|found| found.line <= *line);
        }
        true
    }

    fn follows(&mut self, head: &Head, before: &Before) -> bool {
        // Nothing stands before it in this file, and no segment tells where it begins.
        let is_part = self.lines == 1 && head.seq > 1;
        let what = if is_part {
            "goes on from a line that is not here: a ledger in segments is verified as a whole, \
             `ledger.jsonl` with `ledger-log` beside it"
        } else if head.prev != before.hash {
            "does not go on from the line before: that one was changed, or lines are gone"
        } else if head.seq != before.seq + 1 {
            "is out of order"
        } else {
            return true;
        };
        self.breaks.push(Found { line: self.lines, what: format!("record {} {what}", head.seq) });
        false
    }

    fn is_told(&mut self, head: &Head) {
        let lines = head.count.unwrap_or_default();
        if self.pruned.as_ref().is_none_or(|known| known.lines <= lines) {
            let (time, reason) = (head.time.clone(), head.reason.clone());
            self.pruned = Some(Pruned { lines, told_by: self.lines, time, reason });
        }
    }

    fn note(&mut self, what: String) {
        self.notes.push(Found { line: self.lines, what });
    }
}

/// SHA-256 of a line without its newline, in hex, as the next one names it.
pub fn hex(line: &[u8]) -> String {
    digits(&Sha256::digest(line))
}

/// A digest in lower-case hex.
pub fn digits(digest: &[u8]) -> String {
    let nibble = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    // Twice a request: by `format!` a digest would cost 32 allocations.
    digest.iter().flat_map(|byte| [nibble(byte >> 4), nibble(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As agents wrote it before anything was said of the file itself; a crash cut its last line short.
    const RELEASED: &str = include_str!("../../../../../tests/cases/released/ledger.jsonl");

    fn line(seq: u64, prev: &str, event: &str) -> String {
        format!(
            r#"{{"v":1,"seq":{seq},"time":"t","prev":"{prev}","event":"{event}","reason":"r"}}"#
        )
    }

    /// Lines that hold together, of these events.
    fn chained(events: &[&str]) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for (seq, event) in (1..).zip(events) {
            let prev = lines.last().map_or_else(|| "0".repeat(64), |last| hex(last.as_bytes()));
            lines.push(line(seq, &prev, event));
        }
        lines
    }

    fn verdict(lines: &[String]) -> (Vec<u64>, Vec<u64>) {
        let chain = Chain::of(lines.join("\n").as_bytes()).unwrap();
        let at = |found: Vec<Found>| found.into_iter().map(|one| one.line).collect();
        (at(chain.breaks), at(chain.notes))
    }

    #[test]
    fn a_chain_holds_or_is_broken_where_it_was_touched() {
        let whole = || chained(&["sign-in", "issue", "issue", "issue"]);
        let with = |change: fn(&mut Vec<String>)| {
            let mut lines = whole();
            change(&mut lines);
            verdict(&lines)
        };
        let last_of = |lines: &[String]| hex(lines[lines.len() - 1].as_bytes());
        assert_eq!(with(|_| {}), (vec![], vec![]));
        assert_eq!(with(|lines| lines[1] = lines[1].replace("\"r\"", "\"x\"")), (vec![3], vec![]));
        assert_eq!(with(|lines| drop(lines.remove(1))), (vec![2], vec![]));
        assert_eq!(with(|lines| drop(lines.remove(0))), (vec![1], vec![]));
        assert_eq!(with(|lines| lines.swap(1, 2)), (vec![2, 3, 4], vec![]));
        assert_eq!(
            with(|lines| lines.truncate(2)),
            (vec![], vec![]),
            "only a witness would see it"
        );
        assert_eq!(with(|lines| lines.push(lines[3].clone())), (vec![5], vec![]));

        let lost = [line(5, &last_of(&whole()), "ledger-lost")];
        assert_eq!(verdict(&lost), (vec![], vec![1]), "a file made anew begins with it");
        let mut cut = whole();
        cut.truncate(2);
        cut.extend(lost);
        assert_eq!(verdict(&cut), (vec![], vec![3]));
        cut.push(line(6, &last_of(&cut), "issue"));
        assert_eq!(verdict(&cut), (vec![], vec![3]));
        cut.push(line(8, &last_of(&cut), "issue"));
        assert_eq!(verdict(&cut), (vec![5], vec![3]), "out of order");

        let mut altered = whole();
        let ours = last_of(&altered);
        altered.push(line(9, "x", "issue"));
        assert_eq!(verdict(&altered), (vec![5], vec![]));
        altered.push("half".to_owned());
        altered.push(line(5, &ours, "ledger-altered"));
        altered.push(line(6, &last_of(&altered), "issue"));
        assert_eq!(verdict(&altered), (vec![], vec![6, 7]), "named by the line that goes on");
    }

    #[test]
    fn a_part_of_a_ledger_by_itself_is_no_whole_one_and_that_is_said() {
        let lines = chained(&["sign-in", "issue", "issue"]);
        let told = |lines: &[String]| {
            let chain = Chain::of(lines.join("\n").as_bytes()).unwrap();
            let one = chain.breaks.into_iter().next().unwrap();
            (one.line, one.what.contains("verified as a whole"))
        };
        assert_eq!(told(&lines[1..]), (1, true));
        // There the first line was written by nobody.
        assert_eq!(told(&[line(1, "x", "sign-in")]), (1, false));
        assert_eq!(told(&[&lines[..1], &lines[2..]].concat()), (2, false));
    }

    #[test]
    fn a_line_longer_than_any_record_is_a_break_and_the_next_may_name_it() {
        let mut lines = chained(&["sign-in"]);
        lines.push("x".repeat(3 << 20));
        lines.push(line(2, &hex(lines[1].as_bytes()), "issue"));
        let chain = Chain::of(lines.join("\n").as_bytes()).unwrap();
        assert_eq!((chain.lines, chain.last), (3, Some(2)));
        let told: Vec<_> = chain.breaks.iter().map(|one| (one.line, one.what.as_str())).collect();
        assert_eq!(told, [(2, "longer than any record: damaged, or put there")]);
    }

    #[test]
    fn a_ledger_of_a_released_agent_holds_and_its_half_line_is_named() {
        let chain = Chain::of(RELEASED.as_bytes()).unwrap();
        assert!(chain.holds(), "{chain:#?}");
        assert_eq!((chain.lines, chain.first, chain.last), (12, Some(1), Some(11)));
        assert_eq!(chain.notes.len(), 1);
        assert_eq!(chain.notes[0].line, 12);
    }
}
