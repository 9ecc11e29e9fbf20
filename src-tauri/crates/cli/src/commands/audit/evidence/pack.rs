//! The files of a pack but the manifest: the report, the tables as data, the lines or their hashes, and what
//! proves them.

use dagpass_client::ledger::evidence::{Table, Tables};
use serde::Serialize;
use serde_json::json;

use super::manifest::{LEAVES, LINES};
use super::model::Model;
use super::read::Reading;
use super::zip::Files;
use super::{proofs, report};

const REPORT: &str = "report.html";
const README: &str = "README.txt";
const README_TEXT: &str = include_str!("readme.txt");
/// In `data/` besides the tables: what the program that made the pack reads from them.
const READINGS: [&str; 3] = ["gaps", "issued", "controls"];

pub(super) fn files(reading: &Reading, model: &mut Model) -> Files {
    let mut files = of_tables(&model.tables);
    let (from, to) = model.lines;
    if model.pseudonymous {
        let behind = model.proved_behind.max(from);
        let part = usize::try_from(behind).unwrap_or(usize::MAX)..usize::try_from(to).unwrap_or(0);
        let leaves = reading.tree.leaves().get(part).unwrap_or_default();
        let text: String = leaves.iter().map(|leaf| format!("{leaf}\n")).collect();
        files.insert(LEAVES.to_owned(), text.into_bytes());
        proofs::of_logs(reading, behind, &model.asked.witnesses, &mut files);
    } else {
        files.insert(LINES.to_owned(), reading.text.clone());
        proofs::of_logs(reading, from, &model.asked.witnesses, &mut files);
        let witnesses = &model.asked.witnesses;
        let proved = proofs::of_lines(reading, &model.telling(), witnesses, &mut files);
        model.proved = proved.into_iter().collect();
    }
    put(&mut files, "gaps", &model.gaps);
    put(&mut files, "issued", &model.issued);
    let controls = model.asked.controls.iter().map(|control| {
        let tables = control.tables.iter().map(|table| table.name());
        let entries = control.tables.iter().map(|table| model.tables.table(*table).len());
        json!({
            "control": control.id, "about": control.about, "shows": control.shows, "lacks": control.lacks,
            "tables": tables.collect::<Vec<_>>(), "entries": entries.sum::<usize>(),
        })
    });
    put(&mut files, "controls", &controls.collect::<Vec<_>>());
    files.insert(REPORT.to_owned(), report::html(model).into_bytes());
    files.insert(README.to_owned(), README_TEXT.as_bytes().to_vec());
    files
}

/// Every file that a pack may have besides the manifest and its signature.
pub(super) fn has(name: &str, pseudonymous: bool) -> bool {
    let number = |text: &str| text.parse::<u64>().is_ok_and(|number| number.to_string() == text);
    if let Some(data) = name.strip_prefix("data/").and_then(|name| name.strip_suffix(".json")) {
        return READINGS.contains(&data) || Table::ALL.iter().any(|table| table.name() == data);
    }
    if let Some(log) = name.strip_prefix("proofs/log-") {
        let file = log.split_once('/');
        return file.is_some_and(|(log, file)| number(log) && proofs::OF_A_LOG.contains(&file));
    }
    if let Some(line) = name.strip_prefix("proofs/lines/") {
        return line.strip_suffix(".tlog-proof").is_some_and(number);
    }
    let lines = if pseudonymous { LEAVES } else { LINES };
    [REPORT, README, lines].contains(&name)
}

/// Those that the period's lines alone make, so that whoever verifies makes them again.
pub(super) fn of_tables(tables: &Tables) -> Files {
    let mut files = Files::new();
    for table in Table::ALL {
        put(&mut files, table.name(), tables.table(table));
    }
    files
}

/// An array, an entry a line.
fn put<T: Serialize>(files: &mut Files, name: &str, entries: &[T]) {
    let lines = entries.iter().map(|entry| serde_json::to_string(entry).unwrap_or_default());
    let text = format!("[\n{}\n]\n", lines.collect::<Vec<_>>().join(",\n"));
    files.insert(format!("data/{name}.json"), text.into_bytes());
}
