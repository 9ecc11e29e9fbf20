//! The clone as values: its crates from `cargo metadata`, its texts from the disk. Decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::fences::{Crate, Need};

/// Folders that are made, not written.
const MADE: [&str; 9] = [
    "target",
    ".git",
    "node_modules",
    "__pycache__",
    ".venv",
    "gen",
    ".pytest_cache",
    ".ruff_cache",
    ".mypy_cache",
];

#[derive(Debug)]
pub(crate) struct Clone {
    pub(crate) crates: Vec<Crate>,
    /// Where each crate, program and test binary begins.
    pub(crate) roots: BTreeSet<PathBuf>,
    /// Every text by its path from the top.
    pub(crate) files: BTreeMap<PathBuf, String>,
    pub(crate) top: Vec<String>,
}

impl Clone {
    pub(crate) fn read() -> Self {
        let root = root();
        let metadata = metadata(&["--no-deps"]);
        let packages = metadata["packages"].as_array().unwrap();
        let targets = packages.iter().flat_map(|package| package["targets"].as_array().unwrap());
        let mut files = BTreeMap::new();
        texts(root, &mut files);
        Self {
            crates: packages.iter().map(a_crate).collect(),
            roots: targets.map(|target| from_top(Path::new(text(&target["src_path"])))).collect(),
            files,
            top: names(root),
        }
    }
}

/// Who needs whom in the whole graph of this system, tests apart.
pub(crate) fn edges() -> Vec<(String, String)> {
    let host = Command::new("rustc").args(["--print", "host-tuple"]).output().unwrap().stdout;
    let host = String::from_utf8(host).unwrap();
    let metadata = metadata(&["--filter-platform", host.trim()]);
    let names: BTreeMap<&str, &str> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    let mut edges = Vec::new();
    for node in metadata["resolve"]["nodes"].as_array().unwrap() {
        for need in node["deps"].as_array().unwrap() {
            let linked =
                need["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null());
            if linked {
                let (from, to) = (names[text(&node["id"])], names[text(&need["pkg"])]);
                edges.push((from.to_owned(), to.to_owned()));
            }
        }
    }
    edges
}

/// What is switched on in a crate of the graph, in a build of everything.
pub(crate) fn switched_on(name: &str) -> Vec<String> {
    let metadata = metadata(&[]);
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let ours = nodes.iter().filter(|node| {
        text(&node["id"]).contains(&format!("/{name}@"))
            || text(&node["id"]).contains(&format!("#{name}@"))
    });
    ours.flat_map(|node| node["features"].as_array().unwrap())
        .map(|feature| text(feature).to_owned())
        .collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn metadata(more: &[&str]) -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let told = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(more)
        .current_dir(root())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{said}\n`cargo fetch --locked` once gets what is missing");
    serde_json::from_slice(&told.stdout).unwrap()
}

fn a_crate(package: &Value) -> Crate {
    let needs = package["dependencies"].as_array().unwrap().iter().map(|need| Need {
        name: text(&need["name"]).to_owned(),
        only_for_tests: need["kind"] == "dev",
    });
    Crate {
        name: text(&package["name"]).to_owned(),
        features: package["features"].as_object().unwrap().keys().cloned().collect(),
        needs: needs.collect(),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn texts(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for name in names(folder) {
        let path = folder.join(&name);
        if path.is_dir() && !path.is_symlink() {
            if !MADE.contains(&name.as_str()) {
                texts(&path, found);
            }
        } else if let Ok(text) = fs::read_to_string(&path) {
            found.insert(from_top(&path), text);
        }
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

fn from_top(path: &Path) -> PathBuf {
    path.strip_prefix(root()).unwrap().to_owned()
}
