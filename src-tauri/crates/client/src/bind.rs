//! Where a socket of ours may be bound: in a folder that is ours alone, over nothing but a dead socket of
//! our own. The agent binds by it, and whoever stands in for one.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

use crate::owner;

/// Makes the folder with mode 0700, or checks that it is ours alone. A looser one is tightened only
/// where it is empty or lies under a folder of our own name: nobody asked us to close their home.
pub fn private_dir(path: &Path) -> io::Result<()> {
    let found = own_dir(path)?;
    if found.mode() & 0o077 == 0 {
        return Ok(());
    }
    let of_our_name = path.components().any(|part| part.as_os_str() == "dagpass");
    if of_our_name || fs::read_dir(path)?.next().is_none() {
        return set_mode(path, 0o700);
    }
    let mode = found.mode() & 0o7777;
    Err(refused(path, &format!("is open to others (mode {mode:04o}); 0700 is needed")))
}

/// Makes the folder, or takes one of ours, and gives it this mode.
pub fn dir_with_mode(path: &Path, mode: u32) -> io::Result<()> {
    if own_dir(path)?.mode() & 0o7777 == mode {
        return Ok(());
    }
    set_mode(path, mode)
}

/// The folder, made where there is none; an error where it is somebody else's.
fn own_dir(path: &Path) -> io::Result<fs::Metadata> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(path).map_err(|error| owner::named(path, error))?;
            fs::symlink_metadata(path)?
        }
        found => found.map_err(|error| owner::named(path, error))?,
    };
    check_ours(path, &found)?;
    Ok(found)
}

fn check_ours(path: &Path, found: &fs::Metadata) -> io::Result<()> {
    if !found.is_dir() {
        return Err(refused(path, "is not a folder"));
    }
    if found.uid() != own_uid() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, owner::belongs(path, found.uid())));
    }
    Ok(())
}

/// By the handle: what has this name since it was looked at may be a link to somebody's file.
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    let flags = (OFlags::DIRECTORY | OFlags::NOFOLLOW).bits() as i32;
    let folder = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    check_ours(path, &folder.metadata()?)?;
    folder.set_permissions(Permissions::from_mode(mode))
}

fn make(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Removes a socket of ours that nothing answers on; refuses everything else that stands there.
pub fn clear_stale(place: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !found.file_type().is_socket() {
        return Err(refused(place, "exists and is not a socket"));
    }
    if found.uid() != own_uid() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            owner::belongs(place, found.uid()),
        ));
    }
    if answers(place)? {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!("{} is in use by a running program", place.display()),
        ));
    }
    fs::remove_file(place)
}

/// Without blocking: a stopped program with a full queue answers too, in its way.
fn answers(place: &Path) -> io::Result<bool> {
    let probe = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::ioctl_fionbio(&probe, true)?;
    match rustix::net::connect(&probe, &SocketAddrUnix::new(place)?) {
        Err(rustix::io::Errno::CONNREFUSED | rustix::io::Errno::NOENT) => Ok(false),
        Ok(()) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INPROGRESS) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn own_uid() -> u32 {
    rustix::process::getuid().as_raw()
}

fn refused(path: &Path, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{} {why}", path.display()))
}
