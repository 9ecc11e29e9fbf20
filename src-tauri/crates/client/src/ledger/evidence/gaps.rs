//! What a period's lines and their proofs leave open, each kind by itself and with the lines that it is seen
//! by. What is not told here was not looked for; what is told is never more than the lines say.

use jiff::Timestamp;
use serde::Serialize;

use super::super::{Found, Pruned};
use super::life::Off;
use super::period::Period;
use super::seen::Seen;

/// All that is known where gaps are looked for.
#[derive(Debug)]
pub struct Scene<'s> {
    pub period: Period,
    /// When the pack is made.
    pub made: Timestamp,
    /// When the ledger's first and last record were written, and the number of the first.
    pub bounds: Option<(i64, i64)>,
    pub first_seq: u64,
    /// What the ledger says of lines before those that are here.
    pub pruned: Option<&'s Pruned>,
    /// The lines of the period: from one up to another, counted from 0.
    pub lines: (u64, u64),
    /// What those of them that are records show.
    pub seen: &'s Seen,
    /// And those that are none, counted from 1.
    pub torn: &'s [u64],
    /// When the agent did not run, in all of the ledger, and whether it had ended behind the last line.
    pub offs: &'s [Off],
    pub chain: &'s [Found],
    /// How many lines from the file's first one are as a checkpoint has them that its log's key signed.
    pub covered: u64,
    /// And as one has them that a witness cosigned, whose key was given; `None`: none was.
    pub cosigned: Option<u64>,
    /// Behind which line can this pack prove lines?
    pub proved_behind: u64,
    pub begun: &'s [Begun],
    /// What is not as it was signed.
    pub breaks: &'s [String],
}

/// A log that follows another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Begun {
    pub log: u64,
    pub why: &'static str,
    /// Over how many lines the log before was signed.
    pub behind: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    pub kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The first and the last line of the ledger's file that it is seen by, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<(u64, u64)>,
    /// The records that it is seen by.
    pub records: Vec<u64>,
    pub what: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    NoLines,
    BeforeTheLedger,
    AfterTheLedger,
    AgentOff,
    AgentKilled,
    NotRecorded,
    RecordLost,
    RecordAltered,
    RecordForked,
    NoRecord,
    ChainBroken,
    NotAsSigned,
    LogAnew,
    NoCheckpoint,
    NoWitness,
    NotInThisPack,
    ClockBack,
    Counted,
    OldLines,
    NewerLines,
}

impl Kind {
    /// Are its two records the first and the last of many?
    pub const fn is_of_a_range(self) -> bool {
        matches!(self, Self::NoCheckpoint | Self::NoWitness)
    }

    /// For a person.
    pub const fn title(self) -> &'static str {
        match self {
            Self::NoLines => "No lines in the period",
            Self::BeforeTheLedger => "The period begins before the ledger",
            Self::AfterTheLedger => "The period ends after the ledger's last line",
            Self::AgentOff => "Agent off",
            Self::AgentKilled => "Agent ended without saying so",
            Self::NotRecorded => "Nothing could be recorded",
            Self::RecordLost => "Record before a line lost",
            Self::RecordAltered => "Record written to by another program",
            Self::RecordForked => "A witness holds another history of this ledger",
            Self::NoRecord => "Lines that are no record",
            Self::ChainBroken => "Chain of lines broken",
            Self::NotAsSigned => "Not as it was signed",
            Self::LogAnew => "Signed log begun anew",
            Self::NoCheckpoint => "Lines under no checkpoint",
            Self::NoWitness => "Lines that no witness stands for",
            Self::NotInThisPack => "Lines that this pack cannot prove",
            Self::ClockBack => "Clock went back",
            Self::Counted => "Counted together",
            Self::OldLines => "Lines without detail",
            Self::NewerLines => "Lines of a newer agent",
        }
    }
}

/// By kind, and within one as they stand in the ledger.
pub fn gaps(scene: &Scene<'_>) -> Vec<Gap> {
    let mut found = edges(scene);
    found.extend(scene.offs.iter().filter_map(|off| of_life(scene, off)));
    found.extend_from_slice(scene.seen.gaps());
    found.extend(torn(scene));
    found.extend(scene.chain.iter().filter(|one| within(scene, one.line)).map(|one| Gap {
        lines: Some((one.line, one.line)),
        ..plain(Kind::ChainBroken, one.what.clone())
    }));
    found.extend(scene.breaks.iter().map(|what| plain(Kind::NotAsSigned, what.clone())));
    found.extend(scene.begun.iter().map(|begun| {
        let Begun { log, why, behind } = begun;
        let what =
            format!("log {log} follows one that was signed over {behind} lines, because {why}");
        plain(Kind::LogAnew, what)
    }));
    found.extend(unproved(scene));
    found.extend(scene.seen.kinds_of_lines());
    found.sort_by_key(|gap| gap.kind);
    found
}

pub(super) fn plain(kind: Kind, what: String) -> Gap {
    Gap { kind, from: None, until: None, lines: None, records: Vec::new(), what }
}

fn within(scene: &Scene<'_>, line: u64) -> bool {
    scene.lines.0 < line && line <= scene.lines.1
}

pub(super) fn rfc3339(millis: i64) -> String {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX).to_string()
}

/// Where the period reaches beyond what the ledger has.
fn edges(scene: &Scene<'_>) -> Vec<Gap> {
    let (period, mut found) = (&scene.period, Vec::new());
    if scene.lines.0 == scene.lines.1 {
        found.push(plain(Kind::NoLines, "the ledger has no line of this period".to_owned()));
    }
    let (from, to) = (period.from.as_millisecond(), period.to.as_millisecond());
    let Some((first, last)) = scene.bounds else { return found };
    if from < first {
        let number = match (scene.pruned, scene.first_seq) {
            (Some(Pruned { lines, time, reason, .. }), _) => {
                format!("; lines 1 to {lines} were pruned, as a line of {time} tells: {reason}")
            }
            (None, 0 | 1) => String::new(),
            (None, seq) => {
                format!("; that one is record {seq}, so those before it stand elsewhere")
            }
        };
        let what = format!("nothing of before the ledger's first line is shown{number}");
        let until = Some(rfc3339(first.min(to)));
        let records = scene.seen.records().first().map(|(_, seq)| *seq);
        let records = records.filter(|seq| *seq == scene.first_seq).into_iter().collect();
        let from = Some(rfc3339(from));
        found.push(Gap { from, until, records, ..plain(Kind::BeforeTheLedger, what) });
    }
    let ended = scene.offs.iter().any(|off| off.until.is_none());
    if to > last && !ended {
        let what =
            "no line was written from then on when the pack was made: the agent had nothing to \
                    record, or it was not running"
                .to_owned();
        let until = to.min(scene.made.as_millisecond()).max(last);
        let newest = scene.seen.newest().filter(|(_, time)| *time == Some(last));
        let records = newest.map(|(seq, _)| seq).into_iter().collect();
        let (from, until) = (Some(rfc3339(last.max(from))), Some(rfc3339(until)));
        found.push(Gap { from, until, records, ..plain(Kind::AfterTheLedger, what) });
    }
    found
}

fn of_life(scene: &Scene<'_>, off: &Off) -> Option<Gap> {
    let (from, to) = (scene.period.from.as_millisecond(), scene.period.to.as_millisecond());
    let until = off.until.map_or(scene.made.as_millisecond(), |until| until.time);
    if until < from || off.after.time >= to {
        return None;
    }
    let seq = off.after.seq;
    let (kind, what) = match (off.announced, off.until) {
        (true, Some(until)) => {
            (Kind::AgentOff, format!("ended by record {seq}, started by record {}", until.seq))
        }
        (true, None) => (
            Kind::AgentOff,
            format!(
                "ended by record {seq}; no later start was on the ledger when this pack was made"
            ),
        ),
        (false, _) => (
            Kind::AgentKilled,
            format!(
                "killed, or the power went, at some time behind record {seq}: what it did last may be on no \
                 line"
            ),
        ),
    };
    let records = [Some(off.after), off.until].into_iter().flatten().map(|told| told.seq).collect();
    let (from, until) = (Some(rfc3339(off.after.time)), off.until.map(|until| rfc3339(until.time)));
    Some(Gap { from, until, records, ..plain(kind, what) })
}

fn torn(scene: &Scene<'_>) -> Option<Gap> {
    let (first, last) = (scene.torn.first()?, scene.torn.last()?);
    let what = match scene.torn.len() {
        1 => "1 line is no record: cut short by a crash or a full disk, or damaged".to_owned(),
        many => {
            format!("{many} lines are no record: cut short by a crash or a full disk, or damaged")
        }
    };
    Some(Gap { lines: Some((*first, *last)), ..plain(Kind::NoRecord, what) })
}

/// Lines that no signature, or none but the machine's own, stands for.
fn unproved(scene: &Scene<'_>) -> Vec<Gap> {
    let (from, to) = scene.lines;
    let mut found = Vec::new();
    let mut tail = |kind, until: u64, what: &str| {
        if until < to {
            let first = until.max(from);
            let count = to - first;
            let lines = if count == 1 { "1 line".to_owned() } else { format!("{count} lines") };
            let all = scene.seen.records();
            let mut of = all[all.partition_point(|(line, _)| *line <= first)..].iter();
            let ends = of.next().into_iter().chain(of.next_back());
            let records = ends.map(|(_, seq)| *seq).collect();
            let lines_are = Some((first + 1, to));
            found.push(Gap {
                lines: lines_are,
                records,
                ..plain(kind, format!("{lines}: {what}"))
            });
        }
    };
    tail(
        Kind::NoCheckpoint,
        scene.covered,
        "no checkpoint that holds is over them, so only their chain speaks for them",
    );
    match scene.cosigned {
        Some(until) => {
            tail(Kind::NoWitness, until, "no checkpoint over them is cosigned by the witness");
        }
        None => tail(
            Kind::NoWitness,
            0,
            "no witness's key was given, so nobody but this machine's own key stands for them, and whoever \
             holds that key could have signed another history",
        ),
    }
    if scene.proved_behind > from {
        let last = scene.proved_behind.min(to);
        let what = "their lines have no salt, so their hashes are left out of a pseudonymous pack: what \
                    they say could be guessed from those";
        let lines = Some((from + 1, last));
        found.push(Gap { lines, ..plain(Kind::NotInThisPack, what.to_owned()) });
    }
    found
}
