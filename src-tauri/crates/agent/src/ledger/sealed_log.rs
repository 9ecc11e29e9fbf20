//! A log as it lies on disk, and how it goes on: which one is taken up, when another has to begin, and one
//! checkpoint more.

mod release;

use std::fs;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use dagpass_client::ledger::log::{
    Before, Checkpoint, Folder, Growing, Hash, Leaf, State, Tile, Why, leaf_hash, logs_in,
};
use dagpass_client::ledger::{Lines, Reader, Segments};

use super::checkpoint::Signer;
use super::tiles::{LogFolder, Step, VERSION};
use crate::random::random;
use crate::system;

/// How far from its end does a line begin at most?
const LONGEST_LINE: u64 = 256 * 1024;
/// How many tiles are held in memory before they are written?
const AT_ONCE: usize = 64;

/// Then it is read anew before anything is signed.
const NOT_AS_LEFT: &str = "the log is not as it was left: another agent signed, or it was set back";

/// Who signs, and what a test stops.
type By<'a> = (&'a Signer, &'a Step);

pub(super) struct SealedLog {
    folder: LogFolder,
    growing: Growing,
    /// Bytes of the ledger that the tree covers.
    length: u64,
    last: Option<Hash>,
    /// Which file its last line is in.
    file: String,
    head: Option<Checkpoint>,
    /// The newest one that lies in the folder.
    found: Option<Checkpoint>,
    /// What its first checkpoint names.
    before: Option<Before>,
}

impl SealedLog {
    /// How far the newest log says that it reaches in this file, in bytes: not at all where it is of another.
    pub(super) fn reaches(folder: &Path, ledger: &Path) -> Option<Option<u64>> {
        let (_, path) = newest(folder).ok()??;
        let state = LogFolder::open(&path).ok()??.state().ok()??;
        let segments = Segments::of(ledger).ok()?;
        Some((state.file == identity(&segments, state.length).ok()?).then_some(state.length))
    }

    /// Is the ledger still the file that this goes on with, and where it ended the line that ended there?
    pub(super) fn is_of(&self, ledger: &Path) -> io::Result<bool> {
        let segments = Segments::of(ledger)?;
        Ok(identity(&segments, self.length)? == self.file
            && last_leaf(&segments, self.length)? == self.last)
    }

    /// Up to which byte of the ledger the tree reaches.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// What was signed last.
    pub(super) fn head(&self) -> Option<&Checkpoint> {
        self.head.as_ref()
    }

    /// The newest log where it can be gone on with, else another one. `signed` is what this agent signed last:
    /// a folder that was set back behind that does not say any more what it is to go on from.
    pub(super) fn take_up(
        logs: &Path,
        ledger: &Path,
        signed: Option<&Checkpoint>,
        by: By<'_>,
    ) -> io::Result<Self> {
        let segments = &Segments::of(ledger)?;
        // Where it is not there, none is made here.
        system::identity_at(ledger)?;
        // What an agent before us wrote may not be on disk yet.
        system::open_record(ledger)?.sync_data()?;
        let mut number = 0;
        // One that a crash left without a checkpoint never was.
        while let Some((newest, path)) = newest(logs)? {
            number = newest;
            if LogFolder::never_was(&path)? {
                fs::remove_dir_all(&path)?;
                number = newest.saturating_sub(1);
                continue;
            }
            let Some(folder) = LogFolder::open(&path)? else { break };
            let Some(found) = folder.head()? else { break };
            let of_it = signed.is_none_or(|signed| signed.origin == found.origin);
            let gone = !of_it && is_gone(logs, signed)?;
            let behind = |signed: &&Checkpoint| gone || (of_it && signed.size >= found.size);
            let head = signed.filter(behind).unwrap_or(&found);
            let before = |why| {
                let (origin, size, root) = (head.origin.clone(), head.size, head.root);
                Some(Before { origin, size, root, why })
            };
            let ours = by.0.key(&head.origin).is_ok_and(|key| key == folder.key);
            let replaced = match folder.state()? {
                Some(state) => state.file != identity(segments, state.length)?,
                None => false,
            };
            let not_it = || Covered::read(&folder, segments, head);
            let why = match ours {
                // Only the open segment can have been another's: the closed ones are still the ledger's.
                _ if replaced && segments.closed().is_empty() => Why::FileReplaced,
                // The log that was signed last is not there: the one before it is not gone on with.
                _ if gone || replaced => not_it()?.err().unwrap_or(Why::FileReplaced),
                false => Why::KeyLost,
                true => match Self::go_on(folder, (head, &found), segments, by.1)? {
                    Ok(log) => return Ok(log),
                    Err(why) => why,
                },
            };
            tracing::warn!(why = why.as_str(), "another log of the ledger begins");
            return Self::begin(logs, (number, before(why)), segments, by);
        }
        Self::begin(logs, (number, None), segments, by)
    }

    /// Behind the log of that number.
    fn begin(
        logs: &Path,
        (number, before): (u64, Option<Before>),
        segments: &Segments,
        (signer, step): By<'_>,
    ) -> io::Result<Self> {
        // Before anything is made.
        let pruned = pruned_leaves(logs, segments.begin().line)?;
        let name: String = random().chars().take(16).collect();
        let key = signer.key(&format!("dagpass.dev/ledger/{name}")).map_err(io::Error::other)?;
        let number =
            number.checked_add(1).ok_or_else(|| io::Error::other("no log has a number left"))?;
        let folder = LogFolder::begin(&logs.join(number.to_string()), key, step)?;
        let (length, last) = (segments.begin().byte, pruned.last().copied());
        if let Some(before) = &before {
            release::carry_over(logs, before, &folder, (signer, step))?;
        }
        let (growing, file) = (Growing::default(), identity(segments, length)?);
        let (head, found) = (None, None);
        let mut log = Self { folder, growing, length, last, file, head, found, before };
        log.grow(pruned, step)?;
        Ok(log)
    }

    /// By lines whose leaves are known.
    fn grow(&mut self, leaves: Vec<Hash>, step: &Step) -> io::Result<()> {
        let mut tiles = Vec::new();
        for leaf in leaves {
            self.growing.push(leaf, |tile, hashes| tiles.push((tile, hashes.to_vec())));
            if tiles.len() >= AT_ONCE {
                self.write(&mut tiles, step)?;
            }
        }
        self.write(&mut tiles, step)
    }

    /// By its state where that fits, else by reading the ledger again.
    fn go_on(
        folder: LogFolder,
        (head, found): (&Checkpoint, &Checkpoint),
        segments: &Segments,
        step: &Step,
    ) -> io::Result<Result<Self, Why>> {
        let state = folder.state()?;
        let whole = |growing, last, length| {
            Ok::<_, io::Error>(Self {
                folder: folder.clone(),
                growing,
                length,
                last,
                file: identity(segments, length)?,
                head: Some(head.clone()),
                found: Some(found.clone()),
                before: None,
            })
        };
        if let Some(state) = state.filter(|state| state.size == head.size)
            && let Some(growing) = folder.growing(head.size)?.filter(|one| one.root() == head.root)
        {
            let last = last_leaf(segments, state.length)?;
            if last.is_some_and(|last| last.to_string() == state.last) {
                return whole(growing, last, state.length).map(Ok);
            }
        }
        tracing::info!(lines = head.size, "the ledger is read anew for its log");
        let Covered { growing, mut tiles, length, last } =
            match Covered::read(&folder, segments, head)? {
                Ok(covered) => covered,
                Err(why) => return Ok(Err(why)),
            };
        // What is missing or damaged there is mended by what was signed.
        tiles.extend(growing.partial().map(|(tile, hashes)| (tile, hashes.to_vec())));
        tiles.iter().try_for_each(|(tile, hashes)| folder.write_tile(*tile, hashes, step))?;
        let log = whole(growing, last, length)?;
        folder.write_state(&log.state(), step)?;
        Ok(Ok(log))
    }

    /// One checkpoint over every whole line up to that byte; says up to which byte it reaches.
    pub(super) fn seal(
        &mut self,
        ledger: &Path,
        synced: u64,
        (signer, step): By<'_>,
    ) -> io::Result<u64> {
        let segments = Segments::of(ledger)?;
        let mut leaves = Leaves::from(&segments, self.length, synced);
        let mut tiles: Vec<(Tile, Vec<Hash>)> = Vec::new();
        while let Some((leaf, bytes)) = leaves.next()? {
            self.length += bytes;
            self.last = Some(leaf);
            self.growing.push(leaf, |tile, hashes| tiles.push((tile, hashes.to_vec())));
            if tiles.len() >= AT_ONCE {
                self.write(&mut tiles, step)?;
            }
        }
        let size = self.growing.size();
        if self.head.as_ref().map_or(0, |head| head.size) == size {
            return Ok(self.length);
        }
        tiles.extend(self.growing.partial().map(|(tile, hashes)| (tile, hashes.to_vec())));
        self.write(&mut tiles, step)?;
        self.file = identity(&segments, self.length)?;
        let (origin, root) = (self.folder.key.name().to_owned(), self.growing.root());
        let before = self.before.take().filter(|_| self.head.is_none());
        let checkpoint = Checkpoint { origin, size, root, before };
        if self.folder.head()? != self.found {
            return Err(io::Error::other(NOT_AS_LEFT));
        }
        let note = signer.sign(&checkpoint);
        let note = note.ok_or_else(|| io::Error::other("the key signs nothing"))?;
        self.folder.write_checkpoint(&note, &self.state(), step)?;
        self.found = Some(checkpoint.clone());
        self.head = Some(checkpoint);
        tracing::debug!(lines = size, "a checkpoint over the ledger");
        Ok(self.length)
    }

    fn state(&self) -> State {
        State {
            v: VERSION,
            origin: self.folder.key.name().to_owned(),
            size: self.growing.size(),
            length: self.length,
            last: self.last.map(|last| last.to_string()).unwrap_or_default(),
            file: self.file.clone(),
        }
    }

    fn write(&self, tiles: &mut Vec<(Tile, Vec<Hash>)>, step: &Step) -> io::Result<()> {
        let mut each = tiles.drain(..);
        each.try_for_each(|(tile, hashes)| self.folder.write_tile(tile, &hashes, step))
    }
}

/// As many lines as a checkpoint covers, read.
struct Covered {
    growing: Growing,
    tiles: Vec<(Tile, Vec<Hash>)>,
    length: u64,
    last: Option<Hash>,
}

impl Covered {
    /// Whether on disk or not: they are held against what was signed, and so is what the tiles say of those that
    /// were pruned. Else why they are not that.
    fn read(
        log: &LogFolder,
        segments: &Segments,
        head: &Checkpoint,
    ) -> io::Result<Result<Self, Why>> {
        let (mut growing, mut tiles) = (Growing::default(), Vec::new());
        let Some(pruned) = log.leaves(segments.begin().line.min(head.size))? else {
            return Ok(Err(Why::Altered));
        };
        let (mut length, mut last) = (segments.begin().byte, pruned.last().copied());
        for leaf in pruned {
            growing.push(leaf, |tile, hashes| tiles.push((tile, hashes.to_vec())));
        }
        let mut leaves = Leaves::from(segments, length, u64::MAX);
        while growing.size() < head.size {
            let Some((leaf, bytes)) = leaves.next()? else { return Ok(Err(Why::Cut)) };
            length += bytes;
            growing.push(leaf, |tile, hashes| tiles.push((tile, hashes.to_vec())));
            last = Some(leaf);
        }
        let same = growing.root() == head.root;
        Ok(if same { Ok(Self { growing, tiles, length, last }) } else { Err(Why::Altered) })
    }
}

/// Is the log of that checkpoint none of those that lie there?
fn is_gone(logs: &Path, signed: Option<&Checkpoint>) -> io::Result<bool> {
    let Some(signed) = signed else { return Ok(false) };
    for (_, Folder(path)) in logs_in(logs.parent().unwrap_or(logs))? {
        if LogFolder::open(&path)?.is_some_and(|log| log.key.name() == signed.origin) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn newest(logs: &Path) -> io::Result<Option<(u64, PathBuf)>> {
    let state = logs.parent().unwrap_or(logs);
    Ok(logs_in(state)?.pop().map(|(number, Folder(path))| (number, path)))
}

/// Of the lines that were pruned: the hashes that the newest log has which can tell them.
fn pruned_leaves(logs: &Path, count: u64) -> io::Result<Vec<Hash>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    for (_, Folder(path)) in logs_in(logs.parent().unwrap_or(logs))?.into_iter().rev() {
        let Some(log) = LogFolder::open(&path)? else { continue };
        let Some(head) = log.head()?.filter(|head| head.size >= count) else { continue };
        let Some(mut leaves) = log.leaves(head.size)? else { continue };
        let mut growing = Growing::default();
        leaves.iter().for_each(|leaf| growing.push(*leaf, |_, _| ()));
        if growing.root() == head.root {
            leaves.truncate(usize::try_from(count).unwrap_or(usize::MAX));
            return Ok(leaves);
        }
    }
    let what = format!("no log has the hashes of the {count} lines that were pruned any more");
    Err(io::Error::other(what))
}

/// Which file the last of so many bytes is in.
fn identity(segments: &Segments, length: u64) -> io::Result<String> {
    system::identity_at(segments.file_at(length.saturating_sub(1)))
}

/// Whole lines from one byte of the ledger up to another, each as a leaf, however long it is.
struct Leaves(Lines<BufReader<io::Take<Reader>>>);

impl Leaves {
    fn from(segments: &Segments, from: u64, upto: u64) -> Self {
        let from = from.max(segments.begin().byte);
        let read = segments.reader().from(from).take(upto.saturating_sub(from));
        Self(Lines::of(BufReader::with_capacity(64 * 1024, read)))
    }

    /// The next one, and how many bytes its line has with the newline.
    fn next(&mut self) -> io::Result<Option<(Hash, u64)>> {
        let (mut leaf, mut length) = (Leaf::default(), 1);
        let line = self.0.next(|part| {
            leaf.add(part);
            length += part.len() as u64;
        })?;
        Ok(line.filter(|line| line.ended).map(|_| (leaf.hash(), length)))
    }
}

/// Of the line that ends at that byte. `None` where none does, or none that is still here.
pub(super) fn last_leaf(segments: &Segments, upto: u64) -> io::Result<Option<Hash>> {
    let start = upto.saturating_sub(LONGEST_LINE).max(segments.begin().byte);
    let wanted = upto.saturating_sub(start);
    let mut tail = Vec::new();
    segments.reader().from(start).take(wanted).read_to_end(&mut tail)?;
    if (tail.len() as u64) < wanted {
        return Ok(None);
    }
    let Some(tail) = tail.strip_suffix(b"\n") else { return Ok(None) };
    let line = tail.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(Some(leaf_hash(line)))
}
