//! Policies that are not the person's own: the machine's, and that of the repository that a run begins in. Each
//! is a layer more, so it can only narrow. A file that somebody else may have written is not judged by.

use std::io;
use std::path::{Path, PathBuf};

use dagpass_client::wire::ConfigProblem;

use super::layer::Layer;
use super::problem::Source;
use super::standing::{self, Wanted};
use crate::config::POLICY_FILE;
use crate::system::{self, Writers};

/// What it is called where one of its rules decides.
pub(super) const MACHINE: &str = "the machine's policy";
const REPOSITORY: &str = "the repository's policy";

/// Where a repository has its own.
const IN_REPOSITORY: &str = ".dagpass";

/// The machine's, as it stands in that folder. One that cannot be taken is wanted all the same: then nothing is
/// judged by less.
pub(crate) fn of_machine(folder: &Path) -> Option<Wanted> {
    let found = system::machine_file(Writers::Root, folder, POLICY_FILE)?;
    let sources = match found.text {
        Ok(text) => Ok(vec![Source { file: shown(&found.path), text }]),
        Err(error) => Err(untaken(&found.path, &error)),
    };
    let wanted = Wanted::new(standing::Whose::Machine, MACHINE.to_owned(), sources);
    Some(Wanted { is_foreign: found.is_foreign, ..wanted })
}

/// The nearest one on the way up from a folder, as far as nobody else may put one there. `Err` where it cannot be
/// taken.
pub(super) fn of_repository(folder: &Path) -> Result<Option<Layer>, Box<ConfigProblem>> {
    for above in folder.ancestors() {
        // What lies there is anybody's word. In one of our own that was left open it is looked for, and refused.
        if system::is_anybodys(above) {
            return Ok(None);
        }
        let path = above.join(IN_REPOSITORY).join(POLICY_FILE);
        if let Some(source) = read(&path)? {
            let compiled = Layer::compile(REPOSITORY, vec![source]);
            let unknown = || ConfigProblem { file: shown(&path), ..ConfigProblem::default() };
            return compiled
                .map(Some)
                .map_err(|found| Box::new(found.into_iter().next().unwrap_or_else(unknown)));
        }
    }
    Ok(None)
}

fn read(path: &Path) -> Result<Option<Source>, Box<ConfigProblem>> {
    match system::read_of(Writers::RootOrUs, path) {
        Ok(text) => Ok(text.map(|text| Source { file: shown(path), text })),
        // A file where a folder is looked for is no policy.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(None),
        Err(error) => Err(Box::new(untaken(path, &error))),
    }
}

fn untaken(path: &Path, error: &io::Error) -> ConfigProblem {
    let (file, message) = (shown(path), format!("is not judged by: {error}"));
    ConfigProblem { file, message, ..ConfigProblem::default() }
}

fn shown(path: &Path) -> String {
    PathBuf::from(path).display().to_string()
}
