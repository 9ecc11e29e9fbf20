//! What may lie at the top of the clone, and that what is installed from a registry is pinned.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The visible top level, fixed by the product's owner; dotted files and folders are free.
const TOP: [&str; 9] = [
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE",
    "README.md",
    "src-tauri",
    "ui",
    "tests",
    "icons",
    "target",
];

pub(crate) fn misplaced(top: &[String]) -> Vec<String> {
    top.iter()
        .filter(|name| !name.starts_with('.') && !TOP.contains(&name.as_str()))
        .cloned()
        .collect()
}

/// Manifests without a lock beside them, and locks that leave a version open.
pub(crate) fn unpinned(files: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files {
        let name = path.file_name().unwrap_or_default();
        if name == "package.json" {
            if !files.contains_key(&path.with_file_name("package-lock.json")) {
                found.push(format!("{}: no package-lock.json beside it", path.display()));
            }
            found.extend(open_versions(text).map(|line| format!("{}: {line}", path.display())));
        }
        if name == "go.mod" && !files.contains_key(&path.with_file_name("go.sum")) {
            found.push(format!("{}: no go.sum beside it", path.display()));
        }
        if is_python_lock(path) {
            found.extend(open_lines(text).map(|line| format!("{}: {line}", path.display())));
        }
    }
    found
}

fn is_python_lock(path: &Path) -> bool {
    path.parent().is_some_and(|folder| folder.ends_with("locks"))
        && path.extension().is_some_and(|kind| kind == "txt")
}

/// Lines of a `package.json` that give a range where a version belongs.
fn open_versions(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| {
        let version = line.split("\": \"").nth(1).unwrap_or_default();
        version.starts_with(['^', '~', '*', '>']) && !line.contains("\"node\": ")
    })
}

fn open_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with(['#']) && !line.contains("=="))
}

#[test]
fn a_stranger_at_the_top_is_found() {
    let top = ["Cargo.toml", ".ci", "docs", "tests"].map(str::to_owned);
    assert_eq!(misplaced(&top), ["docs"]);
}

#[test]
fn an_open_version_and_a_missing_lock_are_found() {
    let tree = |files: &[(&str, &str)]| {
        files.iter().map(|(path, text)| (path.into(), (*text).to_owned())).collect()
    };
    let lock = ("idp/package-lock.json", "{}");
    let pinned =
        ("idp/package.json", "\"engines\": {\n\"node\": \">=20\"\n},\n\"jose\": \"6.2.18\"");
    assert_eq!(unpinned(&tree(&[pinned, lock])), [] as [String; 0]);
    assert_eq!(unpinned(&tree(&[pinned])).len(), 1);
    assert_eq!(unpinned(&tree(&[("idp/package.json", "\"jose\": \"^6\""), lock])).len(), 1);
    let module = [("foreign/log/go.mod", "module a"), ("foreign/log/go.sum", "")];
    assert_eq!(unpinned(&tree(&module)), [] as [String; 0]);
    assert_eq!(unpinned(&tree(&module[..1])).len(), 1);
    let requirements = "# a comment\nsix==1.16.0\nurllib3>=2\n--index-url somewhere\n";
    assert_eq!(unpinned(&tree(&[("airflow/locks/three.txt", requirements)])).len(), 2);
}
