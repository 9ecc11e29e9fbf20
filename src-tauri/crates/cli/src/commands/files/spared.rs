//! What no output of a command is written over, whoever names it: a ledger, and the folder in which its closed
//! segments are and what was signed. The agent alone writes there.

use std::path::Path;

use dagpass_client::folders::LEDGER;
use dagpass_client::ledger::LINES;
use dagpass_client::ledger::log::FOLDER;
use dagpass_client::place;

use super::{are_one, is_within};
use crate::exit::Failure;

/// Of the agent's own.
pub(super) fn spares_our_ledger(file: &Path) -> Result<(), Failure> {
    match place::state_dir() {
        Ok(state) => spares_ledger(file, &state.join(LEDGER)),
        // Then nothing of it can be there either.
        Err(_) => Ok(()),
    }
}

/// By whatever names both have: links and `..` are followed.
pub(in crate::commands) fn spares_ledger(file: &Path, ledger: &Path) -> Result<(), Failure> {
    let log = ledger.with_file_name(FOLDER);
    let what = if are_one(file, ledger)? {
        "is the ledger itself"
    } else if is_within(file, &log)? || is_within(file, &log.join(LINES))? {
        "is in the ledger's own folder"
    } else {
        return Ok(());
    };
    let what = format!("{} {what}", file.display());
    Err(Failure::usage(what).hint("give a place outside of it"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn neither_a_ledger_nor_what_lies_in_its_folder_is_written_over_by_any_name() {
        let folder = tempfile::tempdir().unwrap();
        #[cfg(unix)]
        let root = {
            std::os::unix::fs::symlink("real", folder.path().join("link")).unwrap();
            fs::create_dir(folder.path().join("real")).unwrap();
            folder.path().join("link")
        };
        #[cfg(not(unix))]
        let root = folder.path().to_owned();
        let at = |name: &str| root.join(name);
        let ledger = at("state/ledger.jsonl");
        fs::create_dir_all(at("state/ledger-log/1/tile")).unwrap();
        fs::create_dir(at("out")).unwrap();
        fs::write(&ledger, "").unwrap();
        let told = |name: &str| {
            let told = spares_ledger(&at(name), &ledger);
            told.err().map(|failure| failure.reply.error_description)
        };
        let own = "is in the ledger's own folder";
        for (name, expected) in [
            ("state/ledger.jsonl", Some("is the ledger itself")),
            ("out/../state/ledger.jsonl", Some("is the ledger itself")),
            ("state/LEDGER.jsonl", Some("is the ledger itself")),
            ("state/ledger-log", Some(own)),
            ("state/ledger-log/new", Some(own)),
            ("state/ledger-log/lines/000000000001-000000000009-0.jsonl", Some(own)),
            ("state/ledger-log/1/tile/new", Some(own)),
            ("out/../state/ledger-log/1/checkpoint", Some(own)),
            ("state/ledger-log/../new", None),
            ("state/ledger-logs", None),
            ("state/ledger.jsonl.1", None),
            ("out/ledger.jsonl", None),
        ] {
            let told = told(name);
            let is = expected.map_or(told.is_none(), |end| {
                told.as_ref().is_some_and(|told| told.ends_with(end))
            });
            assert!(is, "{name}: {told:?}");
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::symlink;
            symlink(at("state/ledger-log/1"), at("out/in")).unwrap();
            symlink(&ledger, at("out/it")).unwrap();
            assert!(told("out/in/checkpoint").unwrap().ends_with(own));
            assert!(told("out/in/none").unwrap().ends_with(own));
            assert!(told("out/it").unwrap().ends_with("is the ledger itself"));
            // Segments on another disk.
            symlink(at("out"), at("state/ledger-log/lines")).unwrap();
            assert!(told("out/new").unwrap().ends_with(own));
        }
    }
}
