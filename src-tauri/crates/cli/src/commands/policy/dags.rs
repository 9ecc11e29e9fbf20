//! Which of the agent's connections the files of a DAG folder name: a conn_id in quotes. Runs nothing of
//! them, and finds no name that is put together at run time.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// How many files are read at most?
const MOST_FILES: usize = 10_000;

pub(super) fn named(folder: &Path, known: &BTreeSet<String>) -> io::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut left = MOST_FILES;
    look(folder, known, (&mut found, &mut left))?;
    Ok(found)
}

fn look(
    folder: &Path,
    known: &BTreeSet<String>,
    (found, left): (&mut BTreeSet<String>, &mut usize),
) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        // A link is not followed: it may lead back.
        let kind = entry.file_type()?;
        if kind.is_dir() {
            look(&path, known, (&mut *found, &mut *left))?;
        } else if path.extension().is_some_and(|kind| kind == "py") && *left > 0 {
            *left -= 1;
            let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
            found.extend(known.iter().filter(|id| names(&text, id)).cloned());
        }
    }
    Ok(())
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
    }
}
