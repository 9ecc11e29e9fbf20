//! Whether the system has the person prove who they are before an approval counts; where it does not, what an
//! approval is.

use dagpass_client::wire::Finding;

use super::{hint, ok, problem, skipped};
use crate::config::Reauthenticate;

/// What an approval is without it.
const SPEED_BUMP: &str = "an approval is a speed bump against a program of your own user";

/// Nothing where no rule can ask and the config says nothing of it. `able` is who could, or what is missing.
pub(super) fn proved(
    has_policy: bool,
    wanted: Reauthenticate,
    able: &Result<&'static str, String>,
) -> Option<Finding> {
    if !has_policy && wanted == Reauthenticate::default() {
        return None;
    }
    use Reauthenticate::{Each, Lasting, Off, WherePossible};
    Some(match (wanted, able) {
        (Off, _) => {
            let what = format!("`re-authenticate = \"off\"` in `[approvals]`: {SPEED_BUMP}");
            skipped("approvals", None, what)
        }
        (WherePossible | Lasting, Ok(who)) => {
            let what = format!("{who} has you prove who you are before one that lasts beyond once");
            ok("approvals", None, what)
        }
        (Each, Ok(who)) => {
            ok("approvals", None, format!("{who} has you prove who you are before each"))
        }
        (WherePossible, Err(missing)) => {
            skipped("approvals", None, format!("{missing}: {SPEED_BUMP}"))
        }
        (Lasting, Err(missing)) => required(missing, "none that lasts beyond once counts"),
        (Each, Err(missing)) => required(missing, "none counts"),
    })
}

fn required(missing: &str, so: &str) -> Finding {
    let fix = "bring it, or set `re-authenticate = \"where-possible\"` in `[approvals]`";
    hint(problem("approvals", None, format!("{missing}: {so}")), fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_approval_is_without_the_system_s_word_is_said_where_a_rule_can_ask() {
        use Reauthenticate::{Each, Lasting, Off, WherePossible};
        let missing = || Err("no polkit".to_owned());
        let found = |has_policy, wanted, able: Result<&'static str, String>| {
            let found = proved(has_policy, wanted, &able);
            found.map(|found| (found.verdict, found.detail, found.hint.is_some()))
        };
        assert_eq!(found(false, WherePossible, missing()), None, "nobody is ever asked");
        for (wanted, able, verdict, words) in [
            (WherePossible, Ok("polkit"), "ok", "polkit has you prove who you are before one that"),
            (Each, Ok("polkit"), "ok", "before each"),
            (Off, Ok("polkit"), "skipped", "a speed bump"),
            (WherePossible, missing(), "skipped", "no polkit: an approval is a speed bump"),
            (Lasting, missing(), "problem", "no polkit: none that lasts"),
            (Each, missing(), "problem", "no polkit: none counts"),
        ] {
            let (is, said, fixed) = found(true, wanted, able).unwrap();
            assert!(is == verdict && said.contains(words), "{wanted:?} {is}: {said}");
            assert_eq!(fixed, verdict == "problem", "{wanted:?}");
        }
    }
}
