//! What a rule may rest on, in two types that cannot be mixed: what the system says of who asks, and what
//! the caller says of itself. What the system does not show is absent, and matches nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What the system says of the process at the other end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    pub uid: Option<u32>,
    /// `None` where it cannot be read: a hardened process of the same user, another user's.
    pub executable: Option<Executable>,
    /// From the parent up to the session's leader, nearest first.
    pub parents: Vec<Parent>,
    /// The controlling terminal, by its device's name.
    pub terminal: Option<String>,
    pub cwd: Option<PathBuf>,
    /// The systemd scope or service that it runs in.
    pub cgroup: Option<String>,
}

/// The program of a process: of the file that was opened, not of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executable {
    pub path: PathBuf,
    /// SHA-256 in hex.
    pub sha256: Option<String>,
    pub owner: Option<u32>,
    /// The file and every folder above it are root's, and nobody else may write there.
    pub only_root_writes: bool,
}

/// A process further up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    pub pid: u32,
    pub executable: Option<Executable>,
}

/// What the caller says of itself (DAG, task, run). Recorded; where it is judged, it never opens anything.
#[derive(Clone, Copy, Debug)]
pub struct Declared<'a>(pub &'a BTreeMap<String, String>);

impl<'a> Declared<'a> {
    pub fn get(self, word: &str) -> Option<&'a str> {
        self.0.get(word).map(String::as_str)
    }
}
