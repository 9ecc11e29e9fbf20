//! What the records of a period show of gaps by themselves, taken one after the other: of a record no more is kept
//! than where it stands and its number.

use super::super::{Line, VERSION};
use super::gaps::{Gap, Kind, plain, rfc3339};
use super::period::millis;
use super::tables::Entry;

/// Fed with every record of the period, in order.
#[derive(Debug, Default)]
pub struct Seen {
    /// The line of each, counted from 1, and its number.
    records: Vec<(u64, u64)>,
    /// When the last of them was written, as it says itself.
    last: String,
    gaps: Vec<Gap>,
    counted: Many,
    old: Many,
    newer: Many,
}

/// Records of one kind.
#[derive(Debug, Default)]
struct Many {
    /// The first and the last line.
    lines: Option<(u64, u64)>,
    records: Vec<u64>,
    /// That they stand for together.
    events: u64,
}

impl Seen {
    pub fn take(&mut self, entry: &Entry) {
        let record = &entry.record;
        self.gaps.extend(of_the_file(entry));
        self.gaps.extend(self.clock(entry));
        // What the ledger denied while it could not be written is told by itself.
        let is_of_others = matches!(&*record.event, "ledger-mended" | "ledger-pruned");
        if record.count.is_some() && !is_of_others {
            self.counted.take(entry);
        }
        if record.v < 2 {
            self.old.take(entry);
        }
        if record.v > VERSION {
            self.newer.take(entry);
        }
        self.records.push((entry.line, record.seq));
        self.last.clone_from(&record.time);
    }

    /// The line of each, counted from 1, and its number.
    pub fn records(&self) -> &[(u64, u64)] {
        &self.records
    }

    /// The number of the last one, and when it was written.
    pub(super) fn newest(&self) -> Option<(u64, Option<i64>)> {
        self.records.last().map(|(_, seq)| (*seq, millis(&self.last)))
    }

    /// Those that one record or two are seen by.
    pub(super) fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// A line that is older than the one before it.
    fn clock(&self, after: &Entry) -> Option<Gap> {
        let (line, seq) = *self.records.last()?;
        let (then, now) = (millis(&self.last)?, millis(&after.record.time)?);
        let back = then.checked_sub(now).filter(|back| *back > 0)?;
        let what =
            format!("by {back} ms; the order of lines is that of the chain, not of their times");
        Some(Gap {
            from: Some(after.record.time.clone()),
            until: Some(self.last.clone()),
            lines: Some((line, after.line)),
            records: vec![seq, after.record.seq],
            ..plain(Kind::ClockBack, what)
        })
    }

    pub(super) fn kinds_of_lines(&self) -> impl Iterator<Item = Gap> {
        let counted = self.counted.gap(Kind::Counted, |lines, events| {
            format!(
                "{events} events stand on {lines} lines with their count and the times of the first and the \
                 last; which process each was of is not told"
            )
        });
        let old = self.old.gap(Kind::OldLines, |lines, _| {
            format!(
                "{lines} lines are of an agent of before version 2 of the record: persons by issuer and subject \
                 alone, no detail of a sign-in's assertion"
            )
        });
        let newer = self.newer.gap(Kind::NewerLines, |lines, _| {
            format!(
                "{lines} lines say more than this program has words for: the raw lines hold all of it"
            )
        });
        [counted, old, newer].into_iter().flatten()
    }
}

impl Many {
    fn take(&mut self, Entry { line, record: Line { seq, count, .. }, .. }: &Entry) {
        self.lines = Some((self.lines.map_or(*line, |(first, _)| first), *line));
        self.records.push(*seq);
        self.events = self.events.saturating_add(count.unwrap_or_default());
    }

    fn gap(&self, kind: Kind, what: impl FnOnce(usize, u64) -> String) -> Option<Gap> {
        let lines = Some(self.lines?);
        let what = what(self.records.len(), self.events);
        Some(Gap { lines, records: self.records.clone(), ..plain(kind, what) })
    }
}

/// What the ledger says of its own file.
fn of_the_file(entry: &Entry) -> Option<Gap> {
    let record = &entry.record;
    let kind = match &*record.event {
        "ledger-mended" => Kind::NotRecorded,
        "ledger-lost" => Kind::RecordLost,
        "ledger-altered" => Kind::RecordAltered,
        "ledger-forked" => Kind::RecordForked,
        _ => return None,
    };
    let reason = record.reason.as_deref().unwrap_or("no reason on the record");
    let what = match (kind, record.count) {
        (Kind::NotRecorded, Some(denied)) => {
            format!(
                "{denied} attempts were denied meanwhile and have no line of their own: {reason}"
            )
        }
        _ => reason.to_owned(),
    };
    let lines = Some((entry.line, entry.line));
    let (from, until) = (record.first.map(rfc3339), Some(record.time.clone()));
    Some(Gap { from, until, lines, records: vec![record.seq], ..plain(kind, what) })
}
