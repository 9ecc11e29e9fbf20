//! The ledger for a person: when, what, who, which DAG, task, connection and audience. One row a
//! line, and of a task one row for each kind of token it was served.

use serde_json::Value;

use crate::output::{columns, padded, word as harmless};

const HEAD: [&str; COLUMNS] =
    ["TIME (UTC)", "WHAT", "WHO", "DAG", "TASK", "CONNECTION", "AUDIENCE", "TOKEN", "BY"];
const COLUMNS: usize = 9;
/// What stands for an audience that cannot be read. Never a guess.
const NOT_VISIBLE: &str = "not visible";
const NOTHING: &str = "-";

type Row = [String; COLUMNS];

/// Widths never shrink, so that what follows stays in line.
#[derive(Debug, Default)]
pub(super) struct Table {
    widths: Option<[usize; COLUMNS]>,
}

impl Table {
    pub(super) fn rows(&mut self, lines: &[String]) -> String {
        let first = self.widths.is_none();
        let mut rows: Vec<Row> = first.then(|| HEAD.map(str::to_owned)).into_iter().collect();
        let told = lines.iter().flat_map(|line| of_line(line));
        rows.extend(told.map(|row| row.map(|cell| harmless(&cell))));
        let mut widths = self.widths.unwrap_or_default();
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(columns(cell));
            }
        }
        self.widths = Some(widths);
        let shown = |row: &Row| {
            let cells = row.iter().zip(widths).map(|(cell, width)| padded(cell, width));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        rows.iter().map(shown).collect::<Vec<_>>().join("\n")
    }
}

/// A line that is no record is shown as it stands.
fn of_line(text: &str) -> Vec<Row> {
    let Ok(record) = serde_json::from_str::<Value>(text) else {
        let mut row = Row::default();
        row[0] = text.to_owned();
        return vec![row];
    };
    let tokens = record.pointer("/run/tokens").and_then(Value::as_array);
    match tokens {
        Some(tokens) if !tokens.is_empty() => {
            tokens.iter().map(|token| row(&record, Some(token))).collect()
        }
        _ => vec![row(&record, None)],
    }
}

fn row(record: &Value, token: Option<&Value>) -> Row {
    let first = |places: &[&str]| {
        places.iter().find_map(|place| word(record, place)).unwrap_or_else(|| NOTHING.to_owned())
    };
    let of_token = token.unwrap_or(record);
    let fingerprint = word(of_token, "/fingerprint");
    let audience = match (&fingerprint, audience(of_token)) {
        (_, Some(audience)) => audience,
        (Some(_), None) => NOT_VISIBLE.to_owned(),
        (None, None) => NOTHING.to_owned(),
    };
    let times = word(of_token, "/times").filter(|times| times != "1");
    let token = fingerprint.map(|short| match times {
        Some(times) => format!("{short} x{times}"),
        None => short,
    });
    [
        first(&["/time"]).replace('T', " ").trim_end_matches('Z').to_owned(),
        what(record),
        who(record),
        first(&["/run/dag_id", "/caller/context/dag_id"]),
        first(&["/run/task_id", "/caller/context/task_id"]),
        word(of_token, "/connection").unwrap_or_else(|| NOTHING.to_owned()),
        audience,
        token.unwrap_or_else(|| NOTHING.to_owned()),
        by(record),
    ]
}

/// `issue`, `issue denied`, `task success`, `decision pause`, `refused denied x12`.
fn what(record: &Value) -> String {
    let event = word(record, "/event").unwrap_or_default();
    if let (Some(kind), Some(state)) = (word(record, "/run/kind"), word(record, "/run/state")) {
        return format!("{kind} {state}");
    }
    let purpose = word(record, "/caller/context/purpose").map(|purpose| format!(" ({purpose})"));
    let action = word(record, "/action").map(|action| format!(" {action}"));
    let event = event + &action.unwrap_or_default() + &purpose.unwrap_or_default();
    let count = word(record, "/count").map(|count| format!(" x{count}")).unwrap_or_default();
    match word(record, "/outcome") {
        Some(outcome) if outcome != "ok" => format!("{event} {outcome}{count}"),
        _ => event + &count,
    }
}

/// Who asked Airflow, and whose sign-in it ran under.
fn who(record: &Value) -> String {
    let asked = word(record, "/run/triggering_user");
    let signed_in = word(record, "/run/signed_in_as").or(word(record, "/subject/sub"));
    match (asked, signed_in) {
        (Some(asked), Some(signed_in)) if asked != signed_in => format!("{asked} as {signed_in}"),
        (Some(one), _) | (None, Some(one)) => one,
        (None, None) => NOTHING.to_owned(),
    }
}

fn audience(of_token: &Value) -> Option<String> {
    match of_token.get("audience")? {
        Value::Array(all) => {
            let all: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
            (!all.is_empty()).then(|| all.join(","))
        }
        Value::String(one) => Some(one.clone()),
        _ => None,
    }
}

fn by(record: &Value) -> String {
    let named = [
        ("profile", word(record, "/session/profile").or(word(record, "/session"))),
        ("try", word(record, "/run/try_number").filter(|number| number != "1")),
        ("map", word(record, "/run/map_index")),
        ("pid", word(record, "/caller/pid")),
        ("by", word(record, "/caller/executable")),
        ("env", word(record, "/env")),
        ("error", word(record, "/error")),
        ("door", word(record, "/door")),
        ("count", word(record, "/count")),
        ("reason", word(record, "/reason")),
    ];
    let said = named.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
    said.collect::<Vec<_>>().join(" ")
}

fn word(value: &Value, place: &str) -> Option<String> {
    match value.pointer(place) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUE: &str = r#"{"v":1,"seq":7,"time":"2026-11-24T19:28:51.000Z","prev":"0","event":"issue",
        "outcome":"ok","session":{"profile":"prod"},"subject":{"iss":"i","sub":"alice"},
        "caller":{"transport":"socket","pid":12,"executable":"/usr/bin/python3"},
        "fingerprint":"ba7816bf8f01cfea"}"#;
    const RUN: &str = r#"{"v":1,"seq":8,"time":"2026-11-24T19:30:00.000Z","prev":"0","event":"run",
        "outcome":"ok","caller":{"transport":"socket","pid":12},"run":{"kind":"task","dag_id":"etl",
        "run_id":"r","task_id":"load","state":"success","triggering_user":"ada","signed_in_as":"ada@corp.example",
        "tokens":[{"session":{"profile":"prod"},"connection":"lake","audience":["https://lake"],
                   "fingerprint":"f1","tokens":2,"times":5,"by":"context"},
                  {"session":{"profile":"prod"},"connection":"warehouse","audience":"not visible",
                   "fingerprint":"f2","tokens":1,"times":1,"by":"process"}]}}"#;

    #[test]
    fn who_which_dag_which_task_which_connection_which_audience() {
        let lines = [ISSUE, RUN, "half a li"].map(str::to_owned);
        let text = Table::default().rows(&lines);
        let rows: Vec<Vec<&str>> = text
            .lines()
            .map(|row| row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
            .collect();
        assert_eq!(rows[0][1..5], ["WHAT", "WHO", "DAG", "TASK"]);
        assert_eq!(
            rows[1],
            [
                "2026-11-24 19:28:51.000",
                "issue",
                "alice",
                "-",
                "-",
                "-",
                "not visible",
                "ba7816bf8f01cfea",
                "profile=prod pid=12 by=/usr/bin/python3"
            ]
        );
        let who = "ada as ada@corp.example";
        let success = ["task success", who, "etl", "load"];
        assert_eq!(rows[2][1..5], success);
        assert_eq!(rows[2][5..8], ["lake", "https://lake", "f1 x5"]);
        assert_eq!(rows[3][1..5], success);
        assert_eq!(rows[3][5..8], ["warehouse", "not visible", "f2"]);
        assert_eq!(rows[4], ["half a li"]);
    }

    #[test]
    fn what_was_asked_and_how_often_stand_beside_the_event() {
        let line =
            |more: &str| format!(r#"{{"time":"t","event":"decision",{more},"caller":{{}}}}"#);
        for (more, expected) in [
            (r#""outcome":"ok","action":"pause""#, "decision pause"),
            (r#""outcome":"ok","action":"show-status","count":12"#, "decision show-status x12"),
            (
                r#""outcome":"failed","action":"connection","count":40"#,
                "decision connection failed x40",
            ),
            (r#""outcome":"denied""#, "decision denied"),
        ] {
            let record = serde_json::from_str(&line(more)).unwrap();
            assert_eq!(what(&record), expected);
        }
    }

    /// Whoever names a program or themselves so would take the row from a reviewer's eyes.
    #[test]
    fn a_name_can_neither_erase_its_row_nor_add_one() {
        let record = serde_json::json!({
            "time": "2026-11-24T19:28:51.000Z", "event": "issue", "outcome": "ok",
            "subject": {"sub": "李\u{1b}[2K"}, "caller": {"executable": "/tmp/\u{9b}1A\nissue"},
        });
        let text = Table::default().rows(&[record.to_string()]);
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        assert!(text.contains("李\\u{1b}[2K") && text.contains("\\u{9b}1A\\nissue"), "{text}");
        let dag = |row: &str| columns(&row[..row.find("  DAG").or(row.find("  -")).unwrap()]);
        let rows: Vec<&str> = text.lines().collect();
        assert!(dag(rows[0]) >= dag(rows[1]), "{text}");
    }

    #[test]
    fn the_head_is_printed_once() {
        let mut table = Table::default();
        table.rows(&[ISSUE.to_owned()]);
        assert!(!table.rows(&[RUN.to_owned()]).contains("WHAT"));
    }
}
