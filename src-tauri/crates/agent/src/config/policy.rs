//! `[policy]` once it was found true: where the file is, and the rules in their short form. What they mean in
//! Cedar is the policy room's to say.

use std::path::PathBuf;
use std::time::Duration;

use dagpass_core::principal::Who;
use dagpass_core::request::Reach;
use schemars::JsonSchema;
use serde::Deserialize;

/// The file's name where the config names none: beside the config.
pub const POLICY_FILE: &str = "policy.cedar";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyConfig {
    /// Named by the config, so that it has to be there.
    pub file: Option<PathBuf>,
    /// In the order of the file.
    pub rules: Vec<PolicyRule>,
    /// Where they stand, if not in the person's config.
    pub rules_file: Option<PathBuf>,
}

impl PolicyConfig {
    /// Wherever in the config it stands.
    pub fn means_the_same(&self, other: &Self) -> bool {
        let bare = |rule: &PolicyRule| PolicyRule { line: 0, ..rule.clone() };
        let rules = |one: &Self| one.rules.iter().map(bare).collect::<Vec<_>>();
        self.file == other.file && rules(self) == rules(other)
    }
}

/// `[[policy.rule]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRule {
    pub id: Option<String>,
    /// Where it stands in the config, from 1.
    pub line: usize,
    pub when: When,
    pub then: Then,
}

/// All of it has to be so. `*` stands for any letters, where that is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// With `*`.
    pub connection: Option<String>,
    /// With `*`.
    pub profile: Option<String>,
    /// With `*`.
    pub deployment: Option<String>,
    /// With `*`.
    pub audience: Option<String>,
    /// With `*`.
    pub env: Option<String>,
    pub scope: Option<String>,
    /// A word of the route table, a group of them, or `*`.
    pub action: Option<String>,
    pub who: Option<Who>,
    pub group: Option<String>,
    /// With `*`.
    pub program: Option<String>,
    /// With `*`.
    pub lane: Option<String>,
    /// What the caller says of itself. With `*`.
    pub dag: Option<String>,
    /// UTC: from the first hour until the second begins.
    pub hours: Option<(u8, u8)>,
    pub signed_in_over: Option<Duration>,
    pub remote: Option<bool>,
    pub reach: Option<Reach>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    /// The rules that stand below it are not for what it matches.
    Allow,
    Ask,
    Deny,
}
