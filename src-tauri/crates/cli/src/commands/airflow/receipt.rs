//! What `setup` changed, kept in the state folder until it is undone: the exact bytes that were there, the
//! digest of what was written, and whether the package was put into an interpreter. Never guesses: a file
//! that was changed since is left alone and named.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::files;
use crate::exit::Failure;

const FOLDER: &str = "airflow-setup";
const FILE: &str = "receipt.json";
/// The layout of a receipt that wired nothing: tables in dagpass's own config.
pub(super) const IMPORT: &str = "import";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Receipt {
    pub(super) version: u32,
    pub(super) layout: String,
    /// What was wired: an airflow.cfg, a file for a shell, or a project's folder.
    pub(super) target: PathBuf,
    pub(super) python: Option<PathBuf>,
    /// The package was not in that interpreter before.
    pub(super) installed: bool,
    pub(super) files: Vec<Kept>,
    #[serde(skip)]
    folder: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) path: PathBuf,
    /// The name of its copy beside the receipt; `None` where there was no file.
    before: Option<String>,
    /// SHA-256 of what was written.
    after: String,
}

/// One file as it is to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) path: PathBuf,
    /// What was there before we first wrote it.
    pub(super) before: Option<Vec<u8>>,
    pub(super) after: Vec<u8>,
}

impl Receipt {
    pub(super) fn new(state: &Path, layout: &str, target: &Path) -> Self {
        let name: String = digest(target.as_os_str().as_encoded_bytes()).chars().take(12).collect();
        Self {
            version: 1,
            layout: layout.to_owned(),
            target: target.to_owned(),
            python: None,
            installed: false,
            files: Vec::new(),
            folder: state.join(FOLDER).join(format!("{layout}-{name}")),
        }
    }

    /// A folder of this receipt's own name in another one of the state folder, for what is no copy.
    pub(super) fn beside(&self, folder: &str) -> PathBuf {
        let name = self.folder.file_name().unwrap_or_default();
        let state = self.folder.ancestors().nth(2).unwrap_or(&self.folder);
        state.join(folder).join(name)
    }

    /// The receipt of an earlier run for the same layout and target.
    pub(super) fn earlier(&self) -> Result<Option<Self>, Failure> {
        load(&self.folder)
    }

    /// Every receipt of a wired Airflow.
    pub(super) fn wirings(state: &Path) -> Result<Vec<Self>, Failure> {
        let mut all = Self::all(state)?;
        all.retain(|receipt| receipt.layout != IMPORT);
        Ok(all)
    }

    /// Every receipt that is kept.
    pub(super) fn all(state: &Path) -> Result<Vec<Self>, Failure> {
        let Ok(entries) = fs::read_dir(state.join(FOLDER)) else { return Ok(Vec::new()) };
        let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        folders.sort();
        folders.iter().filter_map(|folder| load(folder).transpose()).collect()
    }

    /// What stood in `path` before us, where it still is as we wrote it; else what stands there now.
    pub(super) fn base(&self, path: &Path) -> Result<Option<Vec<u8>>, Failure> {
        let present = files::read(path)?;
        match self.files.iter().find(|kept| kept.path == path) {
            Some(kept) if kept.is_as_written(present.as_deref()) => self.before(kept),
            _ => Ok(present),
        }
    }

    /// Keeps what was there, then writes: a run that is killed between can be undone.
    pub(super) fn write(mut self, changes: &[Change]) -> Result<(), Failure> {
        self.remove()?;
        files::create_folder(&self.folder)?;
        for (number, change) in changes.iter().enumerate() {
            let name = change.before.is_some().then(|| format!("before-{number}"));
            if let (Some(name), Some(bytes)) = (&name, &change.before) {
                files::keep(&self.folder.join(name), bytes)?;
            }
            let after = digest(&change.after);
            self.files.push(Kept { path: change.path.clone(), before: name, after });
        }
        self.save()?;
        for change in changes {
            if let Some(folder) = change.path.parent() {
                files::create_folder(folder)?;
            }
            files::replace(&change.path, &change.after)?;
        }
        Ok(())
    }

    /// Puts every file back; the ones that were changed since stay, and their copies with them.
    pub(super) fn restore(&mut self) -> Result<Vec<PathBuf>, Failure> {
        let mut changed = Vec::new();
        for kept in std::mem::take(&mut self.files) {
            let present = files::read(&kept.path)?;
            let before = self.before(&kept)?;
            if present == before {
                continue;
            }
            if !kept.is_as_written(present.as_deref()) {
                changed.push(kept.path.clone());
                self.files.push(kept);
                continue;
            }
            match before {
                Some(bytes) => files::replace(&kept.path, &bytes)?,
                None => files::remove(&kept.path)?,
            }
        }
        Ok(changed)
    }

    /// Forgets it, copies and all.
    pub(super) fn remove(&self) -> Result<(), Failure> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(files::cannot_write(&self.folder, error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    pub(super) fn save(&self) -> Result<(), Failure> {
        let text = serde_json::to_vec_pretty(self);
        let text = text.map_err(|error| Failure::new("io", "no JSON").because(error))?;
        files::replace(&self.folder.join(FILE), &text)
    }

    /// Where the copy of a file lies, for a person who has to look.
    pub(super) fn copy_of(&self, path: &Path) -> Option<PathBuf> {
        let kept = self.files.iter().find(|kept| kept.path == path)?;
        Some(self.folder.join(kept.before.as_ref()?))
    }

    fn before(&self, kept: &Kept) -> Result<Option<Vec<u8>>, Failure> {
        let Some(name) = &kept.before else { return Ok(None) };
        let copy = self.folder.join(name);
        files::read(&copy)?.map(Some).ok_or_else(|| {
            Failure::new("not_found", format!("the copy {} is gone", copy.display()))
        })
    }
}

impl Kept {
    fn is_as_written(&self, present: Option<&[u8]>) -> bool {
        present.is_some_and(|bytes| digest(bytes) == self.after)
    }
}

fn load(folder: &Path) -> Result<Option<Receipt>, Failure> {
    let path = folder.join(FILE);
    let Some(bytes) = files::read(&path)? else { return Ok(None) };
    let receipt: Receipt = serde_json::from_slice(&bytes).map_err(|error| {
        Failure::new("io", format!("{} cannot be read", path.display())).because(error)
    })?;
    Ok(Some(Receipt { folder: folder.to_owned(), ..receipt }))
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
