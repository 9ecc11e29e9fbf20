//! Which folders one person's agent has: where its lock lies, whatever the shell's variables say, and
//! where its files lie. Decides from the environment and from what was found there; makes nothing. The
//! Python client passes the same table, `tests/cases/socket_places.json`.

use std::path::{Path, PathBuf};

use directories::{BaseDirs, ProjectDirs};

use crate::place::{Os, PlaceError};
use crate::system;

/// In the lock's folder: where the files lie, if not beside it.
pub const NOTE: &str = "state-folder";

/// The record of what was signed in, asked for and issued.
pub const LEDGER: &str = "ledger.jsonl";

/// Every agent writes these two. The folder where one was written last is the one in use.
const SIGNS: [&str; 2] = [LEDGER, "connections.json"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    /// The instance lock and record: one for a home folder, since there lie the key files and, on
    /// Linux and macOS, the keychain's own files too.
    pub lock: PathBuf,
    /// The ledger, the store's choice, `connections.json` and whatever else outlives a run.
    pub state: PathBuf,
    /// Where the last release had all of it, by this shell's `XDG_STATE_HOME`.
    pub old: PathBuf,
}

impl Folders {
    /// For this process, from its own environment and what lies there.
    pub fn here() -> Result<Self, PlaceError> {
        let (lock, old) = candidates()?;
        let found = Found::look(&lock, &old);
        Ok(choose(lock, old, &found))
    }

    /// Each once, the lock's own first.
    pub fn all(&self) -> Vec<&Path> {
        let mut all = vec![self.lock.as_path()];
        for folder in [self.state.as_path(), self.old.as_path()] {
            if !all.contains(&folder) {
                all.push(folder);
            }
        }
        all
    }

    /// Where agents of other shells left files in their time, which are not looked at any more.
    pub fn unused(&self) -> Vec<&Path> {
        let left = |folder: &&Path| *folder != self.state && last_use(folder).is_some();
        self.all().into_iter().filter(left).collect()
    }
}

/// The ledger and all else that outlives the agent lie here.
pub fn state_dir() -> Result<PathBuf, PlaceError> {
    Ok(Folders::here()?.state)
}

/// Where a record of the running agent may lie, without a look at the files.
pub(crate) fn of_records() -> Result<Vec<PathBuf>, PlaceError> {
    let (lock, old) = candidates()?;
    Ok(if lock == old { vec![lock] } else { vec![lock, old] })
}

/// The lock's folder, and what the last release took for it.
fn candidates() -> Result<(PathBuf, PathBuf), PlaceError> {
    if system::OS == Os::Windows {
        let dirs = ProjectDirs::from("", "", "dagpass").ok_or(PlaceError::NoHome)?;
        let one = dirs.data_local_dir().to_owned();
        return Ok((one.clone(), one));
    }
    // `HOME`, and the user database only where that is not set.
    let dirs = BaseDirs::new().ok_or(PlaceError::NoHome)?;
    let state_home = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    Ok(places(system::OS, dirs.home_dir(), state_home.as_deref()))
}

fn places(os: Os, home: &Path, state_home: Option<&Path>) -> (PathBuf, PathBuf) {
    if os == Os::MacOs {
        let one = home.join("Library/Application Support/dagpass");
        return (one.clone(), one);
    }
    let lock = home.join(".local/state/dagpass");
    let state_home = state_home.filter(|folder| folder.has_root());
    let old = state_home.map_or_else(|| lock.clone(), |folder| folder.join("dagpass"));
    (lock, old)
}

/// What lies in the folders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Found {
    /// What an agent noted, where that is still a folder.
    noted: Option<PathBuf>,
    /// When an agent last wrote, in the lock's folder and in the old one: epoch nanoseconds.
    used: Option<i128>,
    used_old: Option<i128>,
}

impl Found {
    fn look(lock: &Path, old: &Path) -> Self {
        if lock == old && !lock.join(NOTE).exists() {
            return Self::default();
        }
        let noted = std::fs::read_to_string(lock.join(NOTE)).ok();
        let noted = noted.map(|text| PathBuf::from(text.trim_end_matches('\n')));
        Self {
            noted: noted.filter(|folder| folder.has_root() && folder.is_dir()),
            used: last_use(lock),
            used_old: last_use(old),
        }
    }
}

fn last_use(folder: &Path) -> Option<i128> {
    let written = |name| std::fs::metadata(folder.join(name)).and_then(|file| file.modified()).ok();
    let latest = SIGNS.into_iter().filter_map(written).max()?;
    let since = latest.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i128::try_from(since.as_nanos()).ok()
}

/// What was noted; else where an agent wrote last; else beside the lock, as a sandbox's own folder (a
/// snap's, a Flatpak's) goes when the sandbox does.
fn choose(lock: PathBuf, old: PathBuf, found: &Found) -> Folders {
    let state = match &found.noted {
        Some(noted) => noted.clone(),
        None if found.used_old > found.used => old.clone(),
        None => lock.clone(),
    };
    Folders { lock, state, old }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        name: String,
        os: String,
        env: BTreeMap<String, String>,
        #[serde(default)]
        found: Option<Lies>,
        expect: BTreeMap<String, String>,
    }

    #[derive(Deserialize)]
    struct Lies {
        #[serde(default)]
        noted: Option<PathBuf>,
        #[serde(default)]
        used: BTreeMap<PathBuf, i128>,
    }

    #[test]
    fn every_case_of_the_shared_table_finds_its_folders() {
        let table = include_str!("../../../../tests/cases/socket_places.json");
        let cases: Vec<serde_json::Value> = serde_json::from_str(table).unwrap();
        let cases = cases.into_iter().filter(|case| case.get("found").is_some());
        let cases: Vec<Case> = cases.map(|case| serde_json::from_value(case).unwrap()).collect();
        assert!(cases.len() > 8);
        for case in cases {
            let os = if case.os == "macos" { Os::MacOs } else { Os::Linux };
            let home = Path::new(&case.env["HOME"]);
            let state_home = case.env.get("XDG_STATE_HOME").map(Path::new);
            let (lock, old) = places(os, home, state_home);
            let lies = case.found.unwrap();
            let found = Found {
                noted: lies.noted,
                used: lies.used.get(&lock).copied(),
                used_old: lies.used.get(&old).copied(),
            };
            let folders = choose(lock, old, &found);
            let shown = |path: &Path| path.to_string_lossy().replace('\\', "/");
            assert_eq!(shown(&folders.lock), case.expect["lock"], "{}", case.name);
            assert_eq!(shown(&folders.state), case.expect["state"], "{}", case.name);
            assert_eq!(shown(&folders.old), case.expect["old"], "{}", case.name);
        }
    }

    #[test]
    fn a_note_counts_for_as_long_as_its_folder_stands() {
        let world = tempfile::tempdir().unwrap();
        let (lock, old) = (world.path().join("lock"), world.path().join("old"));
        let noted = world.path().join("noted");
        for folder in [&lock, &old] {
            std::fs::create_dir(folder).unwrap();
        }
        std::fs::write(old.join(SIGNS[0]), "{}").unwrap();
        std::fs::write(lock.join(NOTE), noted.to_str().unwrap()).unwrap();
        let state = || choose(lock.clone(), old.clone(), &Found::look(&lock, &old)).state;
        assert_eq!(state(), old, "the noted folder is gone");
        std::fs::create_dir(&noted).unwrap();
        assert_eq!(state(), noted);
        std::fs::write(lock.join(NOTE), "noted").unwrap();
        assert_eq!(state(), old, "no folder of the working directory's");
    }
}
