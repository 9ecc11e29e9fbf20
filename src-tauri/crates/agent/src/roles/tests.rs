//! The table that the provider's own test reads too, `tests/cases/airflow_roles.json`: both sides call
//! groups the same, give the same roles and take the same digest. Then drift, which is asked here alone.

use std::collections::BTreeMap;

use dagpass_core::groups::names;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::*;
use crate::ping::groups;

#[derive(Deserialize)]
struct Table {
    groups: Vec<Shape>,
    mapping: Mapping,
    digests: Vec<Digest>,
    bad_files: Vec<Bad>,
}

#[derive(Deserialize)]
struct Shape {
    name: String,
    claims: Map<String, Value>,
    claim: String,
    names: Vec<String>,
}

#[derive(Deserialize)]
struct Mapping {
    roles: Value,
    cases: Vec<Person>,
}

#[derive(Deserialize)]
struct Person {
    name: String,
    groups: Vec<String>,
    gives: Value,
    unmapped: Vec<String>,
    refused: bool,
}

#[derive(Deserialize)]
struct Digest {
    text: String,
    canonical: String,
    sha256: String,
}

#[derive(Deserialize)]
struct Bad {
    name: String,
    text: String,
    line: usize,
    says: String,
}

fn table() -> Table {
    serde_json::from_str(include_str!("../../../../../tests/cases/airflow_roles.json")).unwrap()
}

fn file(roles: &Value) -> RolesFile {
    let text = json!({"version": 1, "claim": "groups", "roles": roles}).to_string();
    RolesFile::parse(&text).unwrap()
}

#[test]
fn every_shape_of_the_claim_ends_as_the_names_that_may_be_mapped() {
    for case in table().groups {
        let sent = groups(&case.claims, &case.claim).unwrap_or_default();
        let mut found: Vec<String> = Vec::new();
        for name in sent.iter().flat_map(|group| names(group)) {
            if !found.contains(&name) {
                found.push(name);
            }
        }
        assert_eq!(found, case.names, "{}", case.name);
    }
}

#[test]
fn every_person_gets_the_roles_of_their_groups_or_is_refused() {
    let mapping = table().mapping;
    let file = file(&mapping.roles);
    for case in mapping.cases {
        let preview = file.preview(&case.groups);
        assert_eq!(json!(preview.gives), case.gives, "{}", case.name);
        assert_eq!(preview.unmapped, case.unmapped, "{}", case.name);
        assert_eq!(preview.refused(), case.refused, "{}", case.name);
    }
}

#[test]
fn the_digest_is_of_the_content_and_not_of_how_it_is_typed() {
    let digests = table().digests;
    for case in &digests {
        let file = RolesFile::parse(&case.text).unwrap();
        assert_eq!(file.canonical(), case.canonical);
        assert_eq!(file.digest(), case.sha256, "{}", case.text);
    }
    assert_eq!(digests[0].sha256, digests[1].sha256);
    assert_ne!(digests[0].sha256, digests[2].sha256);
}

#[test]
fn a_bad_file_is_told_by_line_and_reason() {
    for case in table().bad_files {
        let fault = RolesFile::parse(&case.text).expect_err(&case.name);
        assert_eq!(fault.line, case.line, "{}: {fault}", case.name);
        assert!(fault.message.contains(&case.says), "{}: {fault}", case.name);
        assert!(fault.column > 0 && !fault.message.contains(" at line"), "{fault}");
    }
}

/// A group with what it gives here and there.
type Sides<'a> = (&'a str, &'a [&'a str], &'a [&'a str]);

#[test]
fn drift_is_what_a_group_gives_here_and_there() {
    let base = json!({"a": ["Op", "User"], "b": ["Viewer"]});
    let list = |roles: &[&str]| roles.iter().map(|role| (*role).to_owned()).collect::<Vec<_>>();
    let table: [(Value, &[Sides<'_>]); 5] = [
        (json!({"b": ["Viewer"], "a": ["User", "Op", "Op"]}), &[]),
        (json!({"a": ["Op", "User"]}), &[("b", &["Viewer"], &[])]),
        (json!({"a": ["Op", "User"], "b": ["Viewer"], "c": ["Admin"]}), &[("c", &[], &["Admin"])]),
        (json!({"a": ["Op"], "b": ["Viewer"]}), &[("a", &["Op", "User"], &["Op"])]),
        (
            json!({"B": ["Viewer"], "a": ["User", "Op"]}),
            &[("B", &[], &["Viewer"]), ("b", &["Viewer"], &[])],
        ),
    ];
    for (there, expected) in table {
        let drift = compare(&file(&base), &file(&there));
        let expected: BTreeMap<String, (Vec<String>, Vec<String>)> = expected
            .iter()
            .map(|(group, ours, theirs)| ((*group).to_owned(), (list(ours), list(theirs))))
            .collect();
        assert_eq!(drift.groups, expected, "{there}");
        assert_eq!(drift.in_sync(), expected.is_empty(), "{there}");
    }
}

#[test]
fn another_claim_is_drift_though_every_group_agrees() {
    let here = file(&json!({"a": ["Op"]}));
    let there = RolesFile { claim: "memberOf".to_owned(), ..here.clone() };
    let drift = compare(&here, &there);
    assert_eq!(drift.claim, Some(("groups".to_owned(), "memberOf".to_owned())));
    assert!(!drift.in_sync());
}

#[test]
fn drift_is_what_a_service_gives_here_and_there_and_to_which_tokens() {
    let with = |clients: Value| {
        let roles = json!({"a": ["Op"]});
        let file = json!({"version": 1, "claim": "groups", "roles": roles, "clients": clients});
        RolesFile::parse(&file.to_string()).unwrap()
    };
    let here = with(json!({"etl": {"client_id": "x", "roles": ["Op", "User"]}}));
    let same = json!({"etl": {"client_id": "x", "roles": ["User", "Op"], "max_age": 3600}});
    assert!(compare(&here, &with(same)).in_sync());
    for there in [
        json!({"etl": {"client_id": "x", "roles": ["Op"]}}),
        json!({"etl": {"client_id": "y", "roles": ["Op", "User"]}}),
        json!({"etl": {"client_id": "x", "roles": ["Op", "User"], "max_age": 60}}),
        json!({"etl2": {"client_id": "x", "roles": ["Op", "User"]}}),
    ] {
        let drift = compare(&here, &with(there.clone()));
        assert!(drift.clients.contains_key("etl") && !drift.in_sync(), "{there}");
    }
    let none = RolesFile { clients: None, ..here.clone() };
    assert_eq!(compare(&none, &here).clients["etl"].0, Vec::<String>::new());
    assert_eq!(compare(&none, &here).clients["etl"].1[2], "for client_id x, at most 3600 s old");
}
