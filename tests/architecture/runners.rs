//! Files that no runner would ever see: a Rust file that no `mod` names, a Python or Node test whose
//! name its runner does not look for. Decided over paths and texts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// Every Rust file that is in no crate and no test binary.
pub(crate) fn unreached(
    files: &BTreeMap<PathBuf, String>,
    roots: &BTreeSet<PathBuf>,
) -> Vec<PathBuf> {
    let mut seen = BTreeSet::new();
    let mut next: Vec<(PathBuf, bool)> = roots.iter().map(|root| (root.clone(), true)).collect();
    while let Some((at, is_root)) = next.pop() {
        let Some(text) = files.get(&at) else { continue };
        if !seen.insert(at.clone()) {
            continue;
        }
        for place in modules(&at, is_root, text) {
            next.push((place, false));
        }
    }
    let rust = files.keys().filter(|path| path.extension().is_some_and(|kind| kind == "rs"));
    rust.filter(|path| !seen.contains(*path)).cloned().collect()
}

/// Where the modules that `text` names may lie.
fn modules(at: &Path, is_root: bool, text: &str) -> Vec<PathBuf> {
    let folder = at.parent().unwrap_or(Path::new(""));
    let stem = at.file_stem().unwrap_or_default();
    let inside = if is_root || stem == "mod" { folder.to_owned() } else { folder.join(stem) };
    let mut found = Vec::new();
    let mut named = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[") {
            named.extend(line.split("path = \"").skip(1).filter_map(|rest| rest.split('"').next()));
            continue;
        }
        if let Some(name) = module(line) {
            if named.is_empty() {
                found.push(inside.join(format!("{name}.rs")));
                found.push(inside.join(name).join("mod.rs"));
            }
            found.extend(named.iter().map(|place| plain(&folder.join(place))));
        }
        named.clear();
    }
    found
}

fn module(line: &str) -> Option<&str> {
    let line = line.strip_suffix(';')?;
    let (before, name) = line.rsplit_once("mod ")?;
    let visibility = before.trim();
    (visibility.is_empty() || visibility.starts_with("pub")).then_some(name.trim())
}

/// Without `..`, as the files are listed.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

/// Python and Node files that hold tests under a name that their runner does not collect.
pub(crate) fn uncollected(files: &BTreeMap<PathBuf, String>) -> Vec<PathBuf> {
    let lost = |path: &Path, text: &str| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match path.extension().and_then(|kind| kind.to_str()) {
            Some("py") => {
                text.lines().any(|line| line.trim_start().starts_with("def test_"))
                    && !name.starts_with("test_")
            }
            Some("mjs" | "js") => text.contains("'node:test'") && !name.contains(".test."),
            _ => false,
        }
    };
    files.iter().filter(|(path, text)| lost(path, text)).map(|(path, _)| path.clone()).collect()
}

fn tree(files: &[(&str, &str)]) -> BTreeMap<PathBuf, String> {
    files.iter().map(|(path, text)| (path.into(), (*text).to_owned())).collect()
}

#[test]
fn a_rust_file_that_no_module_names_is_found() {
    let files = tree(&[
        ("tests/e2e/main.rs", "//! mod lost;\nmod sign_in;\npub(crate) mod world;\n"),
        ("tests/e2e/sign_in.rs", "mod device;"),
        ("tests/e2e/sign_in/device.rs", ""),
        ("tests/e2e/world/mod.rs", "#[cfg_attr(windows, path = \"../floor/pipe.rs\")]\nmod floor;"),
        ("tests/e2e/floor/pipe.rs", ""),
        ("tests/e2e/lost.rs", "#[test]\nfn nobody_runs_me() {}"),
        ("tests/e2e/sign_in/browser.rs", ""),
    ]);
    let lost = unreached(&files, &BTreeSet::from(["tests/e2e/main.rs".into()]));
    assert_eq!(lost, ["tests/e2e/lost.rs", "tests/e2e/sign_in/browser.rs"].map(PathBuf::from));
}

#[test]
fn a_python_or_node_test_under_a_name_that_is_not_collected_is_found() {
    let files = tree(&[
        ("tests/airflow/check_fork.py", "class A:\n    def test_a_fork(self): pass\n"),
        ("tests/airflow/test_fork.py", "def test_a_fork(): pass\n"),
        ("tests/airflow/stage.py", "def start(): pass\n"),
        ("tests/idp/rig.mjs", "import { test } from 'node:test';"),
        ("tests/idp/rig.test.mjs", "import { test } from 'node:test';"),
    ]);
    let lost = ["tests/airflow/check_fork.py", "tests/idp/rig.mjs"].map(PathBuf::from);
    assert_eq!(uncollected(&files), lost);
}
