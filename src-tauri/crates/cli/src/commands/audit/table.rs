//! The ledger for a person: when, what, who, which DAG, task, connection and audience. One row a
//! line, and of a task one row for each kind of token it was served.

use dagpass_client::ledger::record::{Person, Tie};
use dagpass_client::ledger::{Audience, Line, NOT_VISIBLE};

use crate::output::{columns, padded, word as harmless};

const HEAD: [&str; COLUMNS] =
    ["TIME (UTC)", "WHAT", "WHO", "DAG", "TASK", "CONNECTION", "AUDIENCE", "TOKEN", "BY"];
const COLUMNS: usize = 9;
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
    let Some(line) = Line::parse(text) else {
        let mut row = Row::default();
        row[0] = text.to_owned();
        return vec![row];
    };
    match line.run.as_ref().map(|run| run.tokens.as_slice()) {
        None | Some([]) => vec![row(&line, None)],
        Some(tokens) => tokens.iter().map(|tie| row(&line, Some(tie))).collect(),
    }
}

fn row(line: &Line, tie: Option<&Tie>) -> Row {
    let or_nothing =
        |text: Option<String>| text.filter(|text| !text.is_empty()).unwrap_or(NOTHING.to_owned());
    let run = line.run.as_ref();
    let said = |name: &str| line.caller.context.get(name).cloned();
    let connection = tie.map_or(&line.connection, |tie| &tie.connection);
    let audience = match tie {
        Some(tie) => Some(&tie.audience),
        None => line.audience.as_ref(),
    };
    let token = tie.map_or_else(|| line.fingerprint.clone(), |tie| Some(used(tie)));
    let audience = audience.and_then(shown).or(token.as_ref().map(|_| NOT_VISIBLE.to_owned()));
    [
        or_nothing(Some(line.time.replace('T', " ").trim_end_matches('Z').to_owned())),
        what(line),
        or_nothing(who(line)),
        or_nothing(run.map(|run| run.dag_id.clone()).or_else(|| said("dag_id"))),
        or_nothing(run.map(|run| run.task_id.clone()).or_else(|| said("task_id"))),
        or_nothing(connection.clone()),
        or_nothing(audience),
        or_nothing(token),
        by(line),
    ]
}

/// `3e57aa0912bc45de x12, 90ab12cd34ef5678`: each of them, and how many more there were.
fn used(tie: &Tie) -> String {
    if tie.each.is_empty() {
        return times(&tie.fingerprint, tie.times);
    }
    let named = tie.each.iter().map(|used| times(&used.fingerprint, used.times));
    let mut all = named.collect::<Vec<_>>().join(", ");
    let more = (tie.tokens as usize).saturating_sub(tie.each.len());
    if more > 0 {
        all.push_str(&format!(", {more} more"));
    }
    all
}

fn times(fingerprint: &str, times: u32) -> String {
    match times {
        0 | 1 => fingerprint.to_owned(),
        times => format!("{fingerprint} x{times}"),
    }
}

/// `issue`, `issue denied`, `task success`, `decision pause`, `refused denied x12`.
fn what(line: &Line) -> String {
    if let Some(run) = &line.run {
        return format!("{} {}", run.kind, run.state);
    }
    let mut what = line.event.to_string();
    // An issue tells what was asked for by its other columns.
    if let Some(action) = line.action.as_ref().filter(|_| line.event != "issue") {
        what.push_str(&format!(" {action}"));
    }
    if let Some(purpose) = line.caller.context.get("purpose") {
        what.push_str(&format!(" ({purpose})"));
    }
    if line.outcome != "ok" && !line.outcome.is_empty() {
        what.push_str(&format!(" {}", line.outcome));
    }
    if let Some(count) = line.count {
        what.push_str(&format!(" x{count}"));
    }
    what
}

/// Who asked Airflow, and whose sign-in it ran under.
fn who(line: &Line) -> Option<String> {
    let run = line.run.as_ref();
    let asked = run.and_then(|run| run.triggering_user.clone());
    let told = run.and_then(|run| run.signed_in_as.clone());
    let person = match &line.subject {
        Some(subject) => Some(named(subject, told.as_deref())),
        None => told.clone(),
    };
    let is_one = |asked: &String| {
        told.as_ref() == Some(asked)
            || line.subject.as_ref().is_some_and(|subject| {
                [Some(&subject.sub), subject.name.as_ref(), subject.email.as_ref()]
                    .contains(&Some(asked))
            })
    };
    match (asked, person) {
        (Some(asked), Some(person)) if !is_one(&asked) => Some(format!("{asked} as {person}")),
        (asked, person) => person.or(asked),
    }
}

/// `Alice Liddell <alice@corp.example> (7f3a)`: a person, and beside that what Ping calls them. An older
/// line of a run has one name, and it stands apart.
fn named(person: &Person, told: Option<&str>) -> String {
    let Person { sub, name, email, .. } = person;
    let told = told.filter(|_| name.is_none() && email.is_none()).map(str::to_owned);
    let name = match (name.clone().or(told), email) {
        (Some(name), Some(email)) if name != *email => format!("{name} <{email}>"),
        (Some(name), _) => name,
        (None, Some(email)) => email.clone(),
        (None, None) => return sub.clone(),
    };
    if name == *sub { name } else { format!("{name} ({sub})") }
}

fn shown(audience: &Audience) -> Option<String> {
    match audience {
        Audience::Names(names) => (!names.is_empty()).then(|| names.join(",")),
        Audience::Text(text) => Some(text.to_string()),
    }
}

fn by(line: &Line) -> String {
    let text = |number: Option<u32>| number.map(|number| number.to_string());
    let run = line.run.as_ref();
    let proven = line.proof.as_ref().and_then(|proof| proof.id_token.as_ref());
    let named = [
        ("profile", line.session.as_ref().map(|session| session.profile.clone())),
        ("try", text(run.and_then(|run| run.try_number).filter(|number| *number != 1))),
        ("map", text(run.and_then(|run| run.map_index))),
        ("pid", text(line.caller.pid)),
        ("by", line.caller.executable.clone()),
        ("env", line.env.clone()),
        ("acr", proven.and_then(|proven| proven.acr.clone())),
        ("amr", proven.map(|proven| proven.amr.join(",")).filter(|amr| !amr.is_empty())),
        ("error", line.error.clone()),
        ("door", line.door.clone()),
        ("count", line.count.map(|count| count.to_string())),
        ("reason", line.reason.clone()),
    ];
    let said = named.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
    said.collect::<Vec<_>>().join(" ")
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
    fn a_person_comes_first_and_what_ping_calls_them_beside() {
        let alice = r#""subject":{"iss":"i","sub":"7f3a","name":"Alice Liddell","email":"alice@corp.example"}"#;
        let run = |told: &str| format!(r#""run":{{"kind":"task","triggering_user":"ada"{told}}}"#);
        for (more, expected) in [
            (alice.to_owned(), Some("Alice Liddell <alice@corp.example> (7f3a)")),
            (r#""subject":{"sub":"alice","name":"alice"}"#.to_owned(), Some("alice")),
            (r#""subject":{"sub":"7f3a","email":"a@b"}"#.to_owned(), Some("a@b (7f3a)")),
            (r#""subject":{"sub":"7f3a"}"#.to_owned(), Some("7f3a")),
            (
                format!("{alice},{}", run("")),
                Some("ada as Alice Liddell <alice@corp.example> (7f3a)"),
            ),
            (
                format!(r#""subject":{{"sub":"7f3a"}},{}"#, run(r#","signed_in_as":"a@b""#)),
                Some("ada as a@b (7f3a)"),
            ),
            (format!(r#""subject":{{"sub":"7f3a","name":"ada"}},{}"#, run("")), Some("ada (7f3a)")),
            (run(""), Some("ada")),
            (r#""outcome":"ok""#.to_owned(), None),
        ] {
            let line = Line::parse(&format!(r#"{{"v":2,"event":"issue",{more}}}"#)).unwrap();
            assert_eq!(who(&line).as_deref(), expected, "{more}");
        }
    }

    #[test]
    fn what_was_asked_and_how_often_stand_beside_the_event() {
        let line = |more: &str| format!(r#"{{"time":"t","caller":{{}},{more}}}"#);
        for (more, expected) in [
            (r#""event":"decision","outcome":"ok","action":"pause""#, "decision pause"),
            (
                r#""event":"decision","outcome":"ok","action":"show-status","count":12"#,
                "decision show-status x12",
            ),
            (
                r#""event":"decision","outcome":"failed","action":"connection","count":40"#,
                "decision connection failed x40",
            ),
            (r#""event":"decision","outcome":"denied""#, "decision denied"),
            (r#""outcome":"ok","event":"issue","action":"token""#, "issue"),
        ] {
            assert_eq!(what(&Line::parse(&line(more)).unwrap()), expected);
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
    fn a_task_names_each_of_its_tokens_with_its_count() {
        let line = |more: &str| {
            let tie = format!(
                r#"{{"fingerprint":"f3","times":14{more},"each":[{{"fingerprint":"f1","times":12}},
                   {{"fingerprint":"f2","times":1}},{{"fingerprint":"f3","times":1}}]}}"#
            );
            let run =
                format!(r#"{{"v":2,"event":"run","run":{{"kind":"task","tokens":[{tie}]}}}}"#);
            of_line(&run)[0][7].clone()
        };
        assert_eq!(line(r#","tokens":3"#), "f1 x12, f2, f3");
        assert_eq!(line(r#","tokens":40"#), "f1 x12, f2, f3, 37 more");
    }

    #[test]
    fn the_head_is_printed_once() {
        let mut table = Table::default();
        table.rows(&[ISSUE.to_owned()]);
        assert!(!table.rows(&[RUN.to_owned()]).contains("WHAT"));
    }
}
