//! `[audit]` once it was found true.

use dagpass_client::ledger::log::VerifierKey;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

/// When is a record kept well enough for what it tells of to leave?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// The system has it: a crash of ours loses nothing, a loss of power the last seconds.
    #[default]
    Written,
    /// The disk has it.
    Synced,
}

/// How is what a collector is sent made smaller? Both are what one has to take (OTLP 1.x); exporters choose, and the
/// OpenTelemetry Collector's own begins with gzip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    #[default]
    Gzip,
    None,
}

/// Who cosigns the ledger's checkpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Witnesses {
    pub all: Vec<AuditWitness>,
    /// How many of them a checkpoint needs.
    pub quorum: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditWitness {
    /// Without `/add-checkpoint`.
    pub url: Url,
    pub key: VerifierKey,
}
