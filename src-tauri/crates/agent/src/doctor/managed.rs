//! The machine's config: whether what stands on disk is what is held to.

use dagpass_client::wire::Finding;

use super::{hint, ok, problem, warning};
use crate::config::Above;

const CHECK: &str = "managed config";

/// Nothing where there is none.
pub(super) fn held_to(above: &Above) -> Option<Finding> {
    let mend = "run `dagpass config check`, and have whoever administers the machine mend it";
    if let Some(foreign) = &above.foreign {
        let what = format!("a file in the machine's place is not the machine's: {foreign}");
        let who = "have whoever administers the machine take it away, or make it theirs";
        return Some(hint(warning(CHECK, None, what), who));
    }
    match (&above.good, above.problems.first()) {
        (None, None) => None,
        (None, Some(wrong)) => {
            let what = format!("it cannot be held to, so no token leaves: {wrong}");
            Some(hint(problem(CHECK, None, what), mend))
        }
        (Some(_), Some(wrong)) => {
            let what = format!("it is wrong, and the last good one is held to: {wrong}");
            Some(hint(warning(CHECK, None, what), mend))
        }
        (Some(managed), None) => {
            let locks = match managed.locked.as_slice() {
                [] => "locks nothing".to_owned(),
                locked => format!("locks {}", locked.join(", ")),
            };
            Some(ok(CHECK, None, format!("{}: {locks}", managed.path.display())))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use dagpass_client::wire::ConfigProblem;

    use super::*;
    use crate::config::Managed;

    #[test]
    fn a_machine_s_config_that_is_not_held_to_is_found_and_none_is_no_finding() {
        let path = Path::new("/etc/dagpass/config.toml");
        let good = |text: &str| Managed::read(text, path).ok().map(Arc::new);
        let wrong = ConfigProblem {
            file: "/etc/dagpass/config.toml".into(),
            line: 3,
            ..Default::default()
        };
        let (none, one) = (Vec::new(), vec![wrong.clone()]);
        for (good, problems, foreign, verdict, told) in [
            (None, &none, None, None, ""),
            (good(""), &none, None, Some("ok"), "config.toml: locks nothing"),
            (
                good("locked = [\"audit\", \"policy\"]"),
                &none,
                None,
                Some("ok"),
                "locks audit, policy",
            ),
            (good(""), &one, None, Some("warning"), "config.toml:3"),
            (None, &one, None, Some("problem"), "no token leaves"),
            (None, &none, Some(wrong), Some("warning"), "is not the machine's"),
        ] {
            let found = held_to(&Above { good, problems: problems.clone(), foreign });
            assert_eq!(found.as_ref().map(|found| found.verdict.as_str()), verdict, "{told}");
            let Some(found) = found else { continue };
            assert!(found.detail.contains(told), "{}", found.detail);
            assert_eq!(found.hint.is_some(), found.verdict != "ok", "{told}");
        }
    }
}
