//! A log's folder, read: `ledger-log/N` beside the ledger, `N` the higher the later it was begun.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Hash, Tile};

/// Beside `ledger.jsonl`, a folder a log in it.
pub const FOLDER: &str = "ledger-log";
/// The newest checkpoint.
pub const CHECKPOINT: &str = "checkpoint";
/// All of them, one behind the other.
pub const CHECKPOINTS: &str = "checkpoints";
/// Who signs.
pub const VKEY: &str = "vkey";
/// How many of the first lines may be gone: a [`Release`](super::Release), signed.
pub const PRUNED: &str = "pruned";
/// Where the agent goes on.
pub const STATE: &str = "state.json";

/// How long may a file of it be? Checkpoints of a hundred years are shorter.
const LONGEST: u64 = 256 * 1024 * 1024;

/// What a log consists of, by its paths.
pub trait Shelf {
    /// `None` where there is no such file.
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>>;
}

#[derive(Clone, Debug)]
pub struct Folder(pub PathBuf);

impl Shelf for Folder {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.0.join(path)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = Vec::new();
        file.take(LONGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LONGEST {
            return Err(io::Error::new(
                ErrorKind::FileTooLarge,
                format!("{path} is no log's file"),
            ));
        }
        Ok(Some(bytes))
    }
}

/// A log whose heads were taken before the ledger is read: a checkpoint that is signed meanwhile is over lines
/// that nobody saw. Its tiles are as they lie there, they only grow.
#[derive(Clone, Debug)]
pub struct Held {
    folder: Folder,
    heads: [(&'static str, Option<Vec<u8>>); 3],
}

impl Held {
    /// The other way round than they are written, so that none is ahead of one that was written before it.
    fn of(folder: Folder) -> io::Result<Self> {
        let take = |path| folder.read(path).map(|bytes| (path, bytes));
        let heads = [take(STATE)?, take(CHECKPOINT)?, take(CHECKPOINTS)?];
        Ok(Self { folder, heads })
    }
}

impl Shelf for Held {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        match self.heads.iter().find(|(name, _)| *name == path) {
            Some((_, bytes)) => Ok(bytes.clone()),
            None => self.folder.read(path),
        }
    }
}

/// [`logs_in`], with their heads as they are now.
pub fn held_in(state: &Path) -> io::Result<Vec<(u64, Held)>> {
    let logs = logs_in(state)?.into_iter();
    logs.map(|(number, folder)| Ok((number, Held::of(folder)?))).collect()
}

/// The logs beside a ledger, the oldest first.
pub fn logs_in(state: &Path) -> io::Result<Vec<(u64, Folder)>> {
    let entries = match fs::read_dir(state.join(FOLDER)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut logs = Vec::new();
    for entry in entries {
        let entry = entry?;
        let number = entry.file_name().to_str().and_then(|name| name.parse::<u64>().ok());
        logs.extend(number.map(|number| (number, Folder(entry.path()))));
    }
    logs.sort_by_key(|(number, _)| *number);
    Ok(logs)
}

/// The hashes of the first lines, as a log's tiles have them: nobody says yet that they are right. `None` where one
/// of those tiles is missing or damaged.
pub fn first_leaves(log: &impl Shelf, count: u64) -> io::Result<Option<Vec<Hash>>> {
    let mut leaves = Vec::new();
    for tile in Tile::of_level(0, count) {
        let mut found = None;
        // A tree that grew since has a wider one.
        for width in tile.width..=Tile::WIDEST {
            found = log.read(&Tile { width, ..tile }.path())?;
            if found.is_some() {
                break;
            }
        }
        let hashes = found.map(|bytes| tile.hashes(&bytes)).and_then(Result::ok);
        let Some(hashes) = hashes else { return Ok(None) };
        leaves.extend(hashes);
    }
    Ok(Some(leaves))
}

/// How far the newest checkpoint reaches in the file. Believed by nobody: the agent holds it against the
/// file and the checkpoint, and reads the ledger anew where they do not agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub v: u32,
    pub origin: String,
    /// Lines.
    pub size: u64,
    /// Bytes.
    pub length: u64,
    /// The hash of the last of those lines as a leaf, in base64.
    pub last: String,
    /// Which file it was, as the system tells one from another.
    pub file: String,
}
