//! The config as the panel and `dagpass config` read and replace it: text and problems, no decision.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// `GET /v1/config`, and the answer to every change of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigReply {
    pub path: String,
    pub text: String,
    /// SHA-256 of the file, in hex; of nothing where there is none. A change that names it is made of
    /// this file or not at all.
    pub digest: String,
    /// The tables of `text`, as far as it can be read. What looks like a secret is `***`.
    pub table: Map<String, Value>,
    /// Where in `text` a login stands that is for no screen: its first byte and the one behind it.
    pub logins: Vec<(usize, usize)>,
    pub problems: Vec<ConfigProblem>,
    /// Of the config in force: what may be meant as it stands, and may not. Nothing is refused for it.
    pub warnings: Vec<ConfigProblem>,
    /// The machine's config that is held to: what `text` does not say, it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedConfig>,
}

/// What whoever administers the machine has set for everybody on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ManagedConfig {
    pub path: String,
    /// The keys that are theirs to set, such as `issuer` and `audit`.
    pub locked: Vec<String>,
    /// As [`ConfigReply::table`], of the machine's config.
    pub table: Map<String, Value>,
}

/// `PUT /v1/config`. A text with problems is refused whole (`config_invalid`), and what was there stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigPut {
    pub text: String,
    /// Of the file that it was made from: another one is not replaced (409 `config_changed`). Absent:
    /// whatever is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// `POST /v1/config/preview`: a config that somebody hands out, before it is taken. Nothing is written.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigPreviewAsk {
    /// Where it came from: a file's name, or the https URL that the agent fetches.
    pub source: String,
    /// Absent: the agent fetches `source`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigPreview {
    pub text: String,
    /// What `config check` finds, and what no config that is handed out may hold: secrets, and the
    /// choices of one machine.
    pub problems: Vec<ConfigProblem>,
    pub warnings: Vec<ConfigProblem>,
}

/// What is wrong with a config, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigProblem {
    pub file: String,
    /// From 1; 0 where the problem has no place.
    pub line: usize,
    pub column: usize,
    /// `profile.prod.issuer`.
    pub key: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// `FILE:LINE:COLUMN: KEY: MESSAGE`, which editors can follow.
impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        for number in [self.line, self.column].into_iter().take_while(|number| *number != 0) {
            write!(f, ":{number}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// `POST /v1/config/edit`: some keys of the file, everything else byte for byte as it was. A text with
/// problems is not written: it is refused (`config_invalid`), or, with `dry_run`, shown with them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigEdit {
    /// By the key's whole path: `profile.prod.flow`. An object is a table, whose other keys stay.
    pub set: BTreeMap<String, Value>,
    /// Keys or whole tables that go. One that is not there is gone already.
    pub unset: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// As in [`ConfigPut`]. Absent: the keys go into whatever is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}
