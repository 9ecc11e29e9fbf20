//! One small JSON file, 0600, written whole. One that cannot be read is put aside under another
//! name and said, so that nobody loses what else is there.

use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::system;

/// Of the files' form.
const VERSION: u32 = 1;

pub(super) struct Kept<T> {
    path: PathBuf,
    value: T,
    changed: bool,
}

#[derive(Serialize, Deserialize)]
struct Written<T> {
    version: u32,
    kept: T,
}

/// A file's next text.
pub(super) struct Text {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Text {
    pub(super) fn write(self) {
        if let Err(error) = system::write_private(&self.path, &self.bytes) {
            tracing::error!(file = %self.path.display(), %error, "not written");
        }
    }
}

impl<T: Default + Serialize + DeserializeOwned> Kept<T> {
    pub(super) fn open(path: PathBuf) -> Self {
        let value = match read(&path) {
            Ok(value) => value,
            Err(error) if error.kind() == io::ErrorKind::NotFound => T::default(),
            Err(error) => {
                put_aside(&path, &error);
                T::default()
            }
        };
        Self { path, value, changed: false }
    }

    pub(super) fn get(&self) -> &T {
        &self.value
    }

    pub(super) fn change(&mut self) -> &mut T {
        self.changed = true;
        &mut self.value
    }

    /// `None` where the file says it already.
    pub(super) fn unwritten(&mut self) -> Option<Text> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        let written = Written { version: VERSION, kept: &self.value };
        match serde_json::to_vec(&written) {
            Ok(bytes) => Some(Text { path: self.path.clone(), bytes }),
            Err(error) => {
                tracing::error!(file = %self.path.display(), %error, "not written");
                None
            }
        }
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let written: Written<T> = serde_json::from_slice(&std::fs::read(path)?)?;
    if written.version != VERSION {
        return Err(io::Error::other(format!("it is of version {}", written.version)));
    }
    Ok(written.kept)
}

fn put_aside(path: &Path, why: &io::Error) {
    let aside = path.with_extension("json.unreadable");
    tracing::error!(
        file = %path.display(), error = %why, aside = %aside.display(),
        "it cannot be read: put aside, and begun anew"
    );
    if let Err(error) = std::fs::rename(path, &aside) {
        tracing::error!(file = %path.display(), %error, "not put aside");
    }
}
