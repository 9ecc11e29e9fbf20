//! The files that `ca-file` names. Read by a check, never with the config: one that is missing for a moment
//! keeps no other profile back.

use std::path::PathBuf;

use dagpass_client::wire::ConfigProblem;

use super::Config;
use crate::http::tls::ca_file;

/// One such key as it stands in the config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaFileKey {
    pub path: PathBuf,
    /// The config that names it.
    pub file: String,
    /// `profile.prod.ca-file`
    pub key: String,
    pub line: usize,
    pub column: usize,
}

impl Config {
    /// What is wrong with the files that the config names.
    pub(super) fn problems_of_files(&self) -> Vec<ConfigProblem> {
        let wrong = self.ca_files.iter().filter_map(|key| {
            let why = ca_file::read(&key.path).err()?;
            Some(ConfigProblem {
                file: key.file.clone(),
                line: key.line,
                column: key.column,
                key: key.key.clone(),
                message: format!("{} {}", key.path.display(), why.text),
                hint: why.remedy,
            })
        });
        wrong.chain(self.roles_file_problems()).collect()
    }
}
