//! What a witness keeps, in a folder that is its owner's alone: its key, the logs it knows, what it cosigned
//! last of each, and what it did not cosign of a log's. What is damaged, or gone beside its key, is never begun anew:
//! a witness that forgot would cosign another history.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use dagpass_client::ledger::log::{
    Checkpoint, Cosigned, Cosigner, Hash, Note, VerifierKey, split_notes,
};
use dagpass_client::ledger::{digits, hex};
use dagpass_client::place;

use super::super::files;
use crate::exit::Failure;
use crate::system;

const KEY: &str = "key";
/// A verifier key a line; what begins with `#` is for people.
const LOGS: &str = "logs";
const HELD: &str = "held";
const NEW: &str = "held.new";
const LOCK: &str = "lock";
/// Held while `logs` is read and written, which the one that serves does not do.
const LOGS_LOCK: &str = "logs.lock";

const HEAD: &str = "dagpass witness 1";
/// How long may a file of it be?
const LONGEST: usize = 8 * 1024 * 1024;
/// How much is kept of what was not cosigned, of one log and of all together? Some hundred checkpoints of a log.
const OF_ONE_LOG: usize = 64 * 1024;
const OF_ALL_LOGS: usize = 1024 * 1024;

/// What was cosigned last, by each log's origin.
pub(super) type Held = BTreeMap<String, Cosigned>;

/// What is kept of what was not cosigned. One is no place for the other: whoever has a checkpoint of the log can
/// ask with a proof that is wrong, and its key alone makes two histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotCosigned {
    /// The log signed another history of as many lines as were cosigned: proof against whoever has its key.
    Forked,
    /// It signed more lines than were cosigned, and whoever asked gave no proof that they go on from those.
    Unproved,
}

impl NotCosigned {
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Forked => "refused",
            Self::Unproved => "unproved",
        }
    }
}

/// What became of one that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Now,
    Before,
    /// What is there stays.
    Full,
}

/// Asked before each step of writing: a test ends it there, as a kill would.
pub(super) type Step = Box<dyn Fn(&'static str) -> io::Result<()> + Send + Sync>;

pub(super) struct Folder {
    path: PathBuf,
    step: Step,
}

/// One program at a time cosigns out of a folder.
#[derive(Debug)]
pub(super) struct Alone(#[expect(dead_code, reason = "the lock is its file's, open")] File);

impl Folder {
    pub(super) fn named(path: Option<PathBuf>) -> Result<Self, Failure> {
        let own = || place::state_dir().map(|state| state.join("witness"));
        let path = path.map_or_else(own, Ok);
        let path = path.map_err(|error| Failure::new("no_place", error.to_string()))?;
        Ok(Self::at(path, Box::new(|_| Ok(()))))
    }

    pub(super) fn at(path: PathBuf, step: Step) -> Self {
        Self { path, step }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn lock(&self) -> Result<Alone, Failure> {
        let path = self.path.join(LOCK);
        let file = self.lock_file(LOCK)?;
        match file.try_lock() {
            Ok(()) => Ok(Alone(file)),
            Err(TryLockError::WouldBlock) => {
                let what = format!("another program cosigns out of {}", self.path.display());
                Err(Failure::new("conflict", what).hint("end it, or give another --folder"))
            }
            Err(TryLockError::Error(error)) => Err(files::cannot_write(&path, error)),
        }
    }

    fn lock_file(&self, name: &str) -> Result<File, Failure> {
        system::private_dir(&self.path).map_err(|error| files::cannot_write(&self.path, error))?;
        let path = self.path.join(name);
        let mut open = OpenOptions::new();
        let file = open.create(true).truncate(false).write(true).open(&path);
        file.map_err(|error| files::cannot_write(&path, error))
    }

    /// `None` where it never had one.
    pub(super) fn cosigner(&self) -> Result<Option<Cosigner>, Failure> {
        let Some(text) = self.read(KEY)? else { return Ok(None) };
        Cosigner::parse(&text).map(Some).map_err(|why| self.damaged(KEY, why))
    }

    /// Makes its key. Its name is how others' configs call it.
    pub(super) fn begin(&self, name: Option<&str>) -> Result<Cosigner, Failure> {
        if let Some(cosigner) = self.cosigner()? {
            return Ok(cosigner);
        }
        if self.held()?.is_some_and(|held| !held.is_empty()) {
            return Err(self.damaged(KEY, "it is gone, and what it cosigned is here"));
        }
        let mut seed = [0; 32];
        let mut tail = [0; 8];
        let random = getrandom::fill(&mut seed).and_then(|()| getrandom::fill(&mut tail));
        random.map_err(|error| Failure::new("io", "no random numbers").because(error))?;
        let own = || format!("dagpass.dev/witness/{}", digits(&tail));
        let name = name.map_or_else(own, str::to_owned);
        let cosigner = Cosigner::new(&name, seed)
            .map_err(|why| Failure::usage("this cannot be its name").because(why))?;
        self.persist(&Held::new()).map_err(|error| self.unwritten(HELD, error))?;
        files::replace_private(&self.path.join(KEY), cosigner.secret_text().as_bytes())?;
        system::sync_folder(&self.path).map_err(|error| self.unwritten(KEY, error))?;
        Ok(cosigner)
    }

    pub(super) fn logs(&self) -> Result<Vec<VerifierKey>, Failure> {
        let text = self.read(LOGS)?.unwrap_or_default();
        let lines = text.lines().map(str::trim);
        let keys = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys = keys.map(VerifierKey::parse).collect::<Result<Vec<_>, _>>();
        keys.map_err(|why| self.damaged(LOGS, why))
    }

    /// `false` where it was known.
    pub(super) fn add(&self, key: &VerifierKey) -> Result<bool, Failure> {
        let alone = self.lock_file(LOGS_LOCK)?;
        alone.lock().map_err(|error| self.unwritten(LOGS_LOCK, error))?;
        let known = self.logs()?;
        if known.contains(key) {
            return Ok(false);
        }
        if known.iter().any(|other| other.name() == key.name()) {
            let what = format!("{} is known by another key", key.name());
            let hint = format!("take its line out of {} first", self.path.join(LOGS).display());
            return Err(Failure::new("conflict", what).hint(hint));
        }
        let mut text = self.read(LOGS)?.unwrap_or_default();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&format!("{key}\n"));
        files::replace_private(&self.path.join(LOGS), text.as_bytes())?;
        Ok(true)
    }

    /// `None` where nothing was ever kept here.
    pub(super) fn held(&self) -> Result<Option<Held>, Failure> {
        let Some(text) = self.read(HELD)? else {
            return match self.read(KEY)?.is_some() {
                true => Err(self.damaged(HELD, "it is gone, and the key is here")),
                false => Ok(None),
            };
        };
        parse(&text).map(Some).ok_or_else(|| self.damaged(HELD, "it is not as it was written"))
    }

    /// On disk when this returns, or else what was there before may be.
    pub(super) fn persist(&self, held: &Held) -> io::Result<()> {
        let (new, path) = (self.path.join(NEW), self.path.join(HELD));
        (self.step)("write")?;
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut file = system::create_private(&new)?;
        file.write_all(shown(held).as_bytes())?;
        (self.step)("sync")?;
        file.sync_all()?;
        drop(file);
        (self.step)("rename")?;
        fs::rename(&new, &path)?;
        (self.step)("folder")?;
        system::sync_folder(&self.path)?;
        (self.step)("answer")
    }

    /// `note`: as the log's key alone signed it. Once, up to a length: the first ones stay.
    pub(super) fn keep(&self, why: NotCosigned, note: &Note) -> Result<Kept, Failure> {
        let mut text = self.read(why.file())?.unwrap_or_default();
        let origin = |note: &Note| Checkpoint::parse(note.text()).ok().map(|one| one.origin);
        let (ours, notes) = (origin(note), split_notes(text.as_bytes()).0);
        let of_it = notes.into_iter().flatten().filter(|one| origin(one) == ours);
        let mut length = 0;
        for one in of_it {
            if one.text() == note.text() {
                return Ok(Kept::Before);
            }
            length += one.to_string().len();
        }
        let note = note.to_string();
        if length + note.len() > OF_ONE_LOG || text.len() + note.len() > OF_ALL_LOGS {
            return Ok(Kept::Full);
        }
        text.push_str(&note);
        files::replace_private(&self.path.join(why.file()), text.as_bytes())?;
        Ok(Kept::Now)
    }

    fn read(&self, name: &str) -> Result<Option<String>, Failure> {
        let path = self.path.join(name);
        let Some(bytes) = files::read_up_to_if_there(&path, LONGEST)? else { return Ok(None) };
        let text = String::from_utf8(bytes).ok().filter(|text| text.len() <= LONGEST);
        text.map(Some).ok_or_else(|| self.damaged(name, "it is no text of a witness"))
    }

    fn damaged(&self, name: &str, why: impl ToString) -> Failure {
        let path = self.path.join(name);
        let what = format!("{} is damaged: nothing is cosigned by it", path.display());
        Failure::new("witness_damaged", what).because(why).hint(
            "put a backup of the whole folder back that is not older than the last cosignature, or begin \
             with another --folder and another key, and say so to whoever relies on this one",
        )
    }

    fn unwritten(&self, name: &str, error: io::Error) -> Failure {
        files::cannot_write(&self.path.join(name), error)
    }
}

fn shown(held: &Held) -> String {
    let line = |(origin, Cosigned { size, root }): (&String, &Cosigned)| {
        format!("{origin} {size} {root}\n")
    };
    let text = format!("{HEAD}\n{}", held.iter().map(line).collect::<String>());
    format!("{text}{}\n", hex(text.as_bytes()))
}

fn parse(text: &str) -> Option<Held> {
    let (lines, sum) = text.strip_suffix('\n')?.rsplit_once('\n')?;
    let lines = format!("{lines}\n");
    if hex(lines.as_bytes()) != sum {
        return None;
    }
    let line = |line: &str| {
        let mut words = line.split(' ');
        let (origin, size) = (words.next()?, words.next()?.parse().ok()?);
        let root = Hash::from_base64(words.next()?).ok()?;
        words.next().is_none().then(|| (origin.to_owned(), Cosigned { size, root }))
    };
    lines.strip_prefix(HEAD)?.strip_prefix('\n')?.lines().map(line).collect()
}
