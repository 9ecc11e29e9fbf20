//! What may not stand in a file: too many lines, work left undone, `unsafe` outside the system floor, a
//! system file that only refuses, the core reaching for the world, a path of somebody's machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How many lines may a file have before it holds two rooms?
const MOST_LINES: usize = 400;

/// The system floors: the only files that may use `unsafe`, each for calls that have no safe form.
pub(crate) const MAY_USE_UNSAFE: [&str; 20] = [
    "src-tauri/crates/agent/src/presence/windows.rs",
    "src-tauri/crates/agent/src/system/linux.rs",
    "src-tauri/crates/agent/src/system/linux/pin.rs",
    "src-tauri/crates/agent/src/system/macos.rs",
    "src-tauri/crates/agent/src/system/pages.rs",
    "src-tauri/crates/agent/src/system/windows.rs",
    "src-tauri/crates/agent/src/system/windows/file_number.rs",
    "src-tauri/crates/agent/src/system/windows/owner.rs",
    "src-tauri/crates/agent/src/system/windows/parents.rs",
    "src-tauri/crates/agent/src/system/windows/shield.rs",
    "src-tauri/crates/cli/src/commands/audit/evidence/tests/memory.rs",
    "src-tauri/crates/cli/src/system/unix.rs",
    "src-tauri/crates/cli/src/system/windows.rs",
    "src-tauri/crates/client/src/login_item/windows.rs",
    "src-tauri/crates/client/src/system/unix.rs",
    "src-tauri/crates/client/src/system/windows.rs",
    "src-tauri/crates/tray/src/desktop/windows.rs",
    "src-tauri/crates/tray/src/desktop/windows_looks.rs",
    "src-tauri/crates/tray/src/desktop/windows_loop.rs",
    "src-tauri/crates/tray/src/desktop/windows_notices.rs",
];

/// What would make the core see the world? Written in two halves, so that this file is not a finding.
const WORLDLY: [(&str, &str); 10] = [
    ("std::f", "s::"),
    ("std::ne", "t::"),
    ("std::en", "v::"),
    ("std::proc", "ess::"),
    ("std::thre", "ad::"),
    ("SystemTime::n", "ow("),
    ("Instant::n", "ow("),
    ("tokio::spa", "wn("),
    ("tokio::ti", "me::"),
    ("tokio::ne", "t::"),
];

pub(crate) fn faults(files: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files {
        let name = path.to_string_lossy().replace('\\', "/");
        for fault in [
            too_long(path, text),
            undone(path, text),
            unsafe_here(&name, text),
            only_refuses(path, text),
            worldly_core(&name, text),
            somebody_s_machine(text),
            asks_an_index(text),
        ] {
            found.extend(fault.map(|what| format!("{name}: {what}")));
        }
    }
    found
}

fn kind(path: &Path) -> &str {
    path.extension().and_then(|kind| kind.to_str()).unwrap_or_default()
}

fn too_long(path: &Path, text: &str) -> Option<String> {
    let lines = text.lines().count();
    let counts = matches!(kind(path), "rs" | "py" | "mjs" | "js" | "css" | "html" | "sh");
    (counts && lines > MOST_LINES).then(|| format!("{lines} lines, at most {MOST_LINES}"))
}

fn undone(path: &Path, text: &str) -> Option<String> {
    let words = [("to", "do!("), ("unimple", "mented!("), ("TO", "DO"), ("FIX", "ME")];
    let word = words.into_iter().map(whole).find(|word| text.contains(word.as_str()))?;
    (kind(path) != "json").then(|| format!("`{word}` is work left undone"))
}

fn unsafe_here(name: &str, text: &str) -> Option<String> {
    let uses =
        text.contains(&whole(("uns", "afe {"))) || text.contains(&whole(("(uns", "afe_code")));
    let rust = name.ends_with(".rs");
    (rust && uses && !MAY_USE_UNSAFE.contains(&name))
        .then(|| "uses unsafe and is not on the list of system floors".to_owned())
}

/// A file for one system in which every function answers that it cannot.
fn only_refuses(path: &Path, text: &str) -> Option<String> {
    let stem = path.file_stem()?.to_str()?;
    let system = matches!(stem, "linux" | "macos" | "windows" | "unix") && kind(path) == "rs";
    let bodies = text.split("fn ").skip(1).collect::<Vec<_>>();
    let refuses = |body: &&str| body.to_lowercase().contains(&whole(("unsup", "ported")));
    (system && !bodies.is_empty() && bodies.iter().all(refuses))
        .then(|| "answers nothing but that it cannot".to_owned())
}

fn worldly_core(name: &str, text: &str) -> Option<String> {
    let inside = name.strip_prefix("src-tauri/crates/core/src/")?;
    // Fakes and scenarios are the tests' stage; what follows `cfg(test)` is a test.
    if ["fakes", "scenarios"].iter().any(|stage| inside.starts_with(stage)) {
        return None;
    }
    let decision = text.split("#[cfg(test)]").next().unwrap_or_default();
    let word = WORLDLY.into_iter().map(whole).find(|word| decision.contains(word.as_str()))?;
    Some(format!("the core decides and never acts, but here stands `{word}`"))
}

/// A path below a home that is not one of the examples', or below root's.
fn somebody_s_machine(text: &str) -> Option<String> {
    let home = whole(("/ho", "me/"));
    let person = |rest: &str| {
        let (person, _) = rest.split_once('/')?;
        let plain = !person.is_empty() && person.chars().all(|c| c.is_ascii_alphanumeric());
        (plain && !MADE_UP.contains(&person)).then(|| person.to_owned())
    };
    if let Some(person) = text.split(&home).skip(1).find_map(person) {
        return Some(format!("a path of somebody's machine (home of `{person}`)"));
    }
    // A web path such as `realms/root/` goes on from a word; a path of the machine begins there.
    let starts = |before: &str| !before.ends_with(|c: char| c.is_alphanumeric() || c == '.');
    let root = whole(("/ro", "ot/"));
    let machine = text.match_indices(&root).any(|(at, _)| text.get(..at).is_some_and(starts));
    machine.then(|| "a path of somebody's machine (root's home)".to_owned())
}

/// The provider's package is on no index, and whoever registers its name there would run as the person whom
/// the agent trusts: what is installed is the wheel inside `dagpass`.
fn asks_an_index(text: &str) -> Option<String> {
    let name = whole(("airflow-provider", "-dagpass"));
    let asks = |line: &str| {
        let line = line.replace(['\'', '"', '_'], "-").replace("--", "-").to_lowercase();
        let line = line.replace("uninstall", "");
        let asked = |rest: &str| rest.starts_with(['[', '=', '>', '<', '~']);
        let installs = ["install ", "install -", "add ", "add -"];
        line.split(&name).skip(1).any(asked)
            || installs.iter().any(|verb| line.contains(&format!("{verb}{name}")))
    };
    let line = text.lines().find(|line| asks(line))?;
    Some(format!("an installer is told to ask an index for our package: {}", line.trim()))
}

/// The people of the examples.
const MADE_UP: [&str; 4] = ["ada", "alice", "bob", "dev"];

fn whole(halves: (&str, &str)) -> String {
    format!("{}{}", halves.0, halves.1)
}

fn one(path: &str, text: &str) -> Vec<String> {
    faults(&BTreeMap::from([(path.into(), text.to_owned())]))
}

#[test]
fn each_planted_fault_is_found() {
    let long = "a\n".repeat(MOST_LINES + 1);
    let refusal = "fn a() { Err(Unsupported) }\nfn b() -> bool { unsupported() }\n";
    let core = "src-tauri/crates/core/src/policy.rs";
    let planted = [
        ("src/a.rs", long.clone()),
        ("tests/airflow/a.py", long),
        ("src/a.rs", whole(("fn a() { to", "do!() }"))),
        ("src/a.rs", whole(("fn a() { unimple", "mented!() }"))),
        ("src/a.py", whole(("# TO", "DO: later"))),
        ("src/a.rs", whole(("fn a() { uns", "afe { b() } }"))),
        ("src/a/windows.rs", refusal.to_owned()),
        (core, whole(("let now = SystemTime::n", "ow();"))),
        (core, whole(("std::f", "s::read(path)"))),
        ("README.md", whole(("see /ho", "me/carol/dagpass"))),
        ("README.md", whole(("see /ro", "ot/.cache"))),
        ("README.md", whole(("pip install airflow-provider", "-dagpass"))),
        ("README.md", whole(("uv add \"airflow-provider", "-dagpass==0.1.0\""))),
        ("a.env", whole(("# pip install 'airflow_provider", "_dagpass[fab]'"))),
    ];
    for (path, text) in planted {
        assert_eq!(one(path, &text).len(), 1, "{path}: {text:.60}");
    }
}

#[test]
fn what_is_right_passes() {
    let floor = whole(("fn a() { uns", "afe { b() } }"));
    let in_a_test = format!("fn a() {{}}\n#[cfg(test)]\n{}", whole(("std::f", "s::read(path)")));
    for (path, text) in [
        (MAY_USE_UNSAFE[0], floor.as_str()),
        ("src/a/windows.rs", "fn a() -> u32 { 1 }\nfn b() { Err(Unsupported) }"),
        ("src-tauri/crates/core/src/policy.rs", in_a_test.as_str()),
        ("README.md", "$HOME/dagpass and realms/root/realms/alpha"),
        ("README.md", "pip install './airflow_provider_dagpass-0.1.0-py3-none-any.whl[fab]'"),
        ("a.py", "pip uninstall airflow-provider-dagpass; name = \"airflow-provider-dagpass\""),
    ] {
        assert_eq!(one(path, text), [] as [String; 0], "{path}");
    }
}
