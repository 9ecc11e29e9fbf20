//! Who may depend on whom (the fences between the rooms), decided over plain values.

use std::collections::BTreeSet;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) features: Vec<String>,
    pub(crate) needs: Vec<Need>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) name: String,
    pub(crate) only_for_tests: bool,
}

const AGENT: &str = "dagpass-agent";
const CLI: &str = "dagpass-cli";
const CLIENT: &str = "dagpass-client";
const CORE: &str = "dagpass-core";
const SANDBOX: &str = "dagpass-sandbox";
const ROOT: &str = "dagpass";
const TASK: &str = "dagpass-task";
const PANEL: &str = "dagpass-panel";
const TRAY: &str = "dagpass-tray";

/// Which of our crates may name a crate, tests apart? `*` stands for any letters at one end.
const ONLY: [(&str, &[&str]); 21] = [
    ("tauri*", &[PANEL]),
    ("wry", &[PANEL]),
    ("gtk", &[PANEL]),
    ("webkit2gtk", &[PANEL]),
    ("tray-icon", &[TRAY]),
    ("tao", &[TRAY]),
    ("muda", &[TRAY]),
    ("oauth2", &[AGENT]),
    ("reqwest", &[AGENT]),
    ("keyring*", &[AGENT]),
    ("*keyring-store", &[AGENT]),
    ("secret-service", &[AGENT]),
    ("cedar-policy*", &[AGENT]),
    ("miette", &[AGENT]),
    ("webbrowser", &[AGENT]),
    ("opentelemetry*", &[AGENT]),
    ("prost", &[AGENT]),
    (CORE, &[AGENT]),
    (AGENT, &[ROOT]),
    (CLI, &[ROOT]),
    (SANDBOX, &[]),
];

/// What may one of our crates name at most, tests apart?
const AT_MOST: [(&str, &[&str]); 3] = [
    (CORE, &["serde", "thiserror", "tokio", "sha2", "zeroize"]),
    (ROOT, &[AGENT, CLI]),
    (TASK, &[]),
];

/// Which crate never reaches which, however many steps lie between them? (Crates that come only with a
/// feature nobody asked for stand in cargo's graph too: `ring` is left to `.deny.toml`.)
pub(crate) const NEVER_REACHES: [(&str, &[&str]); 5] = [
    (CLI, &["tokio", "rustls", "hyper", "reqwest", CORE, AGENT, SANDBOX]),
    (CLIENT, &["tokio", "rustls", "hyper", CORE]),
    (AGENT, &[SANDBOX, CLI, "native-tls", "openssl-sys"]),
    (CORE, &["hyper", "rustls", "reqwest", CLIENT]),
    (PANEL, &[CORE, AGENT, CLI, SANDBOX, "reqwest", "rustls", "oauth2", "keyring-core"]),
];

pub(crate) fn broken(crates: &[Crate]) -> Vec<String> {
    crates.iter().flat_map(broken_by).collect()
}

fn broken_by(one: &Crate) -> Vec<String> {
    let mut found = Vec::new();
    for need in one.needs.iter().filter(|need| !need.only_for_tests) {
        for (pattern, allowed) in ONLY {
            if matches(pattern, &need.name) && !allowed.contains(&one.name.as_str()) {
                found.push(format!("{} names {}, which only {allowed:?} may", one.name, need.name));
            }
        }
        for (_, most) in AT_MOST.iter().filter(|(name, _)| *name == one.name) {
            if !most.contains(&need.name.as_str()) {
                found.push(format!("{} names {}; it may name {most:?}", one.name, need.name));
            }
        }
    }
    if one.features.iter().any(|feature| feature.contains("tauri")) {
        found.push(format!("{} has a tauri feature: the panel is a crate, not a switch", one.name));
    }
    found
}

fn matches(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => name.ends_with(end),
        (_, Some(start)) => name.starts_with(start),
        _ => pattern == name,
    }
}

/// What `from` reaches over `edges`, itself included.
pub(crate) fn reached<'a>(from: &'a str, edges: &'a [(String, String)]) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::from([from]);
    let mut next = vec![from];
    while let Some(at) = next.pop() {
        for (_, to) in edges.iter().filter(|(start, _)| start == at) {
            if seen.insert(to) {
                next.push(to);
            }
        }
    }
    seen
}

fn a_crate(name: &str, needs: &[&str]) -> Crate {
    let needs = needs.iter().map(|name| Need { name: (*name).into(), only_for_tests: false });
    Crate { name: name.into(), features: Vec::new(), needs: needs.collect() }
}

#[test]
fn each_broken_fence_is_found() {
    let planted = [
        (CLI, "oauth2"),
        (CLIENT, "reqwest"),
        (CLI, "keyring-core"),
        (SANDBOX, "zbus-secret-service-keyring-store"),
        (CLI, "webbrowser"),
        (AGENT, "tauri-build"),
        (AGENT, "tray-icon"),
        (CLI, CORE),
        (AGENT, SANDBOX),
        (CORE, "reqwest"),
        (CORE, "chrono"),
        (ROOT, "tokio"),
        (TASK, "serde"),
        (CLIENT, "tauri"),
        (CLI, "gtk"),
        (PANEL, CORE),
        (PANEL, AGENT),
    ];
    for (name, need) in planted {
        assert!(!broken(&[a_crate(name, &[need])]).is_empty(), "{name} may name {need}");
    }
}

#[test]
fn what_is_allowed_and_what_only_tests_name_passes() {
    let mut agent = a_crate(AGENT, &["oauth2", "reqwest", "keyring-core", CORE, CLIENT]);
    agent.needs.push(Need { name: SANDBOX.into(), only_for_tests: true });
    assert_eq!(broken(&[agent, a_crate(CORE, &["serde", "tokio"])]), [] as [String; 0]);
}

#[test]
fn a_tauri_feature_is_found() {
    let mut client = a_crate(CLIENT, &[]);
    client.features.push("tauri-commands".into());
    assert_eq!(broken(&[client]).len(), 1);
}

#[test]
fn what_is_reached_over_several_steps_is_seen() {
    let edges = [("a", "b"), ("b", "c"), ("d", "e")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(reached("a", &edges), BTreeSet::from(["a", "b", "c"]));
}
