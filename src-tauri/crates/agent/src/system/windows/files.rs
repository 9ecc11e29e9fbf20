//! A file's state. Owners and access lists are not looked at: what rests on them is absent.

use std::fs::{File, Metadata};
use std::io;
use std::os::windows::fs::MetadataExt;
use std::path::Path;

use super::{own_sid, owner};
use crate::system::Writers;

/// By size and the times of writing and making; the path it is found by goes beside.
pub(in crate::system) type Version = [u64; 3];

pub(in crate::system) fn version(found: &Metadata) -> Version {
    [found.file_size(), found.last_write_time(), found.creation_time()]
}

/// By the owners of the file and of its folder: the access lists that they inherit let nobody else replace
/// what is theirs.
pub(in crate::system) fn check_writers(
    writers: Writers,
    path: &Path,
    (found, _metadata): (&Path, &Metadata),
) -> io::Result<()> {
    let ours = match writers {
        Writers::Root => None,
        Writers::RootOrUs => Some(own_sid()?),
    };
    let folder = found.parent().unwrap_or(found);
    for one in [found, folder] {
        let sid = owner::sid_of(one)?;
        if !owner::ADMINISTRATORS.contains(&sid.as_str()) && ours.as_deref() != Some(sid.as_str()) {
            let why = format!("{} belongs to {sid}, not to the administrators", path.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
    }
    Ok(())
}

pub(in crate::system) fn open_at_once(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Not known, and so not said.
pub(in crate::system) fn is_anybodys(_folder: &Path) -> bool {
    false
}

/// Never: whoever may write to the file may set all of its times back.
pub(in crate::system) fn is_settled(_found: &Metadata) -> bool {
    false
}

/// It was found by this very path.
pub(in crate::system) fn stands_at(_path: &Path, _found: &Metadata) -> bool {
    true
}

/// There is no uid.
pub(in crate::system) fn owner(_found: &Metadata) -> Option<u32> {
    None
}

/// Not known, and so not said.
pub(in crate::system) fn only_root_writes(_path: &Path, _found: &Metadata) -> bool {
    false
}
