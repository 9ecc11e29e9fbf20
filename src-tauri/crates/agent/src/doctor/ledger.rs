//! The record: whether it can be written, for without it nothing is handed out, and whether it is all there.

use std::path::Path;

use dagpass_client::wire::Finding;

use super::{hint, ok, problem, warning};
use crate::ledger::ENDED;

/// What the agent knows of its ledger.
#[derive(Clone, Copy, Debug)]
pub struct Ledger<'a> {
    pub path: &'a Path,
    /// Why nothing can be recorded.
    pub trouble: Option<&'a str>,
    /// What happened to the file while this agent ran.
    pub lost: Option<&'a str>,
    /// Which of its lines are not here that should be.
    pub missing: Option<&'a str>,
    /// Why no checkpoint is signed over it.
    pub unsealed: Option<&'a str>,
    /// Why lines that are older than the config keeps them are still here.
    pub unpruned: Option<&'a str>,
}

#[cfg(test)]
impl<'a> Ledger<'a> {
    pub(super) fn well(path: &'a Path) -> Self {
        Self { path, trouble: None, lost: None, missing: None, unsealed: None, unpruned: None }
    }
}

pub(super) fn written(ledger: &Ledger<'_>) -> Finding {
    let path = ledger.path.display();
    if let Some(why) = ledger.trouble {
        let found = problem(
            "ledger",
            None,
            format!("{path} cannot be written, so nothing is handed out: {why}"),
        );
        return hint(
            found,
            match why {
                ENDED => "run `dagpass agent restart`; sessions are kept",
                _ => "make room and rights for it; the agent goes on by itself within seconds",
            },
        );
    }
    if let Some(what) = ledger.lost {
        let found = warning("ledger", None, format!("{path}: {what}"));
        return hint(
            found,
            "look for a backup of it; `dagpass audit verify` shows where it goes on",
        );
    }
    if let Some(what) = ledger.missing {
        let found = warning("ledger", None, format!("{path} is not whole: {what}"));
        return hint(
            found,
            "look for a backup of `ledger-log/lines`; `dagpass audit verify` says all of it",
        );
    }
    if let Some(why) = ledger.unsealed {
        let what = format!("{path} is written, and no checkpoint is signed over it: {why}");
        return hint(
            warning("ledger", None, what),
            "unlock the store of sessions, or make room beside the ledger; the checkpoint is made then",
        );
    }
    if let Some(why) = ledger.unpruned {
        let what =
            format!("{path} is written, and lines older than it is kept are not pruned: {why}");
        let then = "`dagpass audit prune` tries again; the agent does within the hour";
        return hint(warning("ledger", None, what), then);
    }
    ok("ledger", None, path.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_writer_has_ended_only_a_new_agent_helps() {
        let path = Path::new("/state/ledger.jsonl");
        for (why, said) in [(ENDED, "agent restart"), ("no space left on device", "make room")] {
            let trouble = Some(why);
            let found = written(&Ledger { trouble, ..Ledger::well(path) });
            assert!(found.hint.unwrap().contains(said), "{why}");
        }
    }

    #[test]
    fn a_ledger_that_cannot_be_written_is_a_problem_and_one_that_was_lost_a_warning() {
        let full = Some("no space left on device");
        let young = Some("they are not shipped yet");
        let hole = Some("lines 1 to 300 are not here");
        for (trouble, lost, missing, unsealed, unpruned, verdict) in [
            (None, None, None, None, None, "ok"),
            (None, Some("the file was gone"), None, None, None, "warning"),
            (None, None, hole, Some("the keychain is locked"), None, "warning"),
            (None, None, None, Some("the keychain is locked"), None, "warning"),
            (None, None, None, None, young, "warning"),
            (full, None, hole, None, young, "problem"),
            (
                full,
                Some("the file was gone"),
                None,
                Some("the keychain is locked"),
                None,
                "problem",
            ),
        ] {
            let path = Path::new("/state/ledger.jsonl");
            let found = written(&Ledger { path, trouble, lost, missing, unsealed, unpruned });
            let told = missing.filter(|_| trouble.is_none()).unwrap_or_default();
            assert!(found.detail.contains(told), "{found:?}");
            assert_eq!((found.verdict.as_str(), found.hint.is_some()), (verdict, verdict != "ok"));
        }
    }
}
