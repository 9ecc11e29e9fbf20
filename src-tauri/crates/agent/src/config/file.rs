//! `config.toml` on disk: read, replaced whole or not at all. A bad file never takes effect; the
//! last good config stays in force and the problems are shown.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use dagpass_client::owner;
use dagpass_client::wire::{ConfigEdit, ConfigProblem, ConfigReply};

use super::edit::{Wrong, edit};
use super::{Config, parse};

/// What is wrong with a file and with those it names, for `config check`: a missing one is, there.
pub fn check_file(path: &Path) -> Vec<ConfigProblem> {
    match fs::read_to_string(path) {
        Ok(text) => match parse(&text, path) {
            Ok(config) => config.problems_of_files(path),
            Err(problems) => problems,
        },
        Err(error) => vec![unreadable(path, &error)],
    }
}

/// The file and the config in force.
#[derive(Debug)]
pub struct ConfigFile {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    good: Arc<Config>,
    text: String,
    problems: Vec<ConfigProblem>,
    stamp: Option<Stamp>,
}

/// Tells a changed file from the one that was read.
type Stamp = (SystemTime, u64);

/// Why a new text was not taken.
#[derive(Debug, thiserror::Error)]
pub enum WriteFailure {
    #[error("the config has {} problems, and what was there stays", .0.len())]
    Problems(Vec<ConfigProblem>),
    #[error(transparent)]
    Edit(#[from] Wrong),
    #[error("the config could not be written: {0}")]
    Io(#[from] io::Error),
}

impl ConfigFile {
    /// Reads the file. None there is an empty config; a bad one is an empty config with problems.
    pub fn open(path: PathBuf) -> Self {
        let file = Self { path, state: Mutex::default() };
        if file.path.exists() {
            file.read_into(&mut file.lock());
        }
        file
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The last good config.
    pub fn current(&self) -> Arc<Config> {
        Arc::clone(&self.lock().good)
    }

    /// What is wrong with the file as it is now; empty where it is in force.
    pub fn problems(&self) -> Vec<ConfigProblem> {
        self.lock().problems.clone()
    }

    /// For `GET /v1/config`.
    pub fn reply(&self) -> ConfigReply {
        let state = self.lock();
        ConfigReply {
            path: self.path.display().to_string(),
            text: state.text.clone(),
            problems: state.problems.clone(),
            warnings: state.good.warnings.clone(),
        }
    }

    /// Looks at the file and reads it where it changed: one `stat` where it did not. `true` where a
    /// new config came into force.
    pub fn reload(&self) -> bool {
        let mut state = self.lock();
        if stamp(&self.path) == state.stamp {
            return false;
        }
        let before = Arc::clone(&state.good);
        self.read_into(&mut state);
        !Arc::ptr_eq(&before, &state.good)
    }

    /// Replaces the file, checked first and whole or not at all. A link stays a link.
    pub fn write(&self, text: &str) -> Result<(), WriteFailure> {
        self.put(&mut self.lock(), text)
    }

    /// Changes some keys of the file as it is on disk now; everything else stays byte for byte. With
    /// `dry_run` nothing is written, and the reply carries what would be wrong.
    pub fn edit(&self, asked: &ConfigEdit) -> Result<ConfigReply, WriteFailure> {
        let mut state = self.lock();
        let before = match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read?,
        };
        let text = edit(&before, &asked.set, &asked.unset)?;
        if asked.dry_run {
            let (problems, warnings) = match parse(&text, &self.path) {
                Ok(config) => (Vec::new(), config.warnings),
                Err(problems) => (problems, Vec::new()),
            };
            let path = self.path.display().to_string();
            return Ok(ConfigReply { path, text, problems, warnings });
        }
        self.put(&mut state, &text)?;
        drop(state);
        Ok(self.reply())
    }

    fn put(&self, state: &mut State, text: &str) -> Result<(), WriteFailure> {
        let config = parse(text, &self.path).map_err(WriteFailure::Problems)?;
        replace(&self.path, text).map_err(|error| owner::named(&self.path, error))?;
        *state = State {
            good: Arc::new(config),
            text: text.to_owned(),
            problems: Vec::new(),
            stamp: stamp(&self.path),
        };
        Ok(())
    }

    fn read_into(&self, state: &mut State) {
        // Before the text: a change in between is then seen at the next look.
        state.stamp = stamp(&self.path);
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            // Some editors move the file away before they write the new one: not an empty config.
            Err(error) => {
                state.problems = vec![unreadable(&self.path, &error)];
                return;
            }
        };
        match parse(&text, &self.path) {
            Ok(config) => {
                state.good = Arc::new(config);
                state.problems = Vec::new();
            }
            Err(problems) => state.problems = problems,
        }
        state.text = text;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unreadable(path: &Path, error: &io::Error) -> ConfigProblem {
    let absent = error.kind() == io::ErrorKind::NotFound;
    ConfigProblem {
        file: path.display().to_string(),
        message: format!("cannot be read: {}", owner::why(path, error)),
        hint: absent.then(|| "run `dagpass init` to make one".to_owned()),
        ..ConfigProblem::default()
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let fresh = folder.join(format!(".config.toml.{}", std::process::id()));
    let written = write_through(&fresh, &target, text).and_then(|()| fs::rename(&fresh, &target));
    if written.is_err()
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
