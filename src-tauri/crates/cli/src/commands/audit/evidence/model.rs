//! What a pack says, before it is written down: the period's lines in their tables, with persons by other names
//! where that was asked for, and what is missing.

use std::collections::BTreeSet;

use dagpass_client::ledger::Line;
use dagpass_client::ledger::evidence::{
    Control, Entry, Gap, Issued, Kind, Period, Pseudonyms, Scene, Seen, Table, gaps,
};
use dagpass_client::ledger::log::{VerifierKey, leaf_hash};
use jiff::Timestamp;

use super::proofs;
use super::read::Reading;
use super::tallied::Tallies;
use crate::exit::Failure;

/// What whoever makes the pack wants of it, and who they are.
pub(super) struct Asked {
    pub(super) period: Period,
    pub(super) made: Timestamp,
    pub(super) machine: String,
    pub(super) account: String,
    pub(super) signed: bool,
    pub(super) controls: Vec<&'static Control>,
    pub(super) witnesses: Vec<VerifierKey>,
}

pub(super) struct Model {
    pub(super) asked: Asked,
    pub(super) pseudonymous: bool,
    pub(super) tables: Tallies,
    pub(super) issued: Vec<Issued>,
    pub(super) renewals: Vec<Issued>,
    pub(super) gaps: Vec<Gap>,
    pub(super) logs: Vec<Signing>,
    /// From one line up to another, counted from 0, and which records those are.
    pub(super) lines: (u64, u64),
    pub(super) records: Option<(u64, u64)>,
    /// Up to which line of the file the log's key stands for them.
    pub(super) covered: u64,
    /// Which records of the period are proved by that.
    covered_records: Option<(u64, u64)>,
    /// Behind which line this pack proves them.
    pub(super) proved_behind: u64,
    /// Records that have a proof of their own in the pack.
    pub(super) proved: BTreeSet<u64>,
}

/// One log, as the report names it.
pub(super) struct Signing {
    pub(super) number: u64,
    pub(super) key: String,
    pub(super) origin: String,
    /// Over how many lines its newest checkpoint that holds is.
    pub(super) size: u64,
}

/// The period's lines, each for itself.
#[derive(Default)]
pub(super) struct Read {
    /// No records, counted from 1.
    pub(super) torn: Vec<u64>,
    /// Behind which line each one has a salt.
    pub(super) unsalted: u64,
}

impl Read {
    /// A line with its newline, counted from 1. `None` where it is no record.
    pub(super) fn take(&mut self, number: u64, line: &[u8]) -> Option<Entry> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let record = str::from_utf8(line).ok().and_then(Line::parse);
        let salted = record.as_ref().is_some_and(|record| record.salt.is_some());
        if !salted && !line.is_empty() {
            self.unsalted = number;
        }
        // An empty line closes off what a crash left.
        if record.is_none() && !line.is_empty() {
            self.torn.push(number);
        }
        record.map(|record| Entry::new(number, Some(leaf_hash(line)), record))
    }
}

impl Model {
    /// Each record goes to `put` as well, with the table that it is in; persons by other names, and no hash from
    /// which a line could be guessed.
    pub(super) fn of(
        reading: &Reading,
        mut asked: Asked,
        mut pseudonyms: Option<&mut Pseudonyms>,
        mut put: impl FnMut(Table, &Entry) -> Result<(), Failure>,
    ) -> Result<Self, Failure> {
        let mut breaks = reading.breaks.clone();
        let mut unsalted = 0;
        if let Some(pseudonyms) = &mut pseudonyms {
            // What somebody goes by is theirs, also where the account has the same name.
            reading.persons.iter().for_each(|person| pseudonyms.meet_person(person));
            let mut read = Read::default();
            reading.each(|number, line| {
                if let Some(entry) = read.take(number, line) {
                    pseudonyms.meet(&entry.record);
                }
                Ok(())
            })?;
            asked.machine = pseudonyms.meet_one("machine", &asked.machine);
            asked.account = pseudonyms.meet_one("account", &asked.account);
            unsalted = reading.guessed_behind(read.unsalted);
            breaks.iter_mut().for_each(|text| *text = pseudonyms.text(text));
        }
        let proved_behind = reading.lines.0.max(unsalted).min(reading.lines.1);
        let (mut read, mut seen, mut tables) =
            (Read::default(), Seen::default(), Tallies::default());
        reading.each(|number, line| {
            let mut entry = read.take(number, line);
            if let Some(pseudonyms) = &mut pseudonyms {
                entry = entry.and_then(|entry| {
                    let record = pseudonyms.replace(&entry.record)?;
                    let leaf = entry.leaf.filter(|_| entry.line > unsalted);
                    Some(Entry { leaf, record, ..entry })
                });
            }
            let Some(entry) = entry else { return Ok(()) };
            seen.take(&entry);
            put(tables.take(&asked.period, &entry), &entry)
        })?;
        let gaps = gaps(&Scene {
            period: asked.period,
            made: asked.made,
            bounds: reading.bounds,
            first_seq: reading.first_seq,
            pruned: reading.pruned.as_ref(),
            lines: reading.lines,
            seen: &seen,
            torn: &read.torn,
            offs: &reading.offs,
            chain: &reading.chain,
            covered: reading.covered,
            cosigned: proofs::cosigned(reading, &asked.witnesses),
            proved_behind,
            begun: &reading.begun,
            breaks: &breaks,
        });
        let ends = |of: &[(u64, u64)]| Some((of.first()?.1, of.last()?.1));
        let all = seen.records();
        let upto = |line: u64| all.partition_point(|(at, _)| *at <= line);
        let covered = upto(proved_behind)..upto(reading.covered).max(upto(proved_behind));
        let signings = reading.logs.iter().map(|log| Signing {
            number: log.number,
            key: log.key.to_string(),
            origin: log.key.name().to_owned(),
            size: log.checkpoints.last().map_or(0, |(_, newest)| newest.size),
        });
        Ok(Self {
            pseudonymous: pseudonyms.is_some(),
            issued: std::mem::take(&mut tables.tokens).groups(),
            renewals: std::mem::take(&mut tables.renewals).groups(),
            tables,
            gaps,
            logs: signings.collect(),
            lines: reading.lines,
            records: ends(all),
            covered: reading.covered,
            covered_records: ends(&all[covered]),
            proved_behind,
            proved: BTreeSet::new(),
            asked,
        })
    }

    /// Which lines (counted from 0, and their records) are worth a proof of their own, the most telling first.
    pub(super) fn telling(&self) -> Vec<(u64, u64)> {
        let counted = |gap: &&Gap| !matches!(gap.kind, Kind::Counted | Kind::OldLines);
        let of_gaps: BTreeSet<u64> =
            self.gaps.iter().filter(counted).flat_map(|gap| gap.records.iter().copied()).collect();
        let named = |(_, seq): &&(u64, u64)| of_gaps.contains(seq);
        let of = |table| self.tables.of(table).records.iter();
        let first = Table::ALL.into_iter().flat_map(of).filter(named).chain(of(Table::SignIns));
        let then = of(Table::Changes).chain(of(Table::Refusals)).chain(of(Table::Agent));
        let mut seen = BTreeSet::new();
        let all = first.chain(then).chain(of(Table::Tokens));
        let all = all.filter(|(line, _)| *line <= self.covered && seen.insert(*line));
        all.map(|(line, seq)| (line - 1, *seq)).collect()
    }

    /// Does this pack prove it?
    pub(super) fn is_record_covered(&self, seq: u64) -> bool {
        self.covered_records.is_some_and(|(first, last)| first <= seq && seq <= last)
    }
}
