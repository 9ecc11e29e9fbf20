//! Which files a folder holds, and which came or went between two looks: what "without a trace" is
//! measured by.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::Failure;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listing(BTreeSet<PathBuf>);

impl Listing {
    /// Every file, folder and link below `root`, but for what lies below `apart`: the package
    /// system's own records, and what is no disk.
    pub(super) fn of(root: &Path, apart: &[&str]) -> Result<Self, Failure> {
        let mut seen = BTreeSet::new();
        let mut next = vec![root.to_owned()];
        while let Some(folder) = next.pop() {
            let entries = fs::read_dir(&folder).map_err(|e| Failure::at(&folder, &e))?;
            for path in entries.flatten().map(|entry| entry.path()) {
                let inside = path.strip_prefix(root).unwrap_or(&path).to_owned();
                if apart.iter().any(|apart| inside.starts_with(apart)) {
                    continue;
                }
                if path.is_dir() && !path.is_symlink() {
                    next.push(path);
                }
                seen.insert(inside);
            }
        }
        Ok(Self(seen))
    }

    pub(super) fn holds(&self, path: &str) -> bool {
        self.0.contains(Path::new(path))
    }

    /// Fails where the two differ, and names every path.
    pub(super) fn same_as(&self, before: &Self, what: &str) -> Result<(), Failure> {
        let paths = |set: Vec<&PathBuf>| {
            set.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
        };
        let left = paths(self.0.difference(&before.0).collect());
        let lost = paths(before.0.difference(&self.0).collect());
        if left.is_empty() && lost.is_empty() {
            return Ok(());
        }
        Err(Failure::new(format!("{what}: left behind: [{left}]; lost: [{lost}]")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_and_what_is_lost_are_named_and_the_records_are_not() {
        let listing = |paths: &[&str]| Listing(paths.iter().map(PathBuf::from).collect());
        let before = listing(&["usr", "etc/passwd"]);
        assert!(before.same_as(&before, "x").is_ok());
        let after = listing(&["usr", "usr/bin/dagpass"]);
        let told = after.same_as(&before, "after removal").unwrap_err().to_string();
        assert!(told.contains("left behind: [usr/bin/dagpass]; lost: [etc/passwd]"), "{told}");
    }
}
