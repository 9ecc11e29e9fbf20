//! `config.toml` on disk: read, replaced whole or not at all. A bad file never takes effect; the
//! last good config stays in force, or none where none was, and the problems are shown.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use dagpass_client::owner;
use dagpass_client::wire::{ConfigEdit, ConfigProblem, ConfigReply};

use super::check_logout::checked;
use super::condition::KnownIds;
use super::edit::{Wrong, edit};
use super::shown::{digest, shown};
use super::{Condition, Config, StoreChoice};

/// What is wrong with a file and with those it names, for `config check`: a missing one is, there.
pub fn check_file(path: &Path) -> Vec<ConfigProblem> {
    match read(path) {
        Ok(text) => match checked(&text, path) {
            Ok(config) => config.problems_of_files(path),
            Err(problems) => problems,
        },
        Err(unread) => vec![unread.problem],
    }
}

/// The file and the config in force.
#[derive(Debug)]
pub struct ConfigFile {
    path: PathBuf,
    /// One at a time reads or writes the file. What it holds may be judged long: the system is asked who tells of
    /// the person.
    turn: Mutex<()>,
    /// Held shortly: every request asks for the config in force.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The last good one, with what is true of the file now.
    config: Arc<Config>,
    /// Was a config ever in force since we started?
    known: bool,
    /// The conn_ids of the config that was last in force, in this life or an earlier one.
    ids: KnownIds,
    text: String,
    problems: Vec<ConfigProblem>,
    stamp: Option<Stamp>,
}

/// What a look at the file found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// Nothing that was not known.
    Same,
    /// It is wrong, or wrong in another way than before.
    Wrong,
    /// A new config came into force.
    InForce,
}

/// Problems and warnings.
type Judged = (Vec<ConfigProblem>, Vec<ConfigProblem>);

/// Tells a changed file from the one that was read.
type Stamp = (SystemTime, u64);

/// Why a new text was not taken.
#[derive(Debug, thiserror::Error)]
pub enum WriteFailure {
    #[error("the config has {} problems, and what was there stays", .0.len())]
    Problems(Vec<ConfigProblem>),
    #[error(transparent)]
    Edit(#[from] Wrong),
    /// The file is another now than the one that the text was made from.
    #[error("another program changed the config meanwhile")]
    Changed,
    #[error("the config could not be written: {0}")]
    Io(#[from] io::Error),
}

impl ConfigFile {
    /// Reads the file. With none there, or a bad one, the config is empty and says why.
    pub fn open(path: PathBuf) -> Self {
        Self::open_after(path, None)
    }

    /// As [`Self::open`]; `ids` are the conn_ids that an earlier life of the agent answered for.
    pub fn open_after(path: PathBuf, ids: Option<BTreeSet<String>>) -> Self {
        let state = State { ids: ids.map(Arc::new), ..State::default() };
        let file = Self { path, turn: Mutex::default(), state: Mutex::new(state) };
        file.read_anew();
        file
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The last good config.
    pub fn current(&self) -> Arc<Config> {
        Arc::clone(&self.lock().config)
    }

    /// `false` where no config was in force since we started: then nothing on disk may change for it.
    pub fn is_known(&self) -> bool {
        self.lock().known
    }

    /// Where refresh tokens shall be, by the last good config. `None`: nobody has said.
    pub fn store(&self) -> Option<StoreChoice> {
        let state = self.lock();
        state.known.then(|| state.config.store.clone())
    }

    /// What the agent answers for; `None` where nobody has said.
    pub fn ids(&self) -> Option<Vec<String>> {
        let state = self.lock();
        state.known.then(|| state.config.connection_ids())
    }

    /// What is wrong with the file as it is now; empty where it is in force.
    pub fn problems(&self) -> Vec<ConfigProblem> {
        self.lock().problems.clone()
    }

    /// For `GET /v1/config`: the file as it stands, also where it comes into force at the next look only.
    pub fn reply(&self) -> ConfigReply {
        let state = self.lock();
        let known = (state.problems.clone(), state.config.told());
        let (last, is_known) = (state.text.clone(), state.known);
        drop(state);
        match read(&self.path) {
            Ok(text) if text == last => self.told(text, known),
            Ok(text) => {
                let judged = self.judged(&text);
                self.told(text, judged)
            }
            // What was last read, to be mended; its place is that of the file which cannot be read.
            Err(unread) => {
                let problems =
                    if unread.absent && !is_known { known.0 } else { vec![unread.problem] };
                let told = self.told(last, (problems, known.1));
                ConfigReply { digest: digest(&bytes(&self.path).unwrap_or_default()), ..told }
            }
        }
    }

    /// What is wrong with such a text, and what may be.
    fn judged(&self, text: &str) -> Judged {
        match checked(text, &self.path) {
            Ok(config) => (Vec::new(), config.told()),
            Err(problems) => (problems, Vec::new()),
        }
    }

    fn told(&self, text: String, (problems, warnings): Judged) -> ConfigReply {
        let (path, shown) = (self.path.display().to_string(), shown(&text));
        let (table, logins, digest) = (shown.table, shown.logins, digest(text.as_bytes()));
        ConfigReply { path, text, digest, table, logins, problems, warnings }
    }

    /// Looks at the file and reads it where it changed: one `stat` where it did not. A wrong one is
    /// read at each look: what mends it may be its mode, or a file that it names.
    pub fn reload(&self) -> Looked {
        let _turn = self.turn();
        let state = self.lock();
        if state.problems.is_empty() && stamp(&self.path) == state.stamp {
            return Looked::Same;
        }
        let before = state.problems.clone();
        drop(state);
        match self.read_anew() {
            true => Looked::InForce,
            false if self.lock().problems == before => Looked::Same,
            false => Looked::Wrong,
        }
    }

    /// What such a text would bring into force.
    pub fn check(&self, text: &str) -> Result<Config, WriteFailure> {
        checked(text, &self.path).map_err(WriteFailure::Problems)
    }

    /// Is the file still the one of that digest?
    pub fn stands(&self, made_from: Option<&str>) -> Result<(), WriteFailure> {
        let Some(made_from) = made_from else { return Ok(()) };
        self.there(Some(made_from)).map(drop)
    }

    /// Replaces the file, checked first and whole or not at all; only the one of the digest `made_from`,
    /// where that is told. A link stays a link.
    pub fn write(&self, text: &str, made_from: Option<&str>) -> Result<(), WriteFailure> {
        let _turn = self.turn();
        let there = self.there(made_from);
        // Where nobody asked what is there, one that cannot be read is replaced too.
        let there = match (there, made_from) {
            (Err(WriteFailure::Io(_)), None) => None,
            (there, _) => Some(there?),
        };
        self.put(text, there.as_deref())
    }

    /// Changes some keys of the file as it is on disk now; everything else stays byte for byte. With
    /// `dry_run` nothing is written, and the reply carries what would be wrong.
    pub fn edit(&self, asked: &ConfigEdit) -> Result<ConfigReply, WriteFailure> {
        let turn = self.turn();
        let there = self.there(asked.digest.as_deref())?;
        let no_text = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        let before = str::from_utf8(&there).map_err(no_text)?;
        let text = edit(before, &asked.set, &asked.unset)?;
        if asked.dry_run {
            let judged = self.judged(&text);
            return Ok(ConfigReply { digest: digest(&there), ..self.told(text, judged) });
        }
        self.put(&text, Some(&there))?;
        drop(turn);
        Ok(self.reply())
    }

    /// The bytes on disk; none where there is no file.
    fn there(&self, made_from: Option<&str>) -> Result<Vec<u8>, WriteFailure> {
        let bytes = bytes(&self.path).map_err(|error| owner::named(&self.path, error))?;
        match made_from.is_none_or(|made_from| made_from == digest(&bytes)) {
            true => Ok(bytes),
            false => Err(WriteFailure::Changed),
        }
    }

    /// In the place of `there` alone, where that is known.
    fn put(&self, text: &str, there: Option<&[u8]>) -> Result<(), WriteFailure> {
        let config = self.check(text)?;
        match replace(&self.path, text, there) {
            Ok(true) => {}
            Ok(false) => return Err(WriteFailure::Changed),
            Err(error) => return Err(owner::named(&self.path, error).into()),
        }
        let mut state = self.lock();
        state.stamp = stamp(&self.path);
        state.take(config, text.to_owned());
        Ok(())
    }

    /// `true` where it is in force. Whoever calls has the turn.
    fn read_anew(&self) -> bool {
        // Before the text: a change in between is then seen at the next look.
        let found = stamp(&self.path);
        let read = read(&self.path).map(|text| (checked(&text, &self.path), text));
        let mut state = self.lock();
        state.stamp = found;
        match read {
            Ok((Ok(config), text)) => {
                state.take(config, text);
                true
            }
            Ok((Err(problems), text)) => {
                state.wrong(problems, Some(text));
                false
            }
            // Some editors move the file away before they write the new one: not an empty config.
            Err(unread) if unread.absent && !state.known => {
                state.absent(&self.path);
                false
            }
            Err(unread) => {
                state.wrong(vec![unread.problem], None);
                false
            }
        }
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, config: Config, text: String) {
        self.ids = Some(Arc::new(config.connection_ids().into_iter().collect()));
        self.config = Arc::new(config);
        self.known = true;
        self.text = text;
        self.problems = Vec::new();
    }

    fn wrong(&mut self, problems: Vec<ConfigProblem>, text: Option<String>) {
        let problem = Box::new(problems.first().cloned().unwrap_or_default());
        let ids = self.ids.clone();
        self.becomes(Condition::Wrong { problem, text: text.as_deref().map(Arc::from), ids });
        self.problems = problems;
        if let Some(text) = text {
            self.text = text;
        }
    }

    fn absent(&mut self, path: &Path) {
        self.becomes(Condition::Absent { path: path.to_owned(), ids: self.ids.clone() });
        self.problems = Vec::new();
    }

    fn becomes(&mut self, condition: Condition) {
        self.config = Arc::new(Config { condition, ..Config::clone(&self.config) });
    }
}

struct Unread {
    absent: bool,
    problem: ConfigProblem,
}

/// None where there is no file.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}

fn read(path: &Path) -> Result<String, Unread> {
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let lines = error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count();
        let problem = ConfigProblem {
            file: path.display().to_string(),
            line: lines + 1,
            message: "is no UTF-8".to_owned(),
            hint: Some("save the file as UTF-8".to_owned()),
            ..ConfigProblem::default()
        };
        Unread { absent: false, problem }
    })
}

fn unreadable(path: &Path, error: &io::Error) -> Unread {
    let absent = error.kind() == io::ErrorKind::NotFound;
    let problem = ConfigProblem {
        file: path.display().to_string(),
        message: format!("cannot be read: {}", owner::why(path, error)),
        hint: absent.then(|| "run `dagpass init` to make one".to_owned()),
        ..ConfigProblem::default()
    };
    Unread { absent, problem }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// `false` where another program changed the file while the new one was written.
fn replace(path: &Path, text: &str, there: Option<&[u8]>) -> io::Result<bool> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let fresh = folder.join(format!(".config.toml.{}", std::process::id()));
    let written = write_through(&fresh, &target, text).and_then(|()| {
        let stays = there.is_none_or(|there| bytes(&target).is_ok_and(|now| now == there));
        if stays { fs::rename(&fresh, &target).map(|()| true) } else { Ok(false) }
    });
    if !matches!(written, Ok(true))
        && let Err(error) = fs::remove_file(&fresh)
    {
        tracing::debug!(%error, "the unfinished config file stays behind");
    }
    written
}

fn write_through(fresh: &Path, target: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(fresh)?;
    if let Ok(metadata) = fs::metadata(target) {
        file.set_permissions(metadata.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
