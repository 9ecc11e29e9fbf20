//! The provider's wheel, which is part of this program: `build.rs` makes it from the sources beside it.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::files;
use crate::exit::Failure;
use crate::output;
use crate::world::World;

pub(super) const NAME: &str = env!("DAGPASS_WHEEL_NAME");
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// SHA-256 of the package's lines in RECORD: two builds of one version can be told apart.
pub(super) const CONTENT: &str = env!("DAGPASS_WHEEL_CONTENT");
pub(super) const BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/provider.whl"));

#[derive(Debug, Args)]
pub(crate) struct Wheel {
    /// The folder it goes into
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

pub(super) fn run(world: &World, command: &Wheel) -> Result<(), Failure> {
    let path = command.out.join(NAME);
    match std::fs::read(&path) {
        Ok(present) if present == BYTES => {}
        Ok(_) | Err(_) => write(&path)?,
    }
    if world.json {
        return output::json(&serde_json::json!({"file": path, "version": VERSION}));
    }
    output::out(&path.display().to_string())
}

/// The wheel under its own name in a folder that goes with the value: installers read the name.
pub(super) struct Unpacked {
    folder: PathBuf,
}

impl Unpacked {
    pub(super) fn new() -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("dagpass-wheel-{}", std::process::id()));
        match std::fs::remove_dir_all(&folder) {
            // A folder of that name was left by a process that was killed.
            Ok(()) | Err(_) => {}
        }
        crate::system::create_private_dir(&folder)
            .map_err(|error| files::cannot_write(&folder, error))?;
        let unpacked = Self { folder };
        write(&unpacked.path())?;
        Ok(unpacked)
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        match std::fs::remove_dir_all(&self.folder) {
            // A temporary folder is all that is left.
            Ok(()) | Err(_) => {}
        }
    }
}

fn write(path: &Path) -> Result<(), Failure> {
    let written = std::fs::File::create(path).and_then(|mut file| file.write_all(BYTES));
    written.map_err(|error| files::cannot_write(path, error))
}
