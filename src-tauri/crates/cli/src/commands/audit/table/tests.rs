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
            "Token served",
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
    let success = ["Task success", who, "etl", "load"];
    assert_eq!(rows[2][1..5], success);
    assert_eq!(rows[2][5..8], ["lake", "https://lake", "f1 x5"]);
    assert_eq!(rows[3][1..5], success);
    assert_eq!(rows[3][5..8], ["warehouse", "not visible", "f2"]);
    assert_eq!(rows[4], ["half a li"]);
}

#[test]
fn a_person_comes_first_and_what_ping_calls_them_beside() {
    let alice =
        r#""subject":{"iss":"i","sub":"7f3a","name":"Alice Liddell","email":"alice@corp.example"}"#;
    let run = |told: &str| format!(r#""run":{{"kind":"task","triggering_user":"ada"{told}}}"#);
    for (more, expected) in [
        (alice.to_owned(), Some("Alice Liddell <alice@corp.example> (7f3a)")),
        (r#""subject":{"sub":"alice","name":"alice"}"#.to_owned(), Some("alice")),
        (r#""subject":{"sub":"7f3a","email":"a@b"}"#.to_owned(), Some("a@b (7f3a)")),
        (r#""subject":{"sub":"7f3a"}"#.to_owned(), Some("7f3a")),
        (format!("{alice},{}", run("")), Some("ada as Alice Liddell <alice@corp.example> (7f3a)")),
        (
            format!(r#""subject":{{"sub":"7f3a"}},{}"#, run(r#","signed_in_as":"a@b""#)),
            Some("ada as a@b (7f3a)"),
        ),
        (format!(r#""subject":{{"sub":"7f3a","name":"ada"}},{}"#, run("")), Some("ada (7f3a)")),
        (run(""), Some("ada")),
        (r#""outcome":"ok""#.to_owned(), None),
    ] {
        let line = Line::parse(&format!(r#"{{"v":2,"event":"issue",{more}}}"#)).unwrap();
        assert_eq!(who(&line, false).as_deref(), expected, "{more}");
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
        let run = format!(r#"{{"v":2,"event":"run","run":{{"kind":"task","tokens":[{tie}]}}}}"#);
        cells(&run)[7].clone()
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

fn cells(line: &str) -> Row {
    match Table::default().of_line(line).swap_remove(0) {
        Shown::Row { cells, .. } => cells,
        Shown::Whole(text) => panic!("{text}"),
    }
}

fn at(room: usize) -> Table {
    Table { room: Some(room), colours: false, ..Table::default() }
}

#[test]
fn no_row_is_wider_than_the_terminal_and_who_and_what_go_last() {
    let wide = ISSUE.replace("alice", "李李李李李李李李李李李李李李李李李李");
    let torn = "x".repeat(300);
    let lines = [ISSUE.to_owned(), RUN.to_owned(), wide, torn];
    for room in 1..240 {
        let text = at(room).rows(&lines);
        let rows_of_the_task = if text.contains("CONNECTION") { 2 } else { 1 };
        assert_eq!(text.lines().count(), 4 + rows_of_the_task, "{text}");
        for row in text.lines().filter(|_| room >= 28) {
            assert!(columns(row) <= room, "{room}: {row}");
        }
        for head in ["TIME", "WHAT"] {
            assert!(text.lines().next().unwrap().contains(head), "{room}: {text}");
        }
    }
    let narrow = at(60).rows(&lines);
    for said in ["11-24 19:28:51", "From cache", "alice", "etl", "…"] {
        assert!(narrow.contains(said), "{said}: {narrow}");
    }
    let wide = at(239).rows(&lines);
    for said in ["2026-11-24 19:28:51.000", "https://lake", "f1 x5", "by=/usr/bin/python3"] {
        assert!(wide.contains(said), "{said}: {wide}");
    }
}

/// It would look like two tasks.
#[test]
fn a_task_has_one_row_where_there_is_no_room_for_what_tells_its_tokens_apart() {
    let tie = |connection: &str| {
        format!(r#"{{"connection":"{connection}","audience":["https://lake"],"fingerprint":"f"}}"#)
    };
    let (long, like) = (tie("warehouse_of_orders"), tie("warehouse_of_returns"));
    let task = format!(
        r#"{{"v":2,"time":"2026-11-24T19:30:00.000Z","event":"run","outcome":"ok",
            "run":{{"kind":"task","dag_id":"etl","task_id":"load","state":"success","tokens":[{long},{like}]}}}}"#
    );
    for (room, expected) in [(Some(50), 1), (Some(74), 2), (Some(120), 2), (None, 2)] {
        let text = Table { room, ..Table::default() }.rows(&[task.clone(), task.clone()]);
        assert_eq!(text.lines().count(), 1 + 2 * expected, "{room:?}: {text}");
    }
}

#[test]
fn where_there_is_little_room_a_person_is_a_name_and_an_issue_a_word() {
    let alice = r#"{"time":"2026-11-24T19:28:51.000Z","event":"issue","outcome":"ok","served":"refresh",
        "subject":{"sub":"7f3a","name":"Alice Liddell","email":"alice@corp.example"}}"#;
    for (room, expected) in [
        (Some(80), ["11-24 19:28:51", "Refreshed", "Alice Liddell"]),
        (
            None,
            [
                "2026-11-24 19:28:51.000",
                "Served after a refresh",
                "Alice Liddell <alice@corp.example> (7f3a)",
            ],
        ),
    ] {
        let Shown::Row { cells, .. } = Table { room, ..Table::default() }.of_line(alice).remove(0)
        else {
            panic!("no row");
        };
        assert_eq!(cells[..3], expected);
    }
}

#[test]
fn a_column_that_says_something_for_the_first_time_is_shown_from_there_on() {
    let mut table = at(100);
    let first = table.rows(&[ISSUE.to_owned()]);
    assert!(!first.contains("DAG"), "{first}");
    assert!(table.rows(&[RUN.to_owned()]).contains("DAG"));
    assert!(!table.rows(&[ISSUE.to_owned()]).contains("WHAT"));
}

#[test]
fn the_outcome_has_a_colour_and_nothing_from_outside_has_one() {
    let denied = ISSUE.replace(r#""outcome":"ok""#, r#""outcome":"denied""#);
    let evil = ISSUE.replace("alice", "\\u001b[32mali");
    let mut table = Table { colours: true, ..at(120) };
    let text = table.rows(&[ISSUE.to_owned(), denied, evil]);
    let rows: Vec<&str> = text.lines().collect();
    assert!(rows[0].starts_with("\u{1b}[1mTIME"), "{text:?}");
    assert!(rows[1].contains("\u{1b}[32mFrom cache"), "{text:?}");
    assert!(rows[2].contains("\u{1b}[31mRequest denied"), "{text:?}");
    assert_eq!(rows[3].matches('\u{1b}').count(), 2, "{text:?}");
    assert!(rows[3].contains("\\u{1b}[32mali"), "{text:?}");
}
