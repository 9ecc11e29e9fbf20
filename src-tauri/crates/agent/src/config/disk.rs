//! The bytes of `config.toml`: read as they stand, replaced whole or not at all. What they mean is nobody's here.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

use dagpass_client::owner;
use dagpass_client::wire::ConfigProblem;

/// Tells a changed file from the one that was read.
pub(super) type Stamp = (SystemTime, u64);

/// Why it has no text.
pub(super) struct Unread {
    pub(super) absent: bool,
    pub(super) problem: ConfigProblem,
}

/// None where there is no file.
pub(super) fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}

pub(super) fn read(path: &Path) -> Result<String, Unread> {
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

pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// `false` where another program changed the file while the new one was written.
pub(super) fn replace(path: &Path, text: &str, there: Option<&[u8]>) -> io::Result<bool> {
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
