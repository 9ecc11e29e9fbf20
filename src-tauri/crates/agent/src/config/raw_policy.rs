//! A rule of `[policy]` as it was typed. What it means is `check_policy.rs`'s to say.

use dagpass_core::principal::Who;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use toml::Spanned;

use super::policy::Then;

/// A rule. An `allow` frees what it matches from the rules below it; among the rest, deny beats ask.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    /// By what the record names it; else its place in the file.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) id: Option<Spanned<String>>,
    /// All of it has to be so.
    pub(super) when: RawWhen,
    #[schemars(with = "Then")]
    pub(super) then: Spanned<Then>,
}

/// `*` stands for any letters, but in `scope` and `group`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(super) struct RawWhen {
    #[schemars(with = "Option<String>")]
    pub(super) connection: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub(super) profile: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub(super) deployment: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub(super) audience: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub(super) env: Option<Spanned<String>>,
    /// Among those that are asked for; a request for the whole grant asks for each.
    #[schemars(with = "Option<String>")]
    pub(super) scope: Option<Spanned<String>>,
    /// A word of `dagpass policy schema`; "tokens" (where none is named), "looks", "deeds" or "*".
    #[schemars(with = "Option<String>")]
    pub(super) action: Option<Spanned<String>>,
    /// Who asks.
    #[schemars(schema_with = "who")]
    pub(super) who: Option<Who>,
    /// That the person is in, by the last sign-in.
    #[schemars(with = "Option<String>")]
    pub(super) group: Option<Spanned<String>>,
    /// The path of the program that runs. Of a Python program that is Python's.
    #[schemars(with = "Option<String>")]
    pub(super) program: Option<Spanned<String>>,
    /// The lane that the caller is in. Whoever nobody sees the origin of may be in any.
    #[schemars(with = "Option<String>")]
    pub(super) lane: Option<Spanned<String>>,
    /// What the caller says of itself: it narrows, and never opens.
    #[schemars(with = "Option<String>")]
    pub(super) dag: Option<Spanned<String>>,
    /// "8-18" or "18-8", in UTC.
    #[schemars(with = "Option<String>")]
    pub(super) hours: Option<Spanned<String>>,
    /// "8h": longer ago did the person prove who they are, or nobody knows when.
    #[schemars(with = "Option<String>")]
    pub(super) signed_in_over: Option<Spanned<String>>,
    /// The process that asks runs on another machine.
    pub(super) remote: Option<bool>,
    /// Does the caller name what the config does not?
    pub(super) reach: Option<RawReach>,
}

fn who(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "null"], "enum": Who::ALL.map(Who::as_str) })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawReach {
    Named,
    Within,
    Beyond,
}
