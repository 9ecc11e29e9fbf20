//! Who cosigns the ledger and where its lines go, as it was typed. What it means is `check_witness.rs`'s and
//! `check_ship.rs`'s to say.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::Compression;

/// A witness.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWitness {
    /// Where it is asked, without `/add-checkpoint`: https, or http on this machine.
    #[schemars(with = "String")]
    pub(super) url: Spanned<String>,
    /// Its verifier key, as `dagpass witness key` prints it there.
    #[schemars(with = "String")]
    pub(super) key: Spanned<String>,
}

/// The ledger goes to a collector, in the background: each line once at least, none before it is on disk.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RawShip {
    /// Takes logs by OTLP over HTTP: https, or http on this machine, such as http://127.0.0.1:4318. `/v1/logs` is
    /// added.
    #[schemars(with = "String")]
    pub(super) otlp: Spanned<String>,
    /// A program and its arguments that prints the headers to send, `Name: value` a line: that is where a secret
    /// goes. No shell reads it.
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) headers_command: Option<Spanned<Vec<String>>>,
    /// How what is sent is made smaller: "gzip", or "none" for a collector that takes none.
    #[serde(default)]
    pub(super) compression: Compression,
    /// true: plain http to another machine too. Whoever is on the way reads the lines, and the headers.
    #[serde(default)]
    pub(super) insecure: bool,
}
