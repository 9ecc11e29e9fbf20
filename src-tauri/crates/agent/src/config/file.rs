//! `config.toml` on disk: read, replaced whole or not at all. A bad file never takes effect; the
//! last good config stays in force, or none where none was, and the problems are shown.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use dagpass_client::owner;
use dagpass_client::wire::{ConfigEdit, ConfigProblem, ConfigReply};

use super::check_logout::checked;
use super::disk::{bytes, read, replace, stamp};
use super::edit::{Wrong, edit};
use super::in_force::State;
use super::managed::Above;
use super::shown::{digest, shown};
use super::{Config, MachineConfig, Managed, StoreChoice};

/// What is wrong with a file and with those it names, for `config check`: a missing one is, there, unless the
/// machine's config does without.
pub fn check_file(path: &Path, machine: &MachineConfig) -> Vec<ConfigProblem> {
    let above = machine.look(Instant::now());
    if machine.is_at(path) || above.is_shut() {
        return above.problems;
    }
    let Above { good, problems: mut found, .. } = above;
    let text = match read(path) {
        Err(unread) if unread.absent && good.is_some() => Ok(String::new()),
        read => read,
    };
    match text.map(|text| checked(&text, path, good.as_ref())) {
        Ok(Ok(config)) => found.extend(config.problems_of_files()),
        Ok(Err(problems)) => found.extend(problems),
        Err(unread) => found.push(unread.problem),
    }
    found
}

/// What is wrong with a machine's config that does not stand in its place yet. Whose it is does not matter there.
pub fn check_machines(path: &Path) -> Vec<ConfigProblem> {
    match read(path).map(|text| Managed::read(&text, path)) {
        Ok(read) => read.err().unwrap_or_default(),
        Err(unread) => vec![unread.problem],
    }
}

/// The file and the config in force.
#[derive(Debug)]
pub struct ConfigFile {
    path: PathBuf,
    /// What stands above it.
    machine: MachineConfig,
    /// One at a time reads or writes the file. What it holds may be judged long: the system is asked who tells of
    /// the person.
    turn: Mutex<()>,
    /// Held shortly: every request asks for the config in force.
    state: Mutex<State>,
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
    /// Reads the file, on no machine. With none there, or a bad one, the config is empty and says why.
    pub fn open(path: PathBuf) -> Self {
        Self::open_under(MachineConfig::nowhere(), path, None)
    }

    /// As [`Self::open`], under a machine's; `ids` are the conn_ids that an earlier life of the agent answered for.
    pub fn open_under(
        machine: MachineConfig,
        path: PathBuf,
        ids: Option<BTreeSet<String>>,
    ) -> Self {
        let state = State::of(ids.map(Arc::new));
        let file = Self { path, machine, turn: Mutex::default(), state: Mutex::new(state) };
        file.read_anew(file.machine.look(Instant::now()));
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

    /// What is wrong with the file as it is now, and with the machine's; empty where both are in force.
    pub fn problems(&self) -> Vec<ConfigProblem> {
        self.lock().problems()
    }

    /// What stands above the file, as it was last read.
    pub fn above(&self) -> Above {
        self.lock().above.clone()
    }

    /// For `GET /v1/config`: the file as it stands, also where it comes into force at the next look only.
    pub fn reply(&self) -> ConfigReply {
        let state = self.lock();
        let known = (state.problems(), state.config.told());
        let (last, has_file) = (state.text.clone(), state.has_file());
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
                    if unread.absent && !has_file { known.0 } else { vec![unread.problem] };
                let told = self.told(last, (problems, known.1));
                ConfigReply { digest: digest(&bytes(&self.path).unwrap_or_default()), ..told }
            }
        }
    }

    /// What is wrong with such a text, and what may be.
    fn judged(&self, text: &str) -> Judged {
        let mut above = self.above();
        if above.is_shut() {
            return (above.problems, Vec::new());
        }
        match checked(text, &self.path, above.good.as_ref()) {
            Ok(config) => (above.problems, config.told()),
            Err(found) => {
                above.problems.extend(found);
                (above.problems, Vec::new())
            }
        }
    }

    fn told(&self, text: String, (problems, warnings): Judged) -> ConfigReply {
        let (path, shown) = (self.path.display().to_string(), shown(&text));
        let (table, logins, digest) = (shown.table, shown.logins, digest(text.as_bytes()));
        let managed = self.above().good.map(|managed| managed.shown());
        ConfigReply { path, text, digest, table, logins, problems, warnings, managed }
    }

    /// Looks at the file and at the machine's, and reads it where either changed: one `stat` where the file did
    /// not. A wrong one is read at each look: what mends it may be its mode, or a file that it names.
    pub fn reload(&self) -> Looked {
        self.reload_at(Instant::now())
    }

    pub(super) fn reload_at(&self, now: Instant) -> Looked {
        let _turn = self.turn();
        let above = self.machine.look(now);
        let mut state = self.lock();
        let before = state.problems();
        if stamp(&self.path) == state.stamp && state.may_stand_under(&above) {
            return match state.stands_under(above) {
                true => Looked::InForce,
                false if state.problems() == before => Looked::Same,
                false => Looked::Wrong,
            };
        }
        drop(state);
        match self.read_anew(above) {
            true => Looked::InForce,
            false if self.lock().problems() == before => Looked::Same,
            false => Looked::Wrong,
        }
    }

    /// What such a text would bring into force.
    pub fn check(&self, text: &str) -> Result<Config, WriteFailure> {
        let above = self.above();
        if above.is_shut() {
            return Err(WriteFailure::Problems(above.problems));
        }
        checked(text, &self.path, above.good.as_ref()).map_err(WriteFailure::Problems)
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
        state.take(config, text.to_owned(), true);
        Ok(())
    }

    /// `true` where it is in force. Whoever calls has the turn.
    fn read_anew(&self, above: Above) -> bool {
        // Before the text: a change in between is then seen at the next look.
        let found = stamp(&self.path);
        let read = read(&self.path);
        let with_file = read.is_ok();
        let read = match read {
            // Who has no config of their own has the machine's.
            Err(unread) if unread.absent && above.good.is_some() && !self.lock().has_file() => {
                Ok(String::new())
            }
            read => read,
        };
        let read = read.map(|text| (checked(&text, &self.path, above.good.as_ref()), text));
        let mut state = self.lock();
        state.stamp = found;
        let is_shut = above.is_shut();
        state.above = above;
        match read {
            read if is_shut => {
                state.shut(read.ok().map(|(_, text)| text));
                false
            }
            Ok((Ok(config), text)) => {
                state.take(config, text, with_file);
                true
            }
            Ok((Err(problems), text)) => {
                state.wrong(problems, Some(text));
                false
            }
            // Some editors move the file away before they write the new one: not an empty config.
            Err(unread) if unread.absent && !state.has_file() => {
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
