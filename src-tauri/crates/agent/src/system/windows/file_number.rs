//! Which file is this? Told by its number on its volume, which it keeps for life.

use std::fs::File;
use std::io;
use std::os::windows::io::AsRawHandle;
use std::path::Path;

use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, GetFileInformationByHandle,
};

/// By which a file is told from one that was put in its place. The same when the machine starts again.
pub fn identity_at(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    let mut found = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle is open for as long as `file` lives, and plain numbers are written to `found`.
    if unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut found) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let (volume, high, low) =
        (found.dwVolumeSerialNumber, found.nFileIndexHigh, found.nFileIndexLow);
    Ok(format!("number-{volume:x}-{high:x}{low:08x}"))
}
