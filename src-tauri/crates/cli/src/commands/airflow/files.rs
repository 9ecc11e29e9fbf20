//! Files of other people's: read whole, written whole or not at all, with the rights they had.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use dagpass_client::owner;

use crate::exit::Failure;
use crate::system;

/// What is there; `None` for no file.
pub(super) fn read(file: &Path) -> Result<Option<Vec<u8>>, Failure> {
    match fs::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let failure = Failure::new("io", format!("{} cannot be read", file.display()));
            Err(failure.because(owner::why(file, &error)))
        }
    }
}

/// As [`read`], for a file that people write.
pub(super) fn read_text(file: &Path) -> Result<Option<String>, Failure> {
    let Some(bytes) = read(file)? else { return Ok(None) };
    String::from_utf8(bytes).map(Some).map_err(|error| {
        Failure::new("conflict", format!("{} is no UTF-8", file.display()))
            .because(error.utf8_error())
    })
}

/// A link stays a link: what it points to is edited.
pub(super) fn real(file: &Path) -> Result<PathBuf, Failure> {
    if let Ok(real) = fs::canonicalize(file) {
        return Ok(real);
    }
    std::path::absolute(file)
        .map_err(|error| Failure::new("io", "the working folder is not known").because(error))
}

/// A new file for its owner alone: Airflow's config holds keys and passwords, and so do its copies.
pub(super) fn keep(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let kept = system::create_private(path).and_then(|mut file| file.write_all(bytes));
    kept.map_err(|error| cannot_write(path, error))
}

/// As [`keep`], for a file that lives for one command: one that is there was left by a process that was killed.
pub(super) fn keep_anew(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    remove_leftover(path).map_err(|error| cannot_write(path, error))?;
    keep(path, bytes)
}

pub(super) fn replace(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut name = file.as_os_str().to_owned();
    name.push(".dagpass-new");
    let new = PathBuf::from(name);
    let written = write_beside(&new, file, bytes).and_then(|()| fs::rename(&new, file));
    written.map_err(|error| cannot_write(file, error))
}

fn write_beside(new: &Path, file: &Path, bytes: &[u8]) -> io::Result<()> {
    remove_leftover(new)?;
    match fs::metadata(file) {
        Ok(about) => {
            let mut made = system::create_private(new)?;
            made.write_all(bytes)?;
            made.set_permissions(about.permissions())
        }
        // A new file is as any program would make it.
        Err(error) if error.kind() == ErrorKind::NotFound => fs::write(new, bytes),
        Err(error) => Err(error),
    }
}

fn remove_leftover(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(super) fn remove(file: &Path) -> Result<(), Failure> {
    fs::remove_file(file).map_err(|error| cannot_write(file, error))
}

pub(super) fn create_folder(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| cannot_write(folder, error))
}

pub(super) fn cannot_write(path: &Path, error: io::Error) -> Failure {
    let failure = Failure::new("io", format!("{} cannot be written", path.display()));
    failure.because(owner::why(path, &error))
}
