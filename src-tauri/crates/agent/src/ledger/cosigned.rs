//! A log's newest checkpoint as a witness is asked to cosign it, with the proof that the log goes on from what
//! the witness holds, and where its cosignature goes. Reads files alone; what is signed meanwhile is in nobody's
//! way.

use std::io;
use std::path::Path;

use dagpass_client::ledger::log::{
    AddCheckpoint, Checkpoint, Folder, Note, Signature, VerifierKey, consistency_proof, extends,
    logs_in, root_at,
};

use super::tiles::{LogFolder, Step};

/// One that lies on disk.
#[derive(Clone)]
pub(crate) struct Sealed {
    folder: LogFolder,
    pub(crate) note: Note,
    pub(crate) checkpoint: Checkpoint,
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Sealed").field(&self.checkpoint).finish()
    }
}

impl Sealed {
    /// Of the newest log. `None` where nothing was signed in it yet.
    pub(super) fn newest(logs: &Path) -> io::Result<Option<Self>> {
        let state = logs.parent().unwrap_or(logs);
        let Some((_, Folder(path))) = logs_in(state)?.pop() else { return Ok(None) };
        let Some(folder) = LogFolder::open(&path)? else { return Ok(None) };
        let newest = folder.newest()?;
        Ok(newest.map(|(note, checkpoint)| Self { folder, note, checkpoint }))
    }

    /// What a witness is sent that holds the first `old` lines.
    pub(crate) fn request(&self, old: u64) -> io::Result<String> {
        let Checkpoint { size, root, .. } = self.checkpoint;
        let read = |tile| self.folder.tile(tile);
        let proof = consistency_proof(old, size, read)?;
        // Tiles that are not what was signed prove nothing, and are no fork.
        let before = (old, root_at(old, size, read)?);
        if root_at(size, size, read)? != root || !extends(&proof, before, (size, root)) {
            return Err(io::Error::other("the log's tiles are not what was signed"));
        }
        let note = self.note.clone();
        Ok(AddCheckpoint { old, proof, note }.to_string())
    }

    /// Up to which line of its log each of them cosigned, by what was kept.
    pub(crate) fn cosigned_by(&self, witnesses: &[VerifierKey]) -> io::Result<Vec<u64>> {
        self.folder.cosigned_by(witnesses)
    }

    /// The log whose newest one it is.
    pub(super) fn log(&self) -> &LogFolder {
        &self.folder
    }

    /// What a witness signed of it. The sealer holds still meanwhile.
    pub(super) fn keep(&self, signature: &Signature, step: &Step) -> io::Result<()> {
        self.folder.write_cosigned(&self.note, signature, step)
    }
}
