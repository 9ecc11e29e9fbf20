//! The machine's own config: what the person's does not say, it says, and what it locks is not the person's to
//! say. Taken as the machine's policy is, by its place and its owner; the last good one serves for as long as we
//! live, and where there is none nothing is in force.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use dagpass_client::wire::{ConfigProblem, ManagedConfig};
use toml::de::{DeTable, DeValue};

use super::check::{Reading, read};
use super::locks::{LOCKED, Locks};
use super::overlay;
use super::section::Problems;
use super::shown::shown;
use crate::system::{self, MISSED, Writers};

/// In the machine's folder.
const FILE: &str = "config.toml";

/// A machine's config that is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Managed {
    pub path: PathBuf,
    /// The keys that it locks, as it names them.
    pub locked: Vec<String>,
    text: String,
}

impl Managed {
    /// Or all that is wrong with it.
    pub fn read(text: &str, path: &Path) -> Result<Self, Vec<ConfigProblem>> {
        // What stands within another text is no mark of its beginning.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        read(text, path, Reading::Machines)?;
        let (table, _) = DeTable::parse_recoverable(text);
        let named = |value: &DeValue<'_>| {
            let all = value.as_array().into_iter().flatten();
            all.filter_map(|name| name.get_ref().as_str().map(str::to_owned)).collect()
        };
        let locked = table.get_ref().get(LOCKED).map(|value| named(value.get_ref()));
        let (path, locked) = (path.to_owned(), locked.unwrap_or_default());
        Ok(Self { path, locked, text: text.to_owned() })
    }

    pub fn locks(&self, key: &str) -> bool {
        self.locked.iter().any(|one| one == key)
    }

    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// Its text, so that no place in it is one of `own`.
    pub(super) fn behind(&self, own: &str) -> String {
        " ".repeat(own.len() + 1) + &self.text
    }

    /// Finds in `own` what is locked and differs, then puts beneath it what it does not say. `folder` is where
    /// `own` stands, and `behind` as [`Self::behind`] made it.
    pub(super) fn lay_under<'t>(
        &self,
        own: &mut DeTable<'t>,
        behind: &'t str,
        (folder, problems): (&Path, &mut Problems<'t>),
    ) {
        let start = behind.len() - self.text.len();
        problems.and_behind(self.path.display().to_string(), &behind[start..], start);
        // It was read whole before.
        let (theirs, _) = DeTable::parse_recoverable(behind);
        let mut theirs = theirs.into_inner();
        theirs.remove(LOCKED);
        Locks { own, theirs: &theirs, managed: self, folder, problems }.check();
        // Of a store that is locked, a part may be repeated.
        if self.locks("store") {
            own.remove("store");
        }
        overlay::lay(own, theirs, &mut Vec::new());
    }

    pub(super) fn shown(&self) -> ManagedConfig {
        let mut table = shown(&self.text).table;
        table.remove(LOCKED);
        let path = self.path.display().to_string();
        ManagedConfig { path, locked: self.locked.clone(), table }
    }
}

/// Where the machine's config is looked for, and what was found there.
#[derive(Debug)]
pub struct MachineConfig {
    folder: Option<PathBuf>,
    writers: Writers,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// As it was last read.
    seen: Option<Result<String, String>>,
    above: Above,
    /// Since when a file that was there is gone.
    missed: Option<Instant>,
}

/// What stands above a person's config.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Above {
    /// The last good one.
    pub good: Option<Arc<Managed>>,
    /// What is wrong with the file as it is now.
    pub problems: Vec<ConfigProblem>,
    /// What lies in its place is not the machine's, and anybody may have put it there: nobody obeys it.
    pub foreign: Option<ConfigProblem>,
}

impl Above {
    /// What is held to now and was not before, in words.
    pub fn differs(&self, before: &Self) -> Option<String> {
        match (&before.good, &self.good) {
            (before, now) if before == now => None,
            (Some(before), None) => Some(format!("{} was taken away", before.path.display())),
            (_, now) => now.as_ref().map(|now| format!("{} is held to", now.path.display())),
        }
    }

    /// There is one, and none that could be held to.
    pub fn is_shut(&self) -> bool {
        self.good.is_none() && !self.problems.is_empty()
    }
}

impl MachineConfig {
    /// This machine's.
    pub fn here() -> Self {
        Self::in_folder(system::machine_dir(), Writers::Root)
    }

    /// On no machine.
    pub fn nowhere() -> Self {
        Self::in_folder(None, Writers::Root)
    }

    pub(super) fn in_folder(folder: Option<PathBuf>, writers: Writers) -> Self {
        Self { folder, writers, known: Mutex::default() }
    }

    /// Is this where the machine's config stands?
    pub fn is_at(&self, path: &Path) -> bool {
        self.folder.as_ref().is_some_and(|folder| folder.join(FILE) == path)
    }

    /// Reads it, whoever may have changed of it what: its text, its mode, or a folder above it.
    pub fn look(&self, now: Instant) -> Above {
        let folder = self.folder.as_deref();
        let found = folder.and_then(|folder| system::machine_file(self.writers, folder, FILE));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match found {
            None => known.gone(now),
            Some(found) => known.take(&found.path, found.text, found.is_foreign),
        }
        known.above.clone()
    }
}

impl Known {
    fn gone(&mut self, now: Instant) {
        if self.seen.is_none() {
            return;
        }
        let since = *self.missed.get_or_insert(now);
        if now.saturating_duration_since(since) >= MISSED {
            *self = Self::default();
        }
    }

    fn take(&mut self, path: &Path, text: io::Result<String>, is_foreign: bool) {
        self.missed = None;
        let text = text.map_err(|error| error.to_string());
        if self.seen.as_ref() == Some(&text) {
            return;
        }
        let read = text.as_ref().map_err(|why| vec![untaken(path, why)]);
        match read.and_then(|text| Managed::read(text, path)) {
            Ok(good) => self.above = Above { good: Some(Arc::new(good)), ..Above::default() },
            Err(mut problems) if is_foreign => {
                self.above = Above { foreign: problems.pop(), ..Above::default() };
            }
            Err(problems) => self.above = Above { problems, foreign: None, ..self.above.clone() },
        }
        self.seen = Some(text);
    }
}

fn untaken(path: &Path, why: &str) -> ConfigProblem {
    ConfigProblem {
        file: path.display().to_string(),
        message: format!("the machine's config is not taken: {why}"),
        hint: Some("have whoever administers the machine mend it, or take it away".to_owned()),
        ..ConfigProblem::default()
    }
}
