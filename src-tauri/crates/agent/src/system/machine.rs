//! What whoever administers the machine has laid down for everybody on it: a policy, a config. Taken by its
//! place and its owner alone; no variable and no key leads to another one.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ANYBODY_MAKES_MACHINE_DIR, Writers, is_root_s, read_of};

/// For how long is a file that was there taken for one that comes back? Some editors move it away before they
/// write.
pub const MISSED: Duration = Duration::from_secs(3);

/// A file in the machine's folder, or why it cannot be taken.
#[derive(Debug)]
pub struct MachineFile {
    pub path: PathBuf,
    pub text: io::Result<String>,
    /// It is not by those who may say so, where anybody may put one there: to be told, and not to be obeyed.
    pub is_foreign: bool,
}

/// `None` where none is there.
pub fn machine_file(writers: Writers, folder: &Path, name: &str) -> Option<MachineFile> {
    let path = folder.join(name);
    // Where anybody may make that folder, what lies there is not the machine's for its place alone.
    let is_foreign = ANYBODY_MAKES_MACHINE_DIR && !is_root_s(&path);
    let text = match read_of(writers, &path) {
        // A file where a folder is looked for is neither.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return None,
        read => read.transpose()?,
    };
    Some(MachineFile { path, is_foreign: is_foreign && text.is_err(), text })
}
