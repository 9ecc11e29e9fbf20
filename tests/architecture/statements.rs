//! The page of what the local endpoint holds to: every statement once, each with tests that exist, or the word
//! that it is not built. And the few that are about what the clone is made of. Decided over texts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::clone::Clone;

const PAGE: &str = "src-tauri/docs/localhost-security.md";
const STATEMENTS: usize = 63;
const NOT_BUILT: &str = "*Not built*";

/// What is wrong with the page, where `tests` are all that there are.
fn faults(page: &str, tests: &BTreeSet<&str>) -> Vec<String> {
    let rows: Vec<&str> = rows(page).collect();
    let mut found = Vec::new();
    if rows.len() != STATEMENTS {
        found.push(format!("{} statements, not {STATEMENTS}", rows.len()));
    }
    for (number, row) in (1..).zip(&rows) {
        if !row.starts_with(&format!("| {number} | ")) {
            found.push(format!("where {number} is to stand there is: {row}"));
        }
        let shown = row.rsplit(" | ").next().unwrap_or_default();
        let names: Vec<&str> =
            shown.split('`').skip(1).step_by(2).filter(|one| is_test(one)).collect();
        if names.is_empty() && !shown.contains(NOT_BUILT) {
            found.push(format!("{number} has no test"));
        }
        let gone = names.iter().filter(|name| !tests.contains(**name));
        found.extend(gone.map(|name| format!("{number}: there is no test `{name}`")));
    }
    found
}

fn rows(page: &str) -> impl Iterator<Item = &str> {
    page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| No. "))
}

/// Other words in backquotes are no sentences.
fn is_test(name: &str) -> bool {
    name.contains('_') && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Every function that a runner calls: it stands behind `#[test]`, or begins with `test_`.
fn tests(files: &BTreeMap<PathBuf, String>) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for (path, text) in files {
        let rust = path.extension().is_some_and(|kind| kind == "rs");
        let python = path.extension().is_some_and(|kind| kind == "py");
        if rust {
            found.extend(text.split("test]\n").skip(1).filter_map(function));
            found.extend(text.split("test(").skip(1).filter_map(function));
        }
        if python {
            found.extend(text.split("def ").skip(1).filter_map(|rest| rest.split('(').next()));
        }
    }
    found
}

fn function(behind: &str) -> Option<&str> {
    behind.split_once("fn ")?.1.split('(').next()
}

#[test]
fn every_statement_about_the_local_endpoint_has_tests_that_exist() {
    let clone = Clone::read();
    let page = clone.files.get(&PathBuf::from(PAGE)).expect(PAGE);
    rows(page).for_each(|row| println!("{row}"));
    assert_eq!(faults(page, &tests(&clone.files)), [] as [String; 0]);
}

#[test]
fn a_statement_that_is_missing_or_whose_test_is_gone_is_found() {
    let row = |number: usize, tests: &str| format!("| {number} | what holds | {tests} |\n");
    let tests = BTreeSet::from(["it_holds_water"]);
    let all = |of: &dyn Fn(usize) -> String| (1..=STATEMENTS).map(of).collect::<String>();
    let right = |number: usize| match number {
        57 => row(number, "*Not built*: there is none"),
        _ => row(number, "`it_holds_water`. *Partly*: not `Host`"),
    };
    assert_eq!(faults(&all(&right), &tests), [] as [String; 0]);
    let cases: [(&dyn Fn(usize) -> String, &str); 4] = [
        (&|number| if number == 63 { String::new() } else { right(number) }, "62 statements"),
        (&|number| if number == 9 { row(9, "`Host`") } else { right(number) }, "9 has no test"),
        (
            &|number| if number == 9 { row(9, "`it_is_gone`") } else { right(number) },
            "no test `it_",
        ),
        (&|number| right(if number == 9 { 8 } else { number }), "where 9 is to stand"),
    ];
    for (page, expected) in cases {
        let found = faults(&all(page), &tests);
        assert!(found.len() == 1 && found[0].contains(expected), "{expected}: {found:?}");
    }
}

#[test]
fn no_client_of_the_agent_s_follows_a_redirect() {
    let clone = Clone::read();
    let own = clone.files.iter().filter(|(path, _)| path.starts_with("src-tauri/crates/agent/src"));
    let mut clients = 0;
    for (path, text) in own {
        let built = text.matches("Client::builder()").count();
        clients += built;
        let held = text.matches(".redirect(reqwest::redirect::Policy::none())").count();
        assert!(held >= built, "{}: {built} clients, {held} held back", path.display());
    }
    assert!(clients > 0, "the agent's client was not found");
}

#[test]
fn no_deep_link_is_registered() {
    const SCHEMES: [&str; 4] =
        ["x-scheme-handler/", "CFBundleURLTypes", "tauri-plugin-deep-link", "URL Protocol"];
    let clone = Clone::read();
    let shipped = clone.files.iter().filter(|(path, _)| {
        path.starts_with("src-tauri") && !path.starts_with("src-tauri/docs")
            || path.as_os_str() == "Cargo.lock"
    });
    for (path, text) in shipped {
        let found = SCHEMES.iter().find(|scheme| text.contains(**scheme));
        assert_eq!(found, None, "{}", path.display());
    }
}

#[test]
fn the_window_s_toolkit_is_new_enough_and_its_page_loads_its_own_alone() {
    let clone = Clone::read();
    let text = |path: &str| clone.files.get(&PathBuf::from(path)).expect("it is in the clone");
    let lock = text("Cargo.lock");
    let (_, tauri) = lock.split_once("name = \"tauri\"\nversion = \"").unwrap();
    let version: Vec<u32> =
        tauri.split('"').next().unwrap().split('.').map(|part| part.parse().unwrap()).collect();
    assert!(version >= vec![2, 11, 1], "{version:?}");
    let config = text("src-tauri/tauri.conf.json");
    assert!(config.contains("\"csp\": \"default-src 'none'; script-src 'self'; style-src 'self';"));
    assert!(!config.contains("dangerous") && !config.contains("devUrl"), "{config}");
    let may = text("src-tauri/capabilities/window.json");
    for other in ["\"remote\"", "fs:", "shell:", "http:", "token\""] {
        assert!(!may.contains(other), "{other}");
    }
}
