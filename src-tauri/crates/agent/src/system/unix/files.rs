//! A file's state, whose it is, and who may put another in its place.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::OFlags;

use super::own_uid;
use crate::system::Writers;

/// By device, inode, size, and the times of writing and of any change: the last one nobody sets.
pub(in crate::system) type Version = [i64; 7];

/// For how long may a file be written to again without its times telling of it? They are no finer than the
/// kernel's tick, and a disk elsewhere has coarser ones.
const SETTLED: Duration = Duration::from_secs(3);

/// Who may write, apart from the owner.
const OTHERS_WRITE: u32 = 0o022;
/// Everybody may write, and take away what is his own alone.
const SHARED: u32 = 0o1002;
const ROOT: u32 = 0;

pub(in crate::system) fn version(found: &Metadata) -> Version {
    [
        found.dev().cast_signed(),
        found.ino().cast_signed(),
        found.len().cast_signed(),
        found.mtime(),
        found.mtime_nsec(),
        found.ctime(),
        found.ctime_nsec(),
    ]
}

/// Would any later change be seen by its version?
pub(in crate::system) fn is_settled(found: &Metadata) -> bool {
    let changed = u64::try_from(found.ctime()).unwrap_or(u64::MAX);
    let changed = UNIX_EPOCH.checked_add(Duration::from_secs(changed));
    let age = changed.and_then(|changed| SystemTime::now().duration_since(changed).ok());
    age.is_some_and(|age| age >= SETTLED)
}

/// Does this path lead to that very file? In a namespace of its own a process may have another one there.
pub(in crate::system) fn stands_at(path: &Path, found: &Metadata) -> bool {
    let there = fs::metadata(path);
    there.is_ok_and(|there| (there.dev(), there.ino()) == (found.dev(), found.ino()))
}

pub(in crate::system) fn owner(found: &Metadata) -> Option<u32> {
    Some(found.uid())
}

/// The file and every folder above it are root's, and nobody else may write there. An access list's rights
/// show in the group's.
pub(in crate::system) fn only_root_writes(path: &Path, found: &Metadata) -> bool {
    belongs_to(path, found, &[ROOT])
}

/// `path` is as it was named, `found` where its links lead to: whoever may write above either of them may put
/// another file there.
pub(in crate::system) fn check_writers(
    writers: Writers,
    path: &Path,
    (found, metadata): (&Path, &Metadata),
) -> io::Result<()> {
    let us = own_uid().filter(|_| writers == Writers::RootOrUs);
    let owners: Vec<u32> = [ROOT].into_iter().chain(us).collect();
    let folder = path.parent().unwrap_or(Path::new("/")).canonicalize()?;
    let of_folder = fs::symlink_metadata(&folder)?;
    let closed = belongs_to(found, metadata, &owners) && belongs_to(&folder, &of_folder, &owners);
    if closed && metadata.is_file() {
        return Ok(());
    }
    let who = if us.is_some() { "root and its user" } else { "root" };
    let why = format!("others than {who} may write to {}, or above it", path.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}

/// Of what was put there meanwhile and is no file, opening does not wait for another program.
pub(in crate::system) fn open_at_once(path: &Path) -> io::Result<fs::File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    fs::OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Our own is not, but where everybody is to share it.
pub(in crate::system) fn is_anybodys(folder: &Path) -> bool {
    let Ok(found) = fs::metadata(folder) else { return false };
    let (mode, uid) = (found.mode(), found.uid());
    let (is_shared, is_ours) = (mode & SHARED == SHARED, Some(uid) == own_uid());
    is_shared || (!is_ours && (uid != ROOT || mode & OTHERS_WRITE != 0))
}

/// The file and every folder above it are one of these users', and nobody else may write there. The path
/// has no links in it.
pub(in crate::system) fn belongs_to(path: &Path, found: &Metadata, owners: &[u32]) -> bool {
    let closed = |found: &Metadata| {
        owners.contains(&found.uid()) && found.mode() & OTHERS_WRITE == 0 && !found.is_symlink()
    };
    let folders = path.ancestors().skip(1);
    let above = |folder: &Path| fs::symlink_metadata(folder).is_ok_and(|found| closed(&found));
    path.is_absolute() && closed(found) && folders.into_iter().all(above)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::system::{closed_folder, read_of, read_text};

    #[test]
    fn a_file_that_somebody_else_may_have_written_is_not_read() {
        let world = closed_folder();
        let folder = world.path().join("a");
        let mode = |path: &Path, mode: u32| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        fs::create_dir(&folder).unwrap();
        mode(&folder, 0o755);
        let file = folder.join("policy.cedar");
        let read = |path: &Path| read_of(Writers::RootOrUs, path);
        assert_eq!(read(&file).unwrap(), None);
        fs::write(&file, "text").unwrap();
        mode(&file, 0o644);
        assert_eq!(read(&file).unwrap().as_deref(), Some("text"));
        assert_eq!(read_of(Writers::Root, &file).is_ok(), own_uid() == Some(0));
        for (path, open, closed) in
            [(&file, 0o664, 0o644), (&file, 0o646, 0o644), (&folder, 0o1777, 0o755)]
        {
            mode(path, open);
            let error = read(&file).unwrap_err();
            assert!(error.to_string().contains("may write to"), "{error}");
            mode(path, closed);
            assert!(read(&file).is_ok());
        }
        // A link counts as where it lies and as where it leads to.
        let link = folder.join("link");
        symlink(&file, &link).unwrap();
        assert!(read(&link).is_ok());
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("p"), "open").unwrap();
        let away = folder.join("away");
        symlink(elsewhere.path().join("p"), &away).unwrap();
        assert!(read(&away).is_err());
        let back = elsewhere.path().join("back");
        symlink(&file, &back).unwrap();
        assert!(read(&back).is_err());
        // What leads nowhere was meant to be something.
        let nowhere = folder.join("nowhere");
        symlink(folder.join("gone"), &nowhere).unwrap();
        assert!(read(&nowhere).is_err() && read(&nowhere.join("p")).is_err());
        assert_eq!(read(&folder.join("gone/p")).unwrap(), None);
        fs::write(&file, vec![b'x'; 1024 * 1024 + 1]).unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("longer"));
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let world = closed_folder();
        let pipe = world.path().join("policy.cedar");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from(0o600)).unwrap();
        for read in [read_of(Writers::RootOrUs, &pipe), read_text(&pipe)] {
            assert!(read.unwrap_err().to_string().contains("no file"));
        }
        // Put there after it was looked at: nobody writes to it, and it is opened all the same.
        assert!(open_at_once(&pipe).is_ok());
    }
}
