//! The table in `main.rs` is held to what is there: every test in a row, every row with a test.

use std::collections::BTreeSet;

const SOURCES: [&str; 12] = [
    include_str!("answers.rs"),
    include_str!("device.rs"),
    include_str!("discovery_and_keys.rs"),
    include_str!("groups.rs"),
    include_str!("outages.rs"),
    include_str!("proof.rs"),
    include_str!("redirect.rs"),
    include_str!("revocation.rs"),
    include_str!("rotation.rs"),
    include_str!("sessions.rs"),
    include_str!("tokens.rs"),
    include_str!("wake.rs"),
];

/// What stands elsewhere because it cannot be played here: Windows' own limit.
const ELSEWHERE: &str = include_str!("../../src-tauri/crates/agent/src/keychain/tests.rs");

#[test]
fn every_test_stands_in_a_row_and_every_row_has_tests_that_exist() {
    let rows: Vec<&str> = include_str!("main.rs")
        .lines()
        .filter(|line| line.starts_with("//! | ") && !line.contains("| Tests |"))
        .collect();
    assert_eq!(rows.len(), 45);
    let listed: BTreeSet<&str> = rows.iter().copied().flat_map(tests_of).collect();
    assert!(rows.iter().all(|row| tests_of(row).next().is_some()));
    let here: BTreeSet<&str> = SOURCES.iter().copied().flat_map(tests_in).collect();
    let missing: Vec<_> = here.difference(&listed).collect();
    assert_eq!(missing, [&""; 0], "in no row");
    let gone = |name: &&&str| !tests_in(ELSEWHERE).any(|test| test == **name);
    let gone: Vec<_> = listed.difference(&here).filter(gone).collect();
    assert_eq!(gone, [&""; 0], "no such test");
}

/// The names in a row's second cell.
fn tests_of(row: &str) -> impl Iterator<Item = &str> {
    row.split(" | ").nth(2).unwrap_or_default().split('`').skip(1).step_by(2)
}

fn tests_in(source: &str) -> impl Iterator<Item = &str> {
    source.split("test]\n").skip(1).filter_map(|after| {
        let head = after.split('(').next()?;
        head.rsplit(' ').next()
    })
}
