//! The files of a pack but the manifest: the report, the tables as data, the lines or their hashes, and what
//! proves them.

use dagpass_client::ledger::evidence::{Entry, Pseudonyms, Table, Tables};
use serde::Serialize;
use serde_json::json;

use super::manifest::{LEAVES, LINES};
use super::model::{Asked, Model};
use super::parts::{Growing, Parts};
use super::read::Reading;
use super::zip::Files;
use super::{proofs, report};
use crate::exit::Failure;

const REPORT: &str = "report.html";
const README: &str = "README.txt";
const README_TEXT: &str = include_str!("readme.txt");
/// In `data/` besides the tables: what the program that made the pack reads from them.
const READINGS: [&str; 3] = ["gaps", "issued", "controls"];

/// What the pack says, and its files.
pub(super) fn parts(
    reading: &Reading,
    asked: Asked,
    pseudonyms: Option<&mut Pseudonyms>,
    mut parts: Parts,
) -> Result<(Model, Parts), Failure> {
    let mut tables = Vec::new();
    for table in Table::ALL {
        tables.push(Array::begin(&parts, table.name())?);
    }
    let put = |table: Table, entry: &Entry| tables[table as usize].add(entry);
    let mut model = Model::of(reading, asked, pseudonyms, put)?;
    for array in tables {
        array.end(&mut parts)?;
    }
    lines(reading, &mut model, &mut parts)?;
    let controls = model.asked.controls.iter().map(|control| {
        let tables = control.tables.iter().map(|table| table.name());
        let entries = control.tables.iter().map(|table| model.tables.of(*table).records.len());
        json!({
            "control": control.id, "about": control.about, "shows": control.shows, "lacks": control.lacks,
            "tables": tables.collect::<Vec<_>>(), "entries": entries.sum::<usize>(),
        })
    });
    let mut files = Files::new();
    put_array(&mut files, "gaps", &model.gaps);
    put_array(&mut files, "issued", &model.issued);
    put_array(&mut files, "controls", &controls.collect::<Vec<_>>());
    files.insert(REPORT.to_owned(), report::html(&model).into_bytes());
    files.insert(README.to_owned(), README_TEXT.as_bytes().to_vec());
    parts.hold(files);
    Ok((model, parts))
}

/// The lines or their hashes, and what proves them.
fn lines(reading: &Reading, model: &mut Model, parts: &mut Parts) -> Result<(), Failure> {
    let (mut files, witnesses, (from, to)) = (Files::new(), &model.asked.witnesses, model.lines);
    if model.pseudonymous {
        let behind = model.proved_behind.max(from);
        let part = usize::try_from(behind).unwrap_or(usize::MAX)..usize::try_from(to).unwrap_or(0);
        let mut leaves = parts.begin(LEAVES)?;
        for leaf in reading.tree.leaves().get(part).unwrap_or_default() {
            leaves.add(format!("{leaf}\n").as_bytes())?;
        }
        parts.end(LEAVES.to_owned(), leaves)?;
        proofs::of_logs(reading, behind, witnesses, &mut files);
    } else {
        let mut lines = parts.begin(LINES)?;
        reading.each(|_, line| lines.add(line))?;
        parts.end(LINES.to_owned(), lines)?;
        proofs::of_logs(reading, from, witnesses, &mut files);
        let proved = proofs::of_lines(reading, &model.telling(), witnesses, &mut files)?;
        model.proved = proved.into_iter().collect();
    }
    parts.hold(files);
    Ok(())
}

/// An array, an entry a line, as it is written.
struct Array {
    name: String,
    to: Growing,
    is_empty: bool,
}

impl Array {
    fn begin(parts: &Parts, name: &str) -> Result<Self, Failure> {
        let name = format!("data/{name}.json");
        let mut to = parts.begin(&name)?;
        to.add(b"[\n")?;
        Ok(Self { name, to, is_empty: true })
    }

    fn add(&mut self, entry: &impl Serialize) -> Result<(), Failure> {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.to.add(b",\n")?;
        }
        self.to.add(serde_json::to_string(entry).unwrap_or_default().as_bytes())
    }

    fn end(mut self, parts: &mut Parts) -> Result<(), Failure> {
        self.to.add(b"\n]\n")?;
        parts.end(self.name, self.to)
    }
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
        put_array(&mut files, table.name(), tables.table(table));
    }
    files
}

/// As [`Array`], of what is short.
fn put_array<T: Serialize>(files: &mut Files, name: &str, entries: &[T]) {
    let lines = entries.iter().map(|entry| serde_json::to_string(entry).unwrap_or_default());
    let text = format!("[\n{}\n]\n", lines.collect::<Vec<_>>().join(",\n"));
    files.insert(format!("data/{name}.json"), text.into_bytes());
}
