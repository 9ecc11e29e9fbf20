//! Answers that stand beyond the agent's end, in a file of the state folder that its owner alone reads and
//! writes. What is in it is judged by the core; what cannot be read is none.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use dagpass_core::approvals::Standing;
use dagpass_core::ports::ApprovalBook;

use crate::random::random;
use crate::system;

/// Beside the ledger.
pub(crate) const FILE: &str = "approvals.json";
const VERSION: u32 = 1;

#[derive(Debug)]
pub(crate) struct Book {
    place: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    approvals: Vec<Standing>,
}

impl Book {
    pub(crate) fn at(place: PathBuf) -> Self {
        Self { place }
    }

    fn read(&self) -> io::Result<Vec<Standing>> {
        let kept: Kept = serde_json::from_slice(&system::read_private(&self.place)?)?;
        if kept.version != VERSION {
            return Err(io::Error::other(format!("its version is {}", kept.version)));
        }
        Ok(kept.approvals)
    }
}

impl ApprovalBook for Book {
    fn fresh_id(&self) -> String {
        let id = random().chars().filter(char::is_ascii_alphanumeric).take(10).collect::<String>();
        format!("ap-{}", id.to_lowercase())
    }

    fn kept(&self) -> Vec<Standing> {
        match self.read() {
            Ok(kept) => kept,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                tracing::warn!(%error, "{FILE} cannot be read: nothing is approved by it");
                Vec::new()
            }
        }
    }

    fn keep(&self, standing: &[Standing]) -> Result<(), String> {
        let kept = Kept { version: VERSION, approvals: standing.to_vec() };
        let text = serde_json::to_vec(&kept).map_err(io::Error::from);
        text.and_then(|text| system::write_private(&self.place, &text)).map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dagpass_core::approvals::{Program, Subject};
    use dagpass_core::time::Timestamp;

    fn standing(id: &str) -> Standing {
        let program = Some(Program { path: "/usr/bin/etl".into(), sha256: None });
        let rules = vec!["production".to_owned()];
        Standing {
            id: id.into(),
            subject: Subject { program, rules, ..Subject::default() },
            folder: "/srv/etl".into(),
            given_at: Timestamp::from_secs(1),
            until: Timestamp::from_secs(2),
        }
    }

    #[test]
    fn what_is_kept_is_read_again_and_nothing_else_is_believed() {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::at(folder.path().join(FILE));
        assert_eq!(book.kept(), []);
        let all = vec![standing("ap-1"), standing("ap-2")];
        book.keep(&all).unwrap();
        assert_eq!(book.kept(), all);
        for text in ["", "[]", "{\"version\":9,\"approvals\":[]}", "{\"version\":1}"] {
            system::write_private(&book.place, text.as_bytes()).unwrap();
            assert_eq!(book.kept(), [], "{text}");
        }
        assert!(Book::at(folder.path().join("no/such")).keep(&all).is_err());
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_others_may_write_is_not_read() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let book = Book::at(folder.path().join(FILE));
        book.keep(&[standing("ap-1")]).unwrap();
        let mode = |bits| std::fs::set_permissions(&book.place, PermissionsExt::from_mode(bits));
        assert_eq!(std::fs::metadata(&book.place).unwrap().permissions().mode() & 0o777, 0o600);
        mode(0o666).unwrap();
        assert_eq!(book.kept(), []);
        mode(0o600).unwrap();
        assert_eq!(book.kept().len(), 1);
    }

    #[test]
    fn no_two_names_are_the_same_and_all_can_be_typed() {
        let book = Book::at(PathBuf::new());
        let ids: std::collections::BTreeSet<String> = (0..200).map(|_| book.fresh_id()).collect();
        assert_eq!(ids.len(), 200);
        assert!(ids.iter().all(|id| id.len() == 13 && !id[3..].contains(['-', '_'])), "{ids:?}");
    }
}
