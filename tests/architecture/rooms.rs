//! The rooms of the agent's crate, one above the other: a room takes from those below it alone, and what
//! speaks to the world has one room. Decided over texts, tests apart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const AGENT: &str = "src-tauri/crates/agent/src/";

/// From the floor up. Nothing below `local_api` knows that there is an endpoint.
const ROOMS: [&str; 37] = [
    "system",
    "random",
    "like",
    "credentials",
    "clock",
    "loopback",
    "outgoing_proxy",
    "tasks",
    "telemetry",
    "token",
    "http",
    "presence",
    "roles",
    "config",
    "policy",
    "identity_proxy",
    "callback",
    "browser",
    "instance",
    "keychain",
    "ledger",
    "task_runs",
    "witness",
    "approvals",
    "reauth",
    "cosigning",
    "power",
    "ping",
    "airflow",
    "doctor",
    "tray",
    "local_api",
    "adopt",
    "scheduler",
    "wiring",
    "start",
    "program",
];

/// Which rooms alone may name a crate?
const HOMES: [(&str, &[&str]); 12] = [
    ("reqwest", &["http"]),
    ("rustls", &["http"]),
    ("tokio_rustls", &["http"]),
    ("webpki", &["http"]),
    ("rustls_platform_verifier", &["http"]),
    ("cedar_policy", &["policy"]),
    ("miette", &["policy"]),
    ("webbrowser", &["browser"]),
    ("keyring_core", &["keychain"]),
    ("secret_service", &["keychain"]),
    ("opentelemetry_proto", &["ledger/export"]),
    ("prost", &["ledger/export"]),
];

pub(crate) fn faults(files: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files {
        let name = path.to_string_lossy().replace('\\', "/");
        let Some(inside) = name.strip_prefix(AGENT).filter(|inside| *inside != "lib.rs") else {
            continue;
        };
        if path.extension().is_none_or(|kind| kind != "rs") || is_test(Path::new(inside)) {
            continue;
        }
        let room = inside.split(['/', '.']).next().unwrap_or_default();
        let code = code(text);
        let Some(floor) = floor(room) else {
            found.push(format!("{name}: the room `{room}` has no floor"));
            continue;
        };
        for other in named(&code) {
            if self::floor(&other).is_none_or(|below| below > floor) {
                found.push(format!("{name}: takes from `{other}`, which is not below `{room}`"));
            }
        }
        for (foreign, homes) in HOMES {
            let at_home = |home: &&str| room == *home || inside.starts_with(&format!("{home}/"));
            if speaks(&code, foreign) && !homes.iter().any(at_home) {
                found.push(format!("{name}: names `{foreign}`, which only {homes:?} may"));
            }
        }
    }
    found
}

fn floor(room: &str) -> Option<usize> {
    ROOMS.iter().position(|one| *one == room)
}

fn is_test(inside: &Path) -> bool {
    inside.iter().any(|part| {
        let part = part.to_string_lossy();
        part == "tests" || part == "tests.rs" || part.ends_with("_tests.rs")
    })
}

/// Without comments and without the tests at its end.
fn code(text: &str) -> String {
    let body = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = body.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Every room that follows on `crate::`, by itself or in braces.
fn named(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let starts = code.match_indices("crate::").filter(|(at, _)| {
        !code
            .get(..*at)
            .is_some_and(|before| before.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
    });
    for (at, word) in starts {
        let rest = code.get(at + word.len()..).unwrap_or_default();
        match rest.strip_prefix('{').and_then(|group| group.split_once("};")) {
            Some((group, _)) => found.extend(firsts(group)),
            None => found.push(first(rest)),
        }
    }
    found
}

/// The first word of every path in a group, groups within it apart.
fn firsts(group: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let mut paths = vec![String::new()];
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => paths.push(String::new()),
            _ if depth == 0 => paths.last_mut().into_iter().for_each(|path| path.push(c)),
            _ => {}
        }
    }
    paths.iter().map(|path| first(path.trim())).filter(|path| !path.is_empty()).collect()
}

fn first(path: &str) -> String {
    path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn speaks(code: &str, foreign: &str) -> bool {
    let path = format!("{foreign}::");
    code.match_indices(&path).any(|(at, _)| {
        let before = code.get(..at).unwrap_or_default();
        !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '.'))
    })
}

fn one(inside: &str, text: &str) -> Vec<String> {
    faults(&BTreeMap::from([(format!("{AGENT}{inside}").into(), text.to_owned())]))
}

#[test]
fn an_arrow_up_and_a_crate_away_from_home_are_found() {
    let lower = ["task_runs", "ledger", "keychain", "ping", "http", "airflow", "config"];
    for room in lower {
        let text = "use crate::local_api::ENDPOINT;\n";
        assert_eq!(one(&format!("{room}/mod.rs"), text).len(), 1, "{room}");
    }
    for (inside, text) in [
        ("airflow/look.rs", "use crate::doctor::Reach;\n"),
        ("http/client.rs", "use crate::ping::Ping;\n"),
        ("ledger/mod.rs", "fn a() -> crate::witness::Observer { b() }\n"),
        ("power.rs", "use crate::{\n    system,\n    start::{run, stop},\n};\n"),
        ("cellar.rs", ""),
        ("ping/revoke.rs", "fn a() { reqwest::get(b) }\n"),
        ("callback/mod.rs", "use webbrowser::Browser;\n"),
        ("ledger/mod.rs", "use opentelemetry_proto::tonic;\n"),
        ("ledger/exported.rs", "use opentelemetry_proto::tonic;\n"),
    ] {
        assert_eq!(one(inside, text).len(), 1, "{inside}: {text}");
    }
}

#[test]
fn what_lies_below_tests_and_comments_pass() {
    for (inside, text) in [
        (
            "ping/mod.rs",
            "use crate::http::Http;\nuse crate::{outgoing_proxy, token::{claims, lifetime}};\n",
        ),
        ("http/tls/mod.rs", "use crate::http::plain;\nuse rustls::Error;\n"),
        ("roles/tests.rs", "use crate::ping::groups;\n"),
        ("ledger/export/otlp.rs", "use opentelemetry_proto::tonic;\n"),
        ("system/mod.rs", "//! [`crate::start`] calls it.\npub(crate) fn a() {}\n"),
        ("roles/file.rs", "#[cfg(test)]\nmod tests {\n    use crate::ping::groups;\n}\n"),
        ("keychain/mod.rs", "use dagpass_core::x;\nmy_crate::start();\n"),
    ] {
        assert_eq!(one(inside, text), [] as [String; 0], "{inside}");
    }
}
