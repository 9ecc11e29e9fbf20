//! The record: whether it can be written, for without it nothing is handed out, and whether it is all there.

use std::path::Path;

use dagpass_client::wire::Finding;

use super::{hint, ok, problem, warning};

/// What the agent knows of its ledger.
#[derive(Clone, Copy, Debug)]
pub struct Ledger<'a> {
    pub path: &'a Path,
    /// Why nothing can be recorded.
    pub trouble: Option<&'a str>,
    /// What happened to the file while this agent ran.
    pub lost: Option<&'a str>,
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
            "make room and rights for it; the agent goes on by itself within seconds",
        );
    }
    if let Some(what) = ledger.lost {
        let found = warning("ledger", None, format!("{path}: {what}"));
        return hint(
            found,
            "look for a backup of it; `dagpass audit verify` shows where it goes on",
        );
    }
    ok("ledger", None, path.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_that_cannot_be_written_is_a_problem_and_one_that_was_lost_a_warning() {
        for (trouble, lost, verdict) in [
            (None, None, "ok"),
            (None, Some("the file was gone"), "warning"),
            (Some("no space left on device"), None, "problem"),
            (Some("no space left on device"), Some("the file was gone"), "problem"),
        ] {
            let found = written(&Ledger { path: Path::new("/state/ledger.jsonl"), trouble, lost });
            assert_eq!((found.verdict.as_str(), found.hint.is_some()), (verdict, verdict != "ok"));
        }
    }
}
