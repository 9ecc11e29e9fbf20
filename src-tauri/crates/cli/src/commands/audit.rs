//! `dagpass audit tail`: the ledger's last lines. Reads the file and nothing else, so it works while
//! no agent runs; never judges whether the chain holds.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::thread::sleep;
use std::time::Duration;

use clap::Subcommand;
use dagpass_client::place;
use serde_json::Value;

use crate::exit::Failure;
use crate::output;
use crate::world::World;

/// How often is the file looked at with `--follow`?
const FOLLOW_POLL: Duration = Duration::from_millis(250);
/// How much is read at once, backwards from the end?
const BLOCK: u64 = 64 * 1024;

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// The last lines, newest last
    Tail {
        /// How many lines
        #[arg(short = 'n', long = "lines", default_value_t = 20)]
        lines: usize,
        /// Go on with what is written from now on
        #[arg(short, long)]
        follow: bool,
    },
}

pub(crate) fn run(world: &World, command: &Audit) -> Result<(), Failure> {
    let Audit::Tail { lines, follow } = *command;
    let folder = place::state_dir().map_err(|error| Failure::new("no_place", error.to_string()))?;
    let path = folder.join("ledger.jsonl");
    let mut file = File::open(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::new("not_found", "there is no ledger yet")
            .because(format!("{} does not exist", path.display())),
        _ => unreadable(error),
    })?;
    let (mut text, mut at) = tail(&mut file, lines).map_err(unreadable)?;
    loop {
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let rest = text.split_off(whole);
        print(&text, world.json)?;
        text = rest;
        if !follow {
            return print(&text, world.json);
        }
        sleep(FOLLOW_POLL);
        let mut more = Vec::new();
        file.seek(SeekFrom::Start(at)).map_err(unreadable)?;
        at += file.read_to_end(&mut more).map_err(unreadable)? as u64;
        text += &String::from_utf8_lossy(&more);
    }
}

fn unreadable(error: std::io::Error) -> Failure {
    Failure::new("io", "the ledger cannot be read").because(error)
}

/// The last lines and the file's end.
fn tail(file: &mut (impl Read + Seek), lines: usize) -> std::io::Result<(String, u64)> {
    let end = file.seek(SeekFrom::End(0))?;
    let mut start = end;
    let mut bytes = Vec::new();
    while start > 0 && newlines(&bytes) <= lines {
        let size = BLOCK.min(start);
        start -= size;
        file.seek(SeekFrom::Start(start))?;
        let mut block = vec![0; usize::try_from(size).unwrap_or_default()];
        file.read_exact(&mut block)?;
        block.append(&mut bytes);
        bytes = block;
    }
    let text = String::from_utf8_lossy(&bytes);
    let kept: Vec<&str> = text.split_inclusive('\n').collect();
    let skip = kept.len().saturating_sub(lines);
    Ok((kept[skip..].concat(), end))
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

fn print(text: &str, json: bool) -> Result<(), Failure> {
    if text.is_empty() {
        return Ok(());
    }
    if json {
        return output::out(text);
    }
    output::out(&text.lines().map(line).collect::<Vec<_>>().join("\n"))
}

/// One record as a person reads it; a line that is none is shown as it stands.
fn line(text: &str) -> String {
    let Ok(record) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    let word = |path: &str| match record.pointer(path) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let mut parts = vec![
        word("/seq").unwrap_or_default(),
        word("/time").unwrap_or_default(),
        word("/event").unwrap_or_default(),
        word("/outcome").unwrap_or_default(),
    ];
    let named = [
        ("profile", word("/session/profile").or(word("/session"))),
        ("connection", word("/connection")),
        ("sub", word("/subject/sub")),
        ("token", word("/fingerprint")),
        ("pid", word("/caller/pid")),
        ("by", word("/caller/executable")),
        ("error", word("/error")),
        ("reason", word("/reason")),
    ];
    parts.extend(named.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?))));
    parts.join("  ")
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn the_last_lines_are_found_across_blocks() {
        let long = "x".repeat(100_000);
        let text = format!("1\n2{long}\n3{long}\n4\n");
        for (lines, expected) in
            [(1, "4\n".to_owned()), (2, format!("3{long}\n4\n")), (9, text.clone())]
        {
            let (found, end) = tail(&mut Cursor::new(&text), lines).unwrap();
            assert!(found == expected, "{lines}");
            assert_eq!(end, text.len() as u64);
        }
        assert_eq!(tail(&mut Cursor::new(""), 3).unwrap().0, "");
        assert_eq!(tail(&mut Cursor::new("half"), 3).unwrap().0, "half");
    }

    #[test]
    fn a_record_is_one_readable_line() {
        let record = r#"{"v":1,"seq":7,"time":"2026-11-24T19:28:51.000Z","prev":"0","event":"issue","outcome":"ok",
            "session":{"profile":"prod"},"caller":{"transport":"socket","pid":12,"executable":"/usr/bin/airflow"},
            "fingerprint":"ba7816bf8f01cfea"}"#;
        assert_eq!(
            line(record),
            "7  2026-11-24T19:28:51.000Z  issue  ok  profile=prod  token=ba7816bf8f01cfea  pid=12  \
             by=/usr/bin/airflow"
        );
        assert_eq!(line("half a li"), "half a li");
    }
}
