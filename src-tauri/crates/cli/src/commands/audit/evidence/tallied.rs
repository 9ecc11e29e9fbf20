//! The period's tables as the report has them: of each the first rows, and of all of it what is counted. Nothing here
//! grows with the ledger but the numbers of records.

use std::collections::{BTreeMap, BTreeSet};

use dagpass_client::ledger::evidence::{Entry, Issuing, Period, Table};

use super::timeline::Marks;

/// How many rows does a table of the report have?
pub(super) const MOST_ROWS: usize = 250;

#[derive(Default)]
pub(super) struct Tallies {
    tables: [Tally; Table::ALL.len()],
    /// By issuer and subject, wherever they stand.
    pub(super) persons: BTreeSet<(String, String)>,
    pub(super) profiles: BTreeSet<String>,
    pub(super) sign_ins: u64,
    pub(super) tokens: Issuing,
    pub(super) renewals: Issuing,
    /// Of [`Table::Other`]: how often each was asked, and by which records.
    pub(super) asked: BTreeMap<String, (u64, Vec<u64>)>,
}

/// One table.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) rows: Vec<Entry>,
    /// Where each record stands, counted from 1, and its number.
    pub(super) records: Vec<(u64, u64)>,
    /// How many they stand for.
    pub(super) events: u64,
    pub(super) marks: Marks,
}

impl Tallies {
    /// The table that it is in.
    pub(super) fn take(&mut self, period: &Period, entry: &Entry) -> Table {
        let (record, table) = (&entry.record, Table::of(&entry.record));
        self.persons.extend(record.subject.as_ref().map(|who| (who.iss.clone(), who.sub.clone())));
        self.profiles.extend(record.session.as_ref().map(|session| session.profile.clone()));
        match table {
            Table::SignIns if record.event == "sign-in" && record.outcome == "ok" => {
                self.sign_ins += 1;
            }
            Table::Tokens => self.tokens.take(record),
            Table::Renewals => self.renewals.take(record),
            Table::Other => {
                let what = record.action.as_deref().unwrap_or(&record.event).to_owned();
                let (times, records) = self.asked.entry(what).or_default();
                *times = times.saturating_add(record.count.unwrap_or(1));
                records.push(record.seq);
            }
            Table::SignIns | Table::Refusals | Table::Changes | Table::Runs | Table::Agent => {}
        }
        let tally = &mut self.tables[table as usize];
        if tally.rows.len() < MOST_ROWS {
            tally.rows.push(entry.clone());
        }
        tally.records.push((entry.line, record.seq));
        tally.events = tally.events.saturating_add(record.count.unwrap_or(1));
        tally.marks.take(period, record);
        table
    }

    pub(super) fn of(&self, table: Table) -> &Tally {
        &self.tables[table as usize]
    }

    pub(super) fn records(&self) -> u64 {
        self.tables.iter().map(|tally| tally.records.len() as u64).sum()
    }
}
