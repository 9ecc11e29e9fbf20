//! What a manifest says of its pack, held against the files of it: nothing that it says is shown unread, but the
//! names of the machine and the account, which no line tells.

use std::collections::BTreeMap;

use dagpass_client::ledger::evidence::{Entry, Period, Table};
use jiff::Timestamp;
use serde::de::IgnoredAny;

use super::manifest::{File, LINES, MANIFEST, Manifest, NOTE, TITLE};
use super::model::Read;
use super::pack;
use super::read::written_at;
use super::zip::Files;

/// Each file is the one that the manifest names, it is one that a pack has, and there is no other.
pub(super) fn files(files: &Files, manifest: &Manifest) -> Result<(), String> {
    let named: BTreeMap<&str, &File> =
        manifest.files.iter().map(|file| (file.name.as_str(), file)).collect();
    if named.len() != manifest.files.len() {
        return Err("its manifest names a file twice".to_owned());
    }
    for (name, file) in &named {
        let bytes = files.get(*name).ok_or_else(|| format!("{name} is missing"))?;
        if File::of(name, bytes) != **file {
            return Err(format!("{name} is not the file that the manifest names"));
        }
        if !pack::has(name, manifest.pseudonymous) {
            return Err(format!("{name} is in it, and no pack has such a file"));
        }
    }
    let apart = [MANIFEST, NOTE];
    let other =
        |name: &&String| !named.contains_key(name.as_str()) && !apart.contains(&name.as_str());
    match files.keys().find(other) {
        Some(other) => Err(format!("{other} is in it, and the manifest does not name it")),
        None => Ok(()),
    }
}

/// Its title, period and counts. The records, where the lines are in it.
pub(super) fn counted(files: &Files, manifest: &Manifest) -> Result<Option<Vec<Entry>>, String> {
    if manifest.title != TITLE {
        return Err("its manifest has another title".to_owned());
    }
    let period = period(manifest).ok_or("its manifest has no period")?;
    let mut records = 0;
    for table in Table::ALL {
        records += entries(files, table.name())?;
    }
    let wrong = |what: &str, says: u64, found: u64| {
        Err(format!("its manifest says {says} {what}, and there are {found}"))
    };
    if records != manifest.records {
        return wrong("records", manifest.records, records);
    }
    let gaps = entries(files, "gaps")?;
    if gaps != manifest.gaps {
        return wrong("gaps", manifest.gaps, gaps);
    }
    if manifest.pseudonymous {
        return Ok(None);
    }
    let text = files.get(LINES).map(Vec::as_slice).unwrap_or_default();
    // The first and the last line are of the period: between them, the clock may have gone back.
    let mut lines = text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n');
    let first = lines.next().filter(|_| !text.is_empty());
    for line in first.into_iter().chain(lines.next_back()) {
        let time = written_at(line).and_then(|time| Timestamp::from_millisecond(time).ok());
        if !time.is_some_and(|time| period.holds(time)) {
            return Err("its lines are not of the period that its manifest says".to_owned());
        }
    }
    let (mut read, lines) = (Read::default(), text.split_inclusive(|byte| *byte == b'\n'));
    let numbered = (manifest.first_line.max(1)..).zip(lines);
    let entries: Vec<_> = numbered.filter_map(|(number, line)| read.take(number, line)).collect();
    let found = entries.len() as u64;
    if found != records { wrong("records", records, found) } else { Ok(Some(entries)) }
}

fn period(manifest: &Manifest) -> Option<Period> {
    let (from, to) = (manifest.from.parse().ok()?, manifest.to.parse().ok()?);
    let period = Period { from, to };
    // As it is written, so that it reads as it is meant.
    let same = (from.to_string(), to.to_string()) == (manifest.from.clone(), manifest.to.clone());
    (same && from < to).then_some(period)
}

fn entries(files: &Files, name: &str) -> Result<u64, String> {
    let name = format!("data/{name}.json");
    let text = files.get(&name).ok_or_else(|| format!("{name} is missing"))?;
    let all: Vec<IgnoredAny> =
        serde_json::from_slice(text).map_err(|error| format!("{name} cannot be read: {error}"))?;
    Ok(all.len() as u64)
}
