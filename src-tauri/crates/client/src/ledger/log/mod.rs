//! The transparency log over the ledger's lines, in C2SP's formats, so that others' tools read it: what a
//! hash, a tile, a signed note, a checkpoint and a proof are, and whether a ledger is what was signed.
//! Readers are total: any bytes give a value or say what is wrong with them. Nothing here writes a file.
//!
//! A leaf is a line of the file without its newline, the first one is leaf 0 (so leaf `n` is line `n + 1`).
//!
//! 1. [`merkle`]: RFC 6962's tree; [`tile`]: where its hashes lie (tlog-tiles)
//! 2. [`note`]: signed notes and verifier keys; [`checkpoint`]: a note over a tree (tlog-checkpoint)
//! 3. [`consistency`]: one tree goes on from another; [`witness`]: who cosigns that (tlog-witness, tlog-cosignature)
//! 4. [`proof`]: one line in one checkpoint, in a file of its own (tlog-proof); [`span`]: many that follow on one another;
//!    [`release`]: how many lines may be gone
//! 5. [`shelf`]: a log's folder; [`verify`]: a ledger against its logs; [`one_log`]: against one; [`differ`]: which lines differ

mod checkpoint;
mod consistency;
mod differ;
mod merkle;
mod note;
mod one_log;
mod proof;
mod release;
mod shelf;
mod span;
#[cfg(test)]
mod tests;
mod tile;
mod verify;
mod witness;

pub use checkpoint::{Before, Checkpoint, Why};
pub use consistency::{consistency_proof, extends, root_at};
pub use merkle::{Frontier, Hash, Leaf, includes, inclusion_proof, leaf_hash};
pub use note::{Note, Signature, Signed, VerifierKey, split_notes};
pub use proof::Proof;
pub use release::Release;
pub use shelf::{
    CHECKPOINT, CHECKPOINTS, FOLDER, Folder, Held, PRUNED, STATE, Shelf, State, VKEY, first_leaves,
    held_in, logs_in,
};
pub use span::{Span, Tree, Walk};
pub use tile::{Growing, Tile};
pub use verify::{Asked, Break, Judged, Judgement, judge, leaves};
pub use witness::{AddCheckpoint, Cosigned, Cosigner, Refused, held_size, judge_request};

/// What a reader does not accept, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);
