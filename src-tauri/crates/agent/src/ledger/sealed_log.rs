//! A log as it lies on disk, and how it goes on: which one is taken up, when another has to begin, and one
//! checkpoint more.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use dagpass_client::ledger::Lines;
use dagpass_client::ledger::log::{
    Before, Checkpoint, Folder, Growing, Hash, Leaf, State, Tile, Why, leaf_hash, logs_in,
};

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
    /// Which file it is of.
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
        Some((state.file == system::identity_at(ledger).ok()?).then_some(state.length))
    }

    /// Is the ledger still the file that this goes on with, and where it ended the line that ended there?
    pub(super) fn is_of(&self, ledger: &Path) -> io::Result<bool> {
        Ok(system::identity_at(ledger)? == self.file
            && last_leaf(ledger, self.length)? == self.last)
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
        let file = system::identity_at(ledger)?;
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
            let replaced = folder.state()?.is_some_and(|state| state.file != file);
            let why = match ours {
                _ if replaced => Why::FileReplaced,
                // The log that was signed last is not there: the one before it is not gone on with.
                _ if gone => Covered::read(ledger, head)?.err().unwrap_or(Why::FileReplaced),
                false => Why::KeyLost,
                true => match Self::go_on(folder, (head, &found), (ledger, &file), by.1)? {
                    Ok(log) => return Ok(log),
                    Err(why) => why,
                },
            };
            tracing::warn!(why = why.as_str(), "another log of the ledger begins");
            return Self::begin(logs, (number, before(why)), file, by);
        }
        Self::begin(logs, (number, None), file, by)
    }

    /// Behind the log of that number.
    fn begin(
        logs: &Path,
        (number, before): (u64, Option<Before>),
        file: String,
        (signer, step): By<'_>,
    ) -> io::Result<Self> {
        let name: String = random().chars().take(16).collect();
        let key = signer.key(&format!("dagpass.dev/ledger/{name}")).map_err(io::Error::other)?;
        let number =
            number.checked_add(1).ok_or_else(|| io::Error::other("no log has a number left"))?;
        let folder = LogFolder::begin(&logs.join(number.to_string()), key, step)?;
        let (growing, length, last) = (Growing::default(), 0, None);
        Ok(Self { folder, growing, length, last, file, head: None, found: None, before })
    }

    /// By its state where that fits, else by reading the ledger again.
    fn go_on(
        folder: LogFolder,
        (head, found): (&Checkpoint, &Checkpoint),
        (ledger, file): (&Path, &str),
        step: &Step,
    ) -> io::Result<Result<Self, Why>> {
        let state = folder.state()?;
        let whole = |growing, last, length| Self {
            folder: folder.clone(),
            growing,
            length,
            last,
            file: file.to_owned(),
            head: Some(head.clone()),
            found: Some(found.clone()),
            before: None,
        };
        if let Some(state) = state.filter(|state| state.size == head.size)
            && let Some(growing) = folder.growing(head.size)?.filter(|one| one.root() == head.root)
        {
            let last = last_leaf(ledger, state.length)?;
            if last.is_some_and(|last| last.to_string() == state.last) {
                return Ok(Ok(whole(growing, last, state.length)));
            }
        }
        tracing::info!(lines = head.size, "the ledger is read anew for its log");
        let Covered { growing, mut tiles, length, last } = match Covered::read(ledger, head)? {
            Ok(covered) => covered,
            Err(why) => return Ok(Err(why)),
        };
        // What is missing or damaged there is mended by what was signed.
        tiles.extend(growing.partial().map(|(tile, hashes)| (tile, hashes.to_vec())));
        tiles.iter().try_for_each(|(tile, hashes)| folder.write_tile(*tile, hashes, step))?;
        let log = whole(growing, last, length);
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
        let mut leaves = Leaves::from(ledger, self.length, synced)?;
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
    /// Whether on disk or not: they are held against what was signed. Else why they are not that.
    fn read(ledger: &Path, head: &Checkpoint) -> io::Result<Result<Self, Why>> {
        let (mut growing, mut tiles) = (Growing::default(), Vec::new());
        let (mut length, mut last) = (0, None);
        let mut leaves = Leaves::from(ledger, 0, u64::MAX)?;
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

/// Whole lines from one byte of a file up to another, each as a leaf, however long it is.
struct Leaves(Lines<BufReader<io::Take<File>>>);

impl Leaves {
    fn from(ledger: &Path, from: u64, upto: u64) -> io::Result<Self> {
        let mut file = File::open(ledger)?;
        file.seek(SeekFrom::Start(from))?;
        let file = file.take(upto.saturating_sub(from));
        Ok(Self(Lines::of(BufReader::with_capacity(64 * 1024, file))))
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

/// Of the line that ends at that byte. `None` where none does.
pub(super) fn last_leaf(ledger: &Path, upto: u64) -> io::Result<Option<Hash>> {
    let mut file = File::open(ledger)?;
    let start = upto.saturating_sub(LONGEST_LINE);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(upto - start).read_to_end(&mut tail)?;
    if (tail.len() as u64) < upto - start {
        return Ok(None);
    }
    let Some(tail) = tail.strip_suffix(b"\n") else { return Ok(None) };
    let line = tail.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(Some(leaf_hash(line)))
}
