//! The file that `[airflow.NAME] roles-file` names. Read when it is asked for, never with the config: a
//! preview that cannot be had keeps no token back.

use std::path::PathBuf;

use dagpass_client::wire::ConfigProblem;

use super::Config;
use crate::roles::RolesFile;

/// The key as it stands in the config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolesFileKey {
    pub path: PathBuf,
    /// The config that names it.
    pub file: String,
    /// `airflow.prod.roles-file`
    pub key: String,
    pub line: usize,
    pub column: usize,
}

impl RolesFileKey {
    /// The file, or what is wrong: with the key where it cannot be read, else within it.
    pub fn read(&self) -> Result<RolesFile, ConfigProblem> {
        let shown = self.path.display();
        let text = std::fs::read_to_string(&self.path).map_err(|error| ConfigProblem {
            file: self.file.clone(),
            line: self.line,
            column: self.column,
            key: self.key.clone(),
            message: format!("{shown} cannot be read: {error}"),
            hint: Some("`dagpass airflow setup --server` writes one to begin with".to_owned()),
        })?;
        RolesFile::parse(&text).map_err(|fault| ConfigProblem {
            file: shown.to_string(),
            line: fault.line,
            column: fault.column,
            key: self.key.clone(),
            message: fault.message,
            hint: None,
        })
    }
}

impl Config {
    /// What is wrong with the role files of the deployments.
    pub(super) fn roles_file_problems(&self) -> Vec<ConfigProblem> {
        let keys = self.airflow.values().filter_map(|airflow| airflow.roles_file.as_ref());
        keys.filter_map(|key| key.read().err()).collect()
    }
}
