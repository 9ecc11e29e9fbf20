//! Lines as rows of CSV (RFC 4180). The columns keep their names and their order; later ones come behind.
//! A cell that a spreadsheet would take for a formula begins with an apostrophe.

use crate::ledger::digits;
use crate::ledger::log::{Hash, leaf_hash};
use crate::ledger::record::{Audience, Line, Tie};
use crate::ledger::words::title;

/// One row a line; what there is several of stands in one cell, with blanks between.
pub const COLUMNS: [&str; 42] = [
    "seq",
    "time",
    "event",
    "outcome",
    "what",
    "action",
    "served",
    "count",
    "name",
    "email",
    "sub",
    "issuer",
    "triggering_user",
    "profile",
    "connection",
    "deployment",
    "env",
    "dag_id",
    "task_id",
    "run_id",
    "map_index",
    "try_number",
    "state",
    "audience",
    "resource",
    "scopes",
    "fingerprint",
    "expires_at",
    "program",
    "pid",
    "uid",
    "transport",
    "remote",
    "error",
    "reason",
    "leaf",
    "policy",
    "rules",
    "approval",
    "lanes",
    "program_sha256",
    "re_authenticated",
];

/// The first row.
pub fn head() -> String {
    ended(COLUMNS.map(str::to_owned))
}

/// `line` is what the text says, where it is a record; else only its hash is told.
pub fn row(text: &[u8], line: Option<&Line>) -> String {
    ended(cells(&leaf_hash(text), line))
}

/// What stands in each of the [`COLUMNS`].
pub fn cells(leaf: &Hash, line: Option<&Line>) -> [String; COLUMNS.len()] {
    let leaf = digits(&leaf.0);
    let Some(line) = line else {
        let mut cells = COLUMNS.map(|_| String::new());
        "A line that is no record".clone_into(&mut cells[4]);
        cells[35] = leaf;
        return cells;
    };
    let run = line.run.as_ref();
    let ties = run.map_or(&[][..], |run| run.tokens.as_slice());
    let said = |name: &str| line.caller.context.get(name).cloned();
    let who = line.subject.as_ref();
    let session = line.session.as_ref();
    let of_run = |text: Option<&String>, name: &str| text.cloned().or_else(|| said(name));
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let several = |own: Option<String>, tie: fn(&Tie) -> Option<String>| {
        let mut all: Vec<String> = own.into_iter().collect();
        for one in ties.iter().filter_map(tie) {
            if !all.contains(&one) {
                all.push(one);
            }
        }
        (!all.is_empty()).then(|| all.join(" "))
    };
    let expires = line.expires_at.and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    [
        Some(line.seq.to_string()),
        Some(line.time.clone()),
        Some(line.event.to_string()),
        Some(line.outcome.to_string()),
        Some(title(line)),
        line.action.as_ref().map(ToString::to_string),
        line.served.as_ref().map(ToString::to_string),
        number(line.count),
        who.and_then(|who| who.name.clone()),
        who.and_then(|who| who.email.clone()),
        who.map(|who| who.sub.clone()),
        who.map(|who| who.iss.clone()),
        run.and_then(|run| run.triggering_user.clone()),
        session.map(|session| session.profile.clone()),
        several(
            line.connection.clone().or_else(|| session.and_then(|of| of.connection.clone())),
            |tie| tie.connection.clone(),
        ),
        line.deployment.clone(),
        line.env.clone(),
        of_run(run.map(|run| &run.dag_id), "dag_id"),
        of_run(run.map(|run| &run.task_id), "task_id"),
        of_run(run.map(|run| &run.run_id), "run_id"),
        number(run.and_then(|run| run.map_index).map(u64::from)),
        number(run.and_then(|run| run.try_number).map(u64::from)),
        run.map(|run| run.state.clone()),
        several(line.audience.as_ref().map(names), |tie| Some(names(&tie.audience))),
        line.resource.clone(),
        line.scopes.as_ref().map(|scopes| scopes.join(" ")),
        several(line.fingerprint.clone(), |tie| Some(tie.fingerprint.clone())),
        expires.map(|at| at.to_string()),
        line.caller.executable.clone(),
        number(line.caller.pid.map(u64::from)),
        number(line.caller.uid.map(u64::from)),
        Some(line.caller.transport.to_string()),
        line.caller.remote.then(|| "true".to_owned()),
        line.error.clone(),
        line.reason.clone(),
        Some(leaf),
        line.policy.clone(),
        (!line.rules.is_empty()).then(|| line.rules.join(" ")),
        line.approval.clone(),
        (!line.caller.lanes.is_empty()).then(|| line.caller.lanes.join(" ")),
        line.caller.executable_sha256.clone(),
        line.re_authenticated.as_ref().map(ToString::to_string),
    ]
    .map(Option::unwrap_or_default)
}

fn names(audience: &Audience) -> String {
    match audience {
        Audience::Names(names) => names.join(" "),
        Audience::Text(text) => text.to_string(),
    }
}

fn ended<const N: usize>(cells: [String; N]) -> String {
    cells.map(|cell| quoted(&cell)).join(",") + "\r\n"
}

/// What begins a formula, in full width too.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

fn quoted(cell: &str) -> String {
    // Whoever names a program or a DAG so would have a formula run where the table is opened.
    let guard = if cell.starts_with(FORMULA) { "'" } else { "" };
    match cell.contains([',', '"', '\r', '\n']) {
        true => format!("\"{guard}{}\"", cell.replace('"', "\"\"")),
        false => format!("{guard}{cell}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(&'static str, String)> {
        let row = row(text.as_bytes(), Line::parse(text).as_ref());
        let cells = split(row.strip_suffix("\r\n").unwrap());
        assert_eq!(cells.len(), COLUMNS.len(), "{row}");
        COLUMNS.into_iter().zip(cells).filter(|(_, cell)| !cell.is_empty()).collect()
    }

    /// As RFC 4180 has it.
    fn split(row: &str) -> Vec<String> {
        let (mut all, mut cell, mut quoted) = (Vec::new(), String::new(), false);
        let mut rest = row.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '"' if quoted && rest.peek() == Some(&'"') => cell.push(rest.next().unwrap()),
                '"' => quoted = !quoted,
                ',' if !quoted => all.push(std::mem::take(&mut cell)),
                c => cell.push(c),
            }
        }
        assert!(!quoted, "{row}");
        all.push(cell);
        all
    }

    #[test]
    fn each_cell_stands_in_its_column() {
        let text = r#"{"v":2,"seq":7,"time":"2026-11-24T19:28:51.000Z","prev":"0","salt":"s","event":"run","outcome":"ok","approval":"ap-1","re_authenticated":"polkit","session":{"profile":"prod"},"caller":{"transport":"socket","uid":1000,"pid":12,"executable":"/usr/bin/python3"},"subject":{"iss":"i","sub":"7f3a","name":"Liddell, Alice","email":"a@b.c"},"expires_at":1795548531000,"run":{"kind":"task","dag_id":"etl","run_id":"r","task_id":"load","state":"success","tokens":[{"connection":"lake","audience":["https://lake"],"fingerprint":"f1"},{"connection":"lake","audience":"not visible","fingerprint":"f2"}]}}"#;
        let leaf = digits(&leaf_hash(text.as_bytes()).0);
        let expected = [
            ("seq", "7"),
            ("time", "2026-11-24T19:28:51.000Z"),
            ("event", "run"),
            ("outcome", "ok"),
            ("what", "Task success"),
            ("name", "Liddell, Alice"),
            ("email", "a@b.c"),
            ("sub", "7f3a"),
            ("issuer", "i"),
            ("profile", "prod"),
            ("connection", "lake"),
            ("dag_id", "etl"),
            ("task_id", "load"),
            ("run_id", "r"),
            ("state", "success"),
            ("audience", "https://lake not visible"),
            ("fingerprint", "f1 f2"),
            ("expires_at", "2026-11-24T19:28:51Z"),
            ("program", "/usr/bin/python3"),
            ("pid", "12"),
            ("uid", "1000"),
            ("transport", "socket"),
            ("leaf", &leaf),
            ("approval", "ap-1"),
            ("re_authenticated", "polkit"),
        ];
        assert_eq!(told(text), expected.map(|(name, cell)| (name, cell.to_owned())));
        let torn = told(r#"{"v":2,"se"#);
        assert_eq!(torn.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["what", "leaf"]);
        assert_eq!(split(head().trim_end()), COLUMNS);
        let told = include_str!("../../../../../docs/audit-export.md");
        let (_, told) = told.split_once("## The columns of the CSV").unwrap();
        for column in COLUMNS {
            assert!(told.contains(&format!("`{column}`")), "{column}");
        }
    }

    #[test]
    fn no_cell_is_a_formula_ends_its_row_or_is_another_s() {
        for (value, expected) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("＝1+1", "'＝1+1"),
            ("a=1", "a=1"),
            ("a\"b,c\r\nd", "a\"b,c\r\nd"),
            ("=\"\",\n", "'=\"\",\n"),
        ] {
            let line = serde_json::json!({"seq": 1, "event": "issue", "reason": value});
            let reason = told(&line.to_string());
            let reason = reason.iter().find(|(name, _)| *name == "reason").unwrap();
            assert_eq!(reason.1, expected, "{value:?}");
        }
    }
}
