//! A log's folder, written: tiles first, then the checkpoint over them, then where the next one goes on.
//! Whatever stops in between, what stands there is a log: a checkpoint has its tiles, and a state that is
//! behind is not believed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use dagpass_client::ledger::log::{
    Before, CHECKPOINT, CHECKPOINTS, Checkpoint, Folder, Growing, Hash, Note, PRUNED, Release,
    STATE, Shelf, Signature, Signed, State, Tile, VKEY, VerifierKey, first_leaves, split_notes,
};

use crate::system;

/// How far from the end is the newest checkpoint looked for? No note is longer.
const TAIL: u64 = 64 * 1024;
/// And how far the last one that somebody cosigned? Ten thousand checkpoints.
const COSIGNED_TAIL: u64 = 4 * 1024 * 1024;

/// The version of `state.json`.
pub(super) const VERSION: u32 = 1;

/// Asked before each step of writing: a test ends it there, as a kill would.
pub(crate) type Step = Box<dyn Fn(&'static str) -> io::Result<()> + Send + Sync>;

#[derive(Clone)]
pub(super) struct LogFolder {
    path: PathBuf,
    pub(super) key: VerifierKey,
}

impl LogFolder {
    /// Of a log that begins.
    pub(super) fn begin(path: &Path, key: VerifierKey, step: &Step) -> io::Result<Self> {
        step("folder")?;
        if let Some(above) = path.parent() {
            system::private_dir(above)?;
        }
        system::private_dir(path)?;
        if path.join(VKEY).exists() {
            return Err(io::Error::new(ErrorKind::AlreadyExists, "another agent begins this log"));
        }
        step("vkey")?;
        system::write_private(&path.join(VKEY), format!("{key}\n").as_bytes())?;
        Ok(Self { path: path.to_owned(), key })
    }

    /// `None` where its key cannot be read.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let text = Folder(path.to_owned()).read(VKEY)?.unwrap_or_default();
        let key = VerifierKey::parse(&String::from_utf8_lossy(&text)).ok();
        Ok(key.map(|key| Self { path: path.to_owned(), key }))
    }

    /// What was taken away under us is not made again by a part of it.
    fn is_there(&self) -> io::Result<()> {
        fs::metadata(self.path.join(VKEY)).map(|_| ())
    }

    /// Did a crash leave it before its first checkpoint?
    pub(super) fn never_was(path: &Path) -> io::Result<bool> {
        let folder = Folder(path.to_owned());
        Ok(folder.read(CHECKPOINT)?.is_none()
            && split_notes(&folder.read(CHECKPOINTS)?.unwrap_or_default()).0.is_empty())
    }

    /// The newest checkpoint that its key signed. Where a failure left an older one in the place of the
    /// newest, that is made good.
    pub(super) fn head(&self) -> io::Result<Option<Checkpoint>> {
        let newest = Folder(self.path.clone()).read(CHECKPOINT)?.unwrap_or_default();
        let newest = Note::parse(&newest).ok().and_then(|note| self.ours(&note));
        let Some((note, last)) = self.last()? else { return Ok(newest) };
        if newest.as_ref().is_some_and(|newest| newest.size >= last.size) {
            return Ok(newest);
        }
        system::write_private(&self.path.join(CHECKPOINT), note.to_string().as_bytes())?;
        Ok(Some(last))
    }

    /// The last one of all: one that was cosigned late stands behind those that were signed meanwhile.
    fn last(&self) -> io::Result<Option<(Note, Checkpoint)>> {
        let ours = self.tail()?.into_iter().rev().filter_map(|note| {
            let checkpoint = self.ours(&note)?;
            Some((note, checkpoint))
        });
        Ok(ours.reduce(|last, one| if one.1.size > last.1.size { one } else { last }))
    }

    /// The end of all of them. What a crash cut short behind it goes.
    fn tail(&self) -> io::Result<Vec<Note>> {
        let (start, tail) = self.end(TAIL)?;
        let (notes, whole) = split_notes(&tail);
        if whole < tail.len() {
            let file = OpenOptions::new().write(true).open(self.path.join(CHECKPOINTS))?;
            file.set_len(start + whole as u64)?;
            file.sync_all()?;
        }
        Ok(notes.into_iter().flatten().collect())
    }

    /// So many bytes at most, and where they begin.
    fn end(&self, most: u64) -> io::Result<(u64, Vec<u8>)> {
        let mut file = match File::open(self.path.join(CHECKPOINTS)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok((0, Vec::new())),
            file => file?,
        };
        let start = file.metadata()?.len().saturating_sub(most);
        let mut end = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        file.read_to_end(&mut end)?;
        Ok((start, end))
    }

    /// Up to which line each of them cosigned last, by what is kept here. Changes nothing.
    pub(super) fn cosigned_by(&self, witnesses: &[VerifierKey]) -> io::Result<Vec<u64>> {
        let (_, end) = self.end(COSIGNED_TAIL)?;
        let notes: Vec<Note> = split_notes(&end).0.into_iter().flatten().collect();
        let last = |witness| {
            let mut cosigned =
                notes.iter().rev().filter(|note| note.cosigned_at(witness).is_some());
            cosigned.find_map(|note| self.ours(note)).map_or(0, |checkpoint| checkpoint.size)
        };
        Ok(witnesses.iter().map(last).collect())
    }

    /// Over how many lines is the newest checkpoint that so many of them cosigned?
    pub(super) fn cosigned_by_so_many(
        &self,
        witnesses: &[VerifierKey],
        quorum: usize,
    ) -> io::Result<u64> {
        let (_, end) = self.end(COSIGNED_TAIL)?;
        let mut joined: BTreeMap<String, Note> = BTreeMap::new();
        // One that was cosigned later stands there once more.
        for note in split_notes(&end).0.into_iter().flatten() {
            match joined.entry(note.text().to_owned()) {
                Entry::Occupied(mut same) => *same.get_mut() = same.get().joined(&note),
                Entry::Vacant(none) => drop(none.insert(note)),
            }
        }
        let theirs = |note: &&Note| {
            let cosigned = witnesses.iter().filter(|key| note.cosigned_at(key).is_some());
            cosigned.count() >= quorum
        };
        let over = joined.values().filter(theirs).filter_map(|note| self.ours(note));
        Ok(over.map(|checkpoint| checkpoint.size).max().unwrap_or(0))
    }

    /// As others are shown it: what it was signed by goes along.
    pub(super) fn newest(&self) -> io::Result<Option<(Note, Checkpoint)>> {
        let newest = Folder(self.path.clone()).read(CHECKPOINT)?.unwrap_or_default();
        let note = Note::parse(&newest).ok();
        Ok(note.and_then(|note| self.ours(&note).map(|checkpoint| (note, checkpoint))))
    }

    /// What a tree of that size has in a tile.
    pub(super) fn tile(&self, tile: Tile) -> io::Result<Vec<Hash>> {
        let folder = Folder(self.path.clone());
        let bytes = match folder.read(&tile.path())? {
            None => folder.read(&tile.whole().path())?,
            bytes => bytes,
        };
        let hashes = bytes.map(|bytes| tile.hashes(&bytes));
        let damaged = || io::Error::other(format!("{} of the log is damaged", tile.path()));
        hashes.and_then(Result::ok).ok_or_else(damaged)
    }

    /// The first ones, as the tiles have them. `None` where one of those is missing or damaged.
    pub(super) fn leaves(&self, count: u64) -> io::Result<Option<Vec<Hash>>> {
        first_leaves(&Folder(self.path.clone()), count)
    }

    fn ours(&self, note: &Note) -> Option<Checkpoint> {
        let checkpoint = Checkpoint::parse(note.text()).ok()?;
        let signed = note.signed_by(&self.key) == Signed::Yes;
        (signed && checkpoint.origin == self.key.name()).then_some(checkpoint)
    }

    pub(super) fn state(&self) -> io::Result<Option<State>> {
        let bytes = Folder(self.path.clone()).read(STATE)?.unwrap_or_default();
        Ok(serde_json::from_slice(&bytes)
            .ok()
            .filter(|state: &State| state.v == VERSION && state.origin == self.key.name()))
    }

    /// The tree under its newest checkpoint, by the tiles that are not full. `None` where they are not there.
    pub(super) fn growing(&self, size: u64) -> io::Result<Option<Growing>> {
        let folder = Folder(self.path.clone());
        let read = |tile: Tile| -> Result<Vec<Hash>, Option<io::Error>> {
            let bytes = folder.read(&tile.path()).map_err(Some)?.ok_or(None)?;
            tile.hashes(&bytes).map_err(|_| None)
        };
        match Growing::at(size, read) {
            Ok(growing) => Ok(Some(growing)),
            Err(None) => Ok(None),
            Err(Some(error)) => Err(error),
        }
    }

    pub(super) fn write_tile(&self, tile: Tile, hashes: &[Hash], step: &Step) -> io::Result<()> {
        let path = self.path.join(tile.path());
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
        if fs::read(&path).is_ok_and(|found| found == bytes) {
            return Ok(());
        }
        step("tile")?;
        self.is_there()?;
        // One that is there already lies in the log's own, which is private.
        if let Some(folder) = path.parent().filter(|folder| !folder.is_dir()) {
            system::private_dir(folder)?;
        }
        system::write_private(&path, &bytes)?;
        if tile.is_whole() {
            step("partial tiles")?;
            remove_partials(&path)?;
        }
        Ok(())
    }

    pub(super) fn write_checkpoint(
        &self,
        note: &Note,
        state: &State,
        step: &Step,
    ) -> io::Result<()> {
        self.append(&note.to_string(), step)?;
        self.put_newest(note, step)?;
        self.write_state(state, step)
    }

    /// What a witness signed of a checkpoint that stands here already: behind it where that is the last one, else
    /// with it once more; and in the newest where it is that.
    pub(super) fn write_cosigned(
        &self,
        note: &Note,
        signature: &Signature,
        step: &Step,
    ) -> io::Result<()> {
        let is_last = self.tail()?.last().is_some_and(|last| last.text() == note.text());
        let more = match is_last {
            true => signature.to_string(),
            false => note.with([signature.clone()]).to_string(),
        };
        self.append(&more, step)?;
        match self.newest()?.filter(|(newest, _)| newest.text() == note.text()) {
            Some((newest, _)) => self.put_newest(&newest.with([signature.clone()]), step),
            None => Ok(()),
        }
    }

    fn append(&self, text: &str, step: &Step) -> io::Result<()> {
        step("checkpoints")?;
        self.is_there()?;
        let path = self.path.join(CHECKPOINTS);
        if !path.exists() {
            system::write_private(&path, b"")?;
        }
        let mut file = OpenOptions::new().append(true).open(&path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    fn put_newest(&self, note: &Note, step: &Step) -> io::Result<()> {
        step("checkpoint")?;
        self.is_there()?;
        system::write_private(&self.path.join(CHECKPOINT), note.to_string().as_bytes())
    }

    /// What it goes on from, as its first checkpoint names it.
    pub(super) fn follows(&self) -> io::Result<Option<Before>> {
        let bytes = Folder(self.path.clone()).read(CHECKPOINTS)?.unwrap_or_default();
        let first = split_notes(&bytes).0.into_iter().flatten().next();
        let ours = first.filter(|note| note.signed_by(&self.key) == Signed::Yes);
        let checkpoint = ours.and_then(|note| Checkpoint::parse(note.text()).ok());
        Ok(checkpoint.and_then(|checkpoint| checkpoint.before))
    }

    /// How many of the first lines may be gone, as its key signed.
    pub(super) fn released(&self) -> io::Result<u64> {
        let bytes = Folder(self.path.clone()).read(PRUNED)?.unwrap_or_default();
        let release = Note::parse(&bytes).and_then(|note| Release::of(&note, &self.key));
        Ok(release.map_or(0, |release| release.lines))
    }

    /// As [`Release`] says.
    pub(super) fn write_released(&self, note: &Note, step: &Step) -> io::Result<()> {
        step("pruned")?;
        self.is_there()?;
        system::write_private(&self.path.join(PRUNED), note.to_string().as_bytes())
    }

    pub(super) fn write_state(&self, state: &State, step: &Step) -> io::Result<()> {
        step("state")?;
        self.is_there()?;
        let state = serde_json::to_vec(state).map_err(io::Error::other)?;
        system::write_private(&self.path.join(STATE), &state)
    }
}

/// What a whole tile grew out of is not needed any more.
fn remove_partials(tile: &Path) -> io::Result<()> {
    let mut name = tile.file_name().unwrap_or_default().to_owned();
    name.push(".p");
    match fs::remove_dir_all(tile.with_file_name(name)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
