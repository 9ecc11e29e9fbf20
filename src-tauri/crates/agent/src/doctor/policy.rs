//! The policy: whether what stands on disk is what is judged by.

use dagpass_client::wire::{ConfigProblem, Finding};

use super::{hint, ok, problem, warning};

/// What the agent judges by.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// `none`, `in_force`, `outdated` or `shut`.
    pub state: &'a str,
    pub digest: Option<&'a str>,
    pub problems: &'a [ConfigProblem],
}

/// Nothing where there is none.
pub(super) fn in_force(policy: &Policy<'_>) -> Option<Finding> {
    let wrong = || policy.problems.first().map(ToString::to_string).unwrap_or_default();
    let check = "run `dagpass policy check`, and mend what it names";
    match policy.state {
        "none" | "in_force" if !policy.problems.is_empty() => {
            let what = format!("a file in the machine's place is not the machine's: {}", wrong());
            let who = "have whoever administers the machine take it away, or make it theirs";
            Some(hint(warning("policy", None, what), who))
        }
        "none" => None,
        "shut" => {
            let what = format!("it does not load, so no token leaves: {}", wrong());
            Some(hint(problem("policy", None, what), check))
        }
        "outdated" => {
            let what = format!("it does not load, and the last good one serves: {}", wrong());
            Some(hint(warning("policy", None, what), check))
        }
        _ => Some(ok("policy", None, format!("in force: {}", policy.digest.unwrap_or_default()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_does_not_load_is_found_and_none_is_no_finding() {
        let problems =
            [ConfigProblem { file: "policy.cedar".into(), line: 3, ..Default::default() }];
        for (state, problems, verdict) in [
            ("none", &[][..], None),
            ("none", &problems[..], Some("warning")),
            ("in_force", &[][..], Some("ok")),
            ("in_force", &problems[..], Some("warning")),
            ("outdated", &problems[..], Some("warning")),
            ("shut", &problems[..], Some("problem")),
        ] {
            let found = in_force(&Policy { state, digest: Some("0a"), problems });
            assert_eq!(found.as_ref().map(|found| found.verdict.as_str()), verdict, "{state}");
            if let Some(found) = found.filter(|found| found.verdict != "ok") {
                assert!(found.detail.contains("policy.cedar:3") && found.hint.is_some());
            }
        }
    }
}
