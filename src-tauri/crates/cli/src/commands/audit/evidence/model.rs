//! What a pack says, before it is written down: the period's lines in their tables, with persons by other names
//! where that was asked for, and what is missing.

use std::collections::BTreeSet;

use dagpass_client::ledger::Line;
use dagpass_client::ledger::evidence::{
    Control, Entry, Gap, Issued, Kind, Period, Pseudonyms, Scene, Table, Tables, gaps, issued,
};
use dagpass_client::ledger::log::{VerifierKey, leaf_hash};
use jiff::Timestamp;

use super::proofs;
use super::read::Reading;

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
    pub(super) tables: Tables,
    pub(super) issued: Vec<Issued>,
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
    pub(super) entries: Vec<Entry>,
    /// No records, counted from 1.
    pub(super) torn: Vec<u64>,
    /// Behind which line each one has a salt.
    pub(super) unsalted: u64,
}

impl Read {
    /// `text`: whole lines, the first of them the one that is counted so from 0.
    pub(super) fn of(text: &[u8], first: u64) -> Self {
        let mut read = Self::default();
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        for (number, line) in (first + 1..).zip(lines) {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let record = str::from_utf8(line).ok().and_then(Line::parse);
            let salted = record.as_ref().is_some_and(|record| record.salt.is_some());
            if !salted && !line.is_empty() {
                read.unsalted = number;
            }
            match record {
                Some(record) => {
                    read.entries.push(Entry::new(number, Some(leaf_hash(line)), record));
                }
                // An empty line closes off what a crash left.
                None if line.is_empty() => {}
                None => read.torn.push(number),
            }
        }
        read
    }

    /// Persons by other names, and no hash from which a line could be guessed.
    fn under(mut self, reading: &Reading, pseudonyms: &mut Pseudonyms) -> Self {
        // No hash stands alone for a line that has no salt, also not where it leads to those behind it.
        if reading.unsalted_before {
            self.unsalted = self.unsalted.max(reading.lines.0);
        }
        self.unsalted += self.unsalted & 1;
        let unsalted = self.unsalted;
        let replaced = self.entries.into_iter().filter_map(|entry| {
            let record = pseudonyms.replace(&entry.record)?;
            let leaf = entry.leaf.filter(|_| entry.line > unsalted);
            Some(Entry { leaf, record, ..entry })
        });
        Self { entries: replaced.collect(), ..self }
    }
}

impl Model {
    pub(super) fn of(
        reading: &Reading,
        mut asked: Asked,
        mut pseudonyms: Option<&mut Pseudonyms>,
    ) -> Self {
        let mut read = Read::of(&reading.text, reading.lines.0);
        let mut breaks = reading.breaks.clone();
        let mut proved_behind = reading.lines.0;
        if let Some(pseudonyms) = &mut pseudonyms {
            // What somebody goes by is theirs, also where the account has the same name.
            reading.persons.iter().for_each(|person| pseudonyms.meet_person(person));
            read.entries.iter().for_each(|entry| pseudonyms.meet(&entry.record));
            asked.machine = pseudonyms.meet_one("machine", &asked.machine);
            asked.account = pseudonyms.meet_one("account", &asked.account);
            read = read.under(reading, pseudonyms);
            proved_behind = proved_behind.max(read.unsalted).min(reading.lines.1);
            breaks.iter_mut().for_each(|text| *text = pseudonyms.text(text));
        }
        let gaps = gaps(&Scene {
            period: asked.period,
            made: asked.made,
            bounds: reading.bounds,
            first_seq: reading.first_seq,
            pruned: reading.pruned.as_ref(),
            lines: reading.lines,
            entries: &read.entries,
            torn: &read.torn,
            offs: &reading.offs,
            chain: &reading.chain,
            covered: reading.covered,
            cosigned: proofs::cosigned(reading, &asked.witnesses),
            proved_behind,
            begun: &reading.begun,
            breaks: &breaks,
        });
        let seqs = || read.entries.iter().map(|entry| entry.record.seq);
        let records = seqs().next().zip(seqs().next_back());
        let covered = |entry: &&Entry| entry.line <= reading.covered && entry.line > proved_behind;
        let mut covered = read.entries.iter().filter(covered).map(|entry| entry.record.seq);
        let first = covered.next();
        let covered_records = first.map(|first| (first, covered.next_back().unwrap_or(first)));
        let tables = Tables::of(read.entries);
        let signings = reading.logs.iter().map(|log| Signing {
            number: log.number,
            key: log.key.to_string(),
            origin: log.key.name().to_owned(),
            size: log.checkpoints.last().map_or(0, |(_, newest)| newest.size),
        });
        Self {
            pseudonymous: pseudonyms.is_some(),
            issued: issued(tables.table(Table::Tokens)),
            tables,
            gaps,
            logs: signings.collect(),
            lines: reading.lines,
            records,
            covered: reading.covered,
            covered_records,
            proved_behind,
            proved: BTreeSet::new(),
            asked,
        }
    }

    /// Which lines (counted from 0, and their records) are worth a proof of their own, the most telling first.
    pub(super) fn telling(&self) -> Vec<(u64, u64)> {
        let counted = |gap: &&Gap| !matches!(gap.kind, Kind::Counted | Kind::OldLines);
        let of_gaps: BTreeSet<u64> =
            self.gaps.iter().filter(counted).flat_map(|gap| gap.records.iter().copied()).collect();
        let named = |entry: &&Entry| of_gaps.contains(&entry.record.seq);
        let entries = || Table::ALL.iter().flat_map(|table| self.tables.table(*table));
        let of = |table| self.tables.table(table).iter();
        let first = entries().filter(named).chain(of(Table::SignIns));
        let then = of(Table::Changes).chain(of(Table::Refusals)).chain(of(Table::Agent));
        let mut seen = BTreeSet::new();
        let all = first.chain(then).chain(of(Table::Tokens));
        let all = all.filter(|entry| entry.line <= self.covered && seen.insert(entry.line));
        all.map(|entry| (entry.line - 1, entry.record.seq)).collect()
    }

    /// Does this pack prove it?
    pub(super) fn is_record_covered(&self, seq: u64) -> bool {
        self.covered_records.is_some_and(|(first, last)| first <= seq && seq <= last)
    }
}
