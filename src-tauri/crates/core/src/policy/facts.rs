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
    pub const DAG: &'static str = "dag_id";
    pub const TASK: &'static str = "task_id";
    pub const RUN: &'static str = "run_id";
    pub const MAP_INDEX: &'static str = "map_index";
    pub const TRY_NUMBER: &'static str = "try_number";
    /// What it is asked for: [`Self::PARSE`] or `try`.
    pub const PURPOSE: &'static str = "purpose";
    /// Of what the agent itself writes.
    pub const KEYCHAIN_ITEM: &'static str = "keychain_item";

    /// A DAG file is read: that is not use.
    pub const PARSE: &'static str = "dag-parse";

    /// The words that have a meaning; any other is only recorded.
    pub const WORDS: [&'static str; 7] = [
        Self::DAG,
        Self::TASK,
        Self::RUN,
        Self::MAP_INDEX,
        Self::TRY_NUMBER,
        Self::PURPOSE,
        Self::KEYCHAIN_ITEM,
    ];

    pub fn get(self, word: &str) -> Option<&'a str> {
        self.0.get(word).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::Declared;

    #[test]
    fn every_word_that_a_caller_may_declare_is_in_the_docs_and_the_provider_says_no_other() {
        let docs = include_str!("../../../../docs/facts.md");
        let provider = include_str!("../../../../airflow/airflow_provider_dagpass/context.py");
        for word in Declared::WORDS {
            assert!(docs.contains(&format!("`{word}`")), "{word}");
        }
        let (_, fields) = provider.split_once("_FIELDS = (").unwrap();
        let (fields, _) = fields.split_once(')').unwrap();
        for field in fields.split(", ") {
            assert!(Declared::WORDS.contains(&field.trim_matches('"')), "{field}");
        }
    }
}
