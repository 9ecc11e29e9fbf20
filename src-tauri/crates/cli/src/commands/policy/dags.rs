//! Which of the agent's connections the files of a DAG folder name: a conn_id in quotes. Runs nothing of
//! them, and finds no name that is put together at run time.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// How many files are read at most?
const MOST_FILES: usize = 10_000;

pub(super) fn named(folder: &Path, known: &BTreeSet<String>) -> io::Result<BTreeSet<String>> {
    let mut look = Look { known, found: BTreeSet::new(), left: MOST_FILES, seen: BTreeSet::new() };
    look.through(folder)?;
    Ok(look.found)
}

struct Look<'a> {
    known: &'a BTreeSet<String>,
    found: BTreeSet<String>,
    left: usize,
    /// Folders, where their links lead to: one may lead back.
    seen: BTreeSet<PathBuf>,
}

impl Look<'_> {
    /// What is left out is an error: nobody takes half an answer for the whole.
    fn through(&mut self, folder: &Path) -> io::Result<()> {
        if !self.seen.insert(folder.canonicalize()?) {
            return Ok(());
        }
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let is_python = path.extension().is_some_and(|kind| kind == "py");
            match std::fs::metadata(&path) {
                Ok(found) if found.is_dir() => self.through(&path)?,
                Ok(found) if found.is_file() && is_python => self.read(&path)?,
                // A link that leads nowhere has no connection in it, a file that cannot be read may.
                Err(error) if error.kind() != io::ErrorKind::NotFound && is_python => {
                    return Err(error);
                }
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn read(&mut self, file: &Path) -> io::Result<()> {
        let Some(left) = self.left.checked_sub(1) else {
            let why = format!("more than {MOST_FILES} Python files: name a folder within it");
            return Err(io::Error::other(why));
        };
        self.left = left;
        let text = String::from_utf8_lossy(&std::fs::read(file)?).into_owned();
        self.found.extend(self.known.iter().filter(|id| names(&text, id)).cloned());
        Ok(())
    }
}

fn names(text: &str, id: &str) -> bool {
    ['"', '\''].iter().any(|quote| text.contains(&format!("{quote}{id}{quote}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_found_by_its_whole_name_in_quotes_in_python_files_alone() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("team/etl");
        std::fs::create_dir_all(&below).unwrap();
        std::fs::write(below.join("a.py"), "HttpHook(http_conn_id=\"lake\")\nx = 'db'\n").unwrap();
        std::fs::write(below.join("b.txt"), "\"other\"").unwrap();
        std::fs::write(folder.path().join("c.py"), "\"warehouse_api_2\"  # warehouse_api").unwrap();
        let known = ["db", "lake", "other", "warehouse_api"].map(str::to_owned).into();
        let found = named(folder.path(), &known).unwrap();
        assert_eq!(found, ["db", "lake"].map(str::to_owned).into());
        assert!(named(&folder.path().join("none"), &known).is_err());
        // A linked folder is looked into, once.
        #[cfg(unix)]
        {
            let team = tempfile::tempdir().unwrap();
            std::os::unix::fs::symlink(folder.path(), team.path().join("dags")).unwrap();
            std::os::unix::fs::symlink(team.path(), team.path().join("back")).unwrap();
            assert_eq!(named(team.path(), &known).unwrap(), found);
        }
        let mut full =
            Look { known: &known, found: BTreeSet::new(), left: 0, seen: BTreeSet::new() };
        assert!(full.through(folder.path()).unwrap_err().to_string().contains("more than"));
    }
}
