//! Files that are named on the command line: read no further than they may be long, written whole or not at
//! all, for their owner alone.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use dagpass_client::owner;

use crate::exit::Failure;
use crate::system;

/// One byte more than that at most: who parses it says that it is too long.
pub(super) fn read(path: &Path, longest: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let limit = longest as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => Err(Failure::new("io", format!("{} cannot be read", path.display()))
            .because(owner::why(path, &error))),
    }
}

/// As private as the ledger whose line it holds.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let written = match fs::canonicalize(path) {
        // A pipe or a device.
        Ok(real) if !real.is_file() => fs::write(path, bytes),
        // A link stays a link.
        Ok(real) => replace(&real, bytes),
        Err(_) => replace(path, bytes),
    };
    written.map_err(|error| {
        Failure::new("io", format!("{} cannot be written", path.display()))
            .because(owner::why(path, &error))
    })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".dagpass-new");
    let new = PathBuf::from(name);
    remove_leftover(&new)?;
    let written = system::create_private(&new).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let written = written.and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        remove_leftover(&new)?;
    }
    written
}

fn remove_leftover(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_for_its_owner_alone_and_read_no_further_than_it_may_be_long() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("9.tlog-proof");
        fs::write(&path, "what was there").unwrap();
        write(&path, b"a proof").unwrap();
        assert_eq!(read(&path, 100).unwrap(), b"a proof");
        assert_eq!(read(&path, 2).unwrap(), b"a p");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(&path, &link).unwrap();
            write(&link, b"another").unwrap();
            assert_eq!(fs::read_link(&link).unwrap(), path);
            assert_eq!(read(&path, 100).unwrap(), b"another");
        }
        assert!(write(folder.path(), b"x").is_err(), "a folder");
        assert!(write(&folder.path().join("none/9"), b"x").is_err());
    }
}
