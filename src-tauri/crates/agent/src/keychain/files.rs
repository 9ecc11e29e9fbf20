//! Sealed records and in-flight marks as files of the state folder: one file an account, replaced whole.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dagpass_core::ports::StoreFailure;

use crate::system;

/// A folder with one private file an account.
#[derive(Clone, Debug)]
pub(super) struct AccountFiles {
    folder: PathBuf,
    ending: &'static str,
}

impl AccountFiles {
    pub(super) fn new(state: &Path, folder: &str, ending: &'static str) -> Self {
        Self { folder: state.join(folder), ending }
    }

    pub(super) fn read(&self, account: &str) -> Result<Option<Vec<u8>>, StoreFailure> {
        match fs::read(self.place(account)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// What every account's file holds.
    pub(super) fn all(&self) -> Result<Vec<Vec<u8>>, StoreFailure> {
        let listed = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed.map_err(|error| self.failed(&error))?,
        };
        let mut all = Vec::new();
        for file in listed {
            let path = file.map_err(|error| self.failed(&error))?.path();
            if path.to_string_lossy().ends_with(self.ending) {
                all.push(fs::read(path).map_err(|error| self.failed(&error))?);
            }
        }
        Ok(all)
    }

    pub(super) fn write(&self, account: &str, bytes: &[u8]) -> Result<(), StoreFailure> {
        let parent = self.folder.parent().unwrap_or(&self.folder);
        system::private_dir(parent)
            .and_then(|()| system::private_dir(&self.folder))
            .and_then(|()| system::write_private(&self.place(account), bytes))
            .map_err(|error| self.failed(&error))
    }

    pub(super) fn remove(&self, account: &str) -> Result<(), StoreFailure> {
        match fs::remove_file(self.place(account)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(&error)),
            _ => Ok(()),
        }
    }

    fn place(&self, account: &str) -> PathBuf {
        self.folder.join(file_name(account) + self.ending)
    }

    fn failed(&self, error: &io::Error) -> StoreFailure {
        StoreFailure::Unavailable(dagpass_client::owner::told(&self.folder, error))
    }
}

/// Lower-case letters, digits, `-` and `_` stand for themselves, everything else is `%XX`: two accounts
/// never share a file, also where the file system ignores case.
fn file_name(account: &str) -> String {
    let mut name = String::with_capacity(account.len());
    for byte in account.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            _ => name.push_str(&format!("%{byte:02x}")),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_a_file_name_that_no_other_account_has() {
        for (account, name) in [
            ("prod", "prod"),
            ("Prod", "%50rod"),
            ("prod/warehouse_api", "prod%2fwarehouse_api"),
            ("../x", "%2e%2e%2fx"),
            ("a%2fb", "a%252fb"),
        ] {
            assert_eq!(file_name(account), name);
        }
    }
}
