//! What is in a pack: each file with its digest, and what the pack says of itself. Its own digest is what is
//! signed.

use dagpass_client::ledger::hex;
use serde::{Deserialize, Serialize};

use super::model::Model;
use super::parts::Parts;

pub(super) const MANIFEST: &str = "manifest.json";
/// What every pack is.
pub(super) const TITLE: &str = "What this agent issued";
/// What the log's key signed of it.
pub(super) const NOTE: &str = "manifest.note";
/// The period's lines as they stand in the ledger.
pub(super) const LINES: &str = "ledger/lines.jsonl";
/// In a pseudonymous pack: their hashes, one a line.
pub(super) const LEAVES: &str = "ledger/leaves.txt";

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) v: u32,
    pub(super) title: String,
    /// The program that made it.
    pub(super) product: String,
    pub(super) made_at: String,
    /// As the machine and the environment name themselves.
    pub(super) machine: String,
    pub(super) account: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) controls: Vec<String>,
    pub(super) pseudonymous: bool,
    /// Is there a signature over this file?
    pub(super) signed: bool,
    /// Of the ledger's file, counted from 1.
    pub(super) first_line: u64,
    pub(super) lines: u64,
    /// Behind which line the pack proves them, and up to which one a checkpoint is over them.
    pub(super) proved_behind: u64,
    pub(super) covered: u64,
    pub(super) records: u64,
    pub(super) gaps: u64,
    pub(super) files: Vec<File>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl Manifest {
    pub(super) const VERSION: u32 = 1;

    pub(super) fn of(model: &Model, parts: &Parts) -> Self {
        let asked = &model.asked;
        let (from, to) = model.lines;
        Self {
            v: Self::VERSION,
            title: TITLE.to_owned(),
            product: product(),
            made_at: asked.made.to_string(),
            machine: asked.machine.clone(),
            account: asked.account.clone(),
            from: asked.period.from.to_string(),
            to: asked.period.to.to_string(),
            controls: asked.controls.iter().map(|control| control.id.to_owned()).collect(),
            pseudonymous: model.pseudonymous,
            signed: asked.signed,
            first_line: from + 1,
            lines: to - from,
            proved_behind: model.proved_behind,
            covered: model.covered.clamp(from, to),
            records: model.tables.records(),
            gaps: model.gaps.len() as u64,
            files: parts
                .iter()
                .map(|(name, part)| File {
                    name: name.to_owned(),
                    bytes: part.bytes,
                    sha256: part.sha256.clone(),
                })
                .collect(),
        }
    }

    pub(super) fn text(&self) -> String {
        format!("{}\n", serde_json::to_string_pretty(self).unwrap_or_default())
    }
}

impl File {
    pub(super) fn of(name: &str, bytes: &[u8]) -> Self {
        Self { name: name.to_owned(), bytes: bytes.len() as u64, sha256: hex(bytes) }
    }
}

pub(super) fn product() -> String {
    concat!("dagpass ", env!("CARGO_PKG_VERSION")).to_owned()
}
