//! Files that are not ours, or that are named on the command line: written whole or not at all, with the
//! rights they had or for their owner alone.

mod spared;

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use dagpass_client::owner;

use crate::exit::Failure;
use crate::system;
pub(in crate::commands) use spared::spares_ledger;

/// What is there; `None` for no file.
pub(in crate::commands) fn read(file: &Path) -> Result<Option<Vec<u8>>, Failure> {
    match fs::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot_read(file, &error)),
    }
}

/// Of what may be anything, one byte more than that at most: who parses it says that it is too long.
pub(in crate::commands) fn read_up_to(path: &Path, longest: usize) -> Result<Vec<u8>, Failure> {
    first_of(path, longest).map_err(|error| cannot_read(path, &error))
}

/// As [`read_up_to`]; `None` for no file, and for nothing else.
pub(in crate::commands) fn read_up_to_if_there(
    path: &Path,
    longest: usize,
) -> Result<Option<Vec<u8>>, Failure> {
    match first_of(path, longest) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot_read(path, &error)),
    }
}

fn first_of(path: &Path, longest: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(longest as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// As [`read`], for a file that people write.
pub(in crate::commands) fn read_text(file: &Path) -> Result<Option<String>, Failure> {
    let Some(bytes) = read(file)? else { return Ok(None) };
    String::from_utf8(bytes).map(Some).map_err(|error| {
        Failure::new("conflict", format!("{} is no UTF-8", file.display()))
            .because(error.utf8_error())
    })
}

/// A link stays a link: what it points to is edited.
pub(in crate::commands) fn real(file: &Path) -> Result<PathBuf, Failure> {
    if let Ok(real) = fs::canonicalize(file) {
        return Ok(real);
    }
    std::path::absolute(file)
        .map_err(|error| Failure::new("io", "the working folder is not known").because(error))
}

/// A new file for its owner alone: Airflow's config holds keys and passwords, and so do its copies.
pub(in crate::commands) fn keep(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let kept = system::create_private(path).and_then(|mut file| file.write_all(bytes));
    kept.map_err(|error| cannot_write(path, error))
}

/// As [`keep`], for a file that lives for one command: one that is there was left by a process that was killed.
pub(in crate::commands) fn keep_anew(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    remove_leftover(path).map_err(|error| cannot_write(path, error))?;
    keep(path, bytes)
}

pub(in crate::commands) fn replace(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    spared::spares_our_ledger(file)?;
    let written = put(file, |new| write_beside(new, file, bytes));
    written.map_err(|error| cannot_write(file, error))
}

/// For its owner alone, whoever might read what was there. A link stays a link, and a pipe or a device gets
/// the bytes.
pub(in crate::commands) fn replace_private(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    spared::spares_our_ledger(file)?;
    let there = real(file)?;
    let private = |new: &Path| {
        let mut made = system::create_private(new)?;
        made.write_all(bytes)?;
        made.sync_all()
    };
    let written = match fs::metadata(&there) {
        Ok(about) if !about.is_file() => fs::write(&there, bytes),
        Ok(_) | Err(_) => put(&there, private),
    };
    written.map_err(|error| cannot_write(file, error))
}

/// Do both lead to one file, also where there is none yet, or where the system takes no notice of capitals?
pub(in crate::commands) fn are_one(one: &Path, other: &Path) -> Result<bool, Failure> {
    Ok(small(one)? == small(other)?)
}

/// Would it lie in that folder, or deeper in it?
pub(in crate::commands) fn is_within(file: &Path, folder: &Path) -> Result<bool, Failure> {
    Ok(Path::new(&small(file)?).starts_with(small(folder)?))
}

fn small(path: &Path) -> Result<String, Failure> {
    place(path).map(|there| there.to_string_lossy().to_lowercase())
}

/// As [`real`], and where there is nothing yet that of the nearest folder that is there, with what is to come below.
fn place(file: &Path) -> Result<PathBuf, Failure> {
    let there = real(file)?;
    let (mut at, mut below) = (there.as_path(), Vec::new());
    loop {
        let named = if at.as_os_str().is_empty() { Path::new(".") } else { at };
        if let Ok(folder) = fs::canonicalize(named) {
            return Ok(below.iter().rev().fold(folder, |path, name| path.join(name)));
        }
        let (Some(parent), Some(name)) = (at.parent(), at.file_name()) else { return Ok(there) };
        below.push(name);
        at = parent;
    }
}

/// An error where something is there and is not to be replaced, and where the ledger is. A pipe or a device is not:
/// it gets the bytes.
pub(in crate::commands) fn may_be_made(file: &Path, replaces: bool) -> Result<(), Failure> {
    spared::spares_our_ledger(file)?;
    let takes_bytes = fs::metadata(file).is_ok_and(|about| !about.is_file() && !about.is_dir());
    if replaces || takes_bytes || fs::symlink_metadata(file).is_err() {
        return Ok(());
    }
    let what = format!("{} is there already", file.display());
    Err(Failure::new("conflict", what).hint("give another name, or --force to replace it"))
}

/// As [`replace_private`], for what is written bit by bit, and nothing that is there is lost unless it is to be
/// replaced. What is not whole is not left there.
pub(in crate::commands) fn make_private(
    file: &Path,
    replaces: bool,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    may_be_made(file, replaces)?;
    let there = real(file)?;
    let cannot = |error| cannot_write(file, error);
    // A pipe or a device gets the bytes.
    if fs::metadata(&there).is_ok_and(|about| !about.is_file()) {
        let mut to = BufWriter::new(File::options().write(true).open(&there).map_err(cannot)?);
        write(&mut to)?;
        return to.flush().map_err(cannot);
    }
    let mut failed = None;
    let put = put(&there, |new| {
        let mut to = BufWriter::new(system::create_private(new)?);
        let written = write(&mut to).map_err(|failure| {
            failed = Some(failure);
            io::Error::other("it was not written")
        });
        written.and_then(|()| to.flush())?;
        to.get_ref().sync_all()?;
        may_be_made(file, replaces).map_err(|failure| {
            failed = Some(failure);
            io::Error::from(ErrorKind::AlreadyExists)
        })
    });
    put.map_err(|error| failed.unwrap_or_else(|| cannot(error)))
}

/// For a command alone: it has no name any more when this returns, and is gone with us. To write to, and to read.
pub(in crate::commands) fn unnamed(path: &Path) -> Result<(File, File), Failure> {
    let made = || {
        remove_leftover(path)?;
        let made = system::create_private(path)?;
        let read = File::open(path);
        remove_leftover(path)?;
        Ok((made, read?))
    };
    made().map_err(|error| cannot_write(path, error))
}

/// What `write` made beside it takes its place, or is not left there.
fn put(file: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(".dagpass-new");
    let new = PathBuf::from(name);
    remove_leftover(&new)?;
    let written = write(&new).and_then(|()| fs::rename(&new, file));
    if written.is_err() {
        remove_leftover(&new)?;
    }
    written
}

fn write_beside(new: &Path, file: &Path, bytes: &[u8]) -> io::Result<()> {
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

pub(in crate::commands) fn remove(file: &Path) -> Result<(), Failure> {
    fs::remove_file(file).map_err(|error| cannot_write(file, error))
}

pub(in crate::commands) fn create_folder(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| cannot_write(folder, error))
}

pub(in crate::commands) fn cannot_write(path: &Path, error: io::Error) -> Failure {
    let failure = Failure::new("io", format!("{} cannot be written", path.display()));
    failure.because(owner::why(path, &error))
}

fn cannot_read(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::new("io", format!("{} cannot be read", path.display()));
    failure.because(owner::why(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_for_its_owner_alone_and_read_no_further_than_it_may_be_long() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("9.tlog-proof");
        fs::write(&path, "what was there").unwrap();
        replace_private(&path, b"a proof").unwrap();
        assert_eq!(read_up_to(&path, 100).unwrap(), b"a proof");
        assert_eq!(read_up_to(&path, 2).unwrap(), b"a p");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(&path, &link).unwrap();
            replace_private(&link, b"another").unwrap();
            assert_eq!(fs::read_link(&link).unwrap(), path);
            assert_eq!(read_up_to(&path, 100).unwrap(), b"another");
        }
        assert!(replace_private(folder.path(), b"x").is_err(), "a folder");
        let export = folder.path().join("export");
        let made = |replaces: bool, bytes: &'static [u8]| {
            make_private(&export, replaces, |to| {
                to.write_all(bytes).map_err(|e| cannot_write(&path, e))
            })
        };
        made(false, b"first").unwrap();
        assert_eq!(made(false, b"second").unwrap_err().reply.error, "conflict");
        assert_eq!(read_up_to(&export, 100).unwrap(), b"first");
        made(true, b"second").unwrap();
        let no = make_private(&export, true, |to| {
            to.write_all(b"half").map_err(|error| cannot_write(&path, error))?;
            Err(Failure::new("io", "no"))
        });
        assert_eq!(no.unwrap_err().reply.error_description, "no");
        assert_eq!(read_up_to(&export, 100).unwrap(), b"second");
        assert!(!fs::read_dir(folder.path()).unwrap().any(|entry| {
            entry.unwrap().path().extension().is_some_and(|end| end == "dagpass-new")
        }));
        assert!(replace_private(&folder.path().join("none/9"), b"x").is_err());
        assert_eq!(may_be_made(folder.path(), false).unwrap_err().reply.error, "conflict");
        #[cfg(unix)]
        make_private(Path::new("/dev/null"), false, |to| {
            to.write_all(b"gone").map_err(|error| cannot_write(&path, error))
        })
        .unwrap();
    }

    #[test]
    fn two_names_of_one_file_are_one_also_where_there_is_none_yet() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("in")).unwrap();
        fs::write(at("there"), "").unwrap();
        for (one, other, expected) in [
            ("there", "there", true),
            ("there", "in/../there", true),
            ("none", "in/../none", true),
            ("none", "in/none", false),
            ("none", "there", false),
            ("no/folder", "no/folder", true),
            ("none", "NONE", true),
        ] {
            assert_eq!(are_one(&at(one), &at(other)).unwrap(), expected, "{one} {other}");
        }
        for (file, expected) in [
            ("in/none", true),
            ("IN/none", true),
            ("in/../in/a", true),
            ("inner", false),
            ("none", false),
        ] {
            assert_eq!(is_within(&at(file), &at("in")).unwrap(), expected, "{file}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(at("there"), at("link")).unwrap();
            assert!(are_one(&at("link"), &at("there")).unwrap());
        }
    }
}
