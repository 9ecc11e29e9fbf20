//! What is true of the config's file, for whoever asks for what the config in force has not: a file
//! that is wrong is named with its line, never answered as if the thing did not exist.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use dagpass_client::wire::ConfigProblem;
use dagpass_core::error::{ErrorCode, Refusal};

/// The conn_ids that were ours when a config was last in force; `None` where none ever was.
pub(super) type KnownIds = Option<Arc<BTreeSet<String>>>;

/// Of the file that a [`Config`](super::Config) came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// What it says is in force.
    #[default]
    InForce,
    /// There is no file: nothing is configured, and nothing was chosen.
    Absent { path: PathBuf, ids: KnownIds },
    /// It cannot be read, or is not true: the last good one is in force, or none.
    Wrong { problem: Box<ConfigProblem>, text: Option<Arc<str>>, ids: KnownIds },
}

impl Condition {
    /// Why `what` is not there, where that is the file's fault.
    pub(super) fn lacks(&self, what: &str) -> Option<Refusal> {
        match self {
            Self::InForce => None,
            Self::Absent { path, .. } => Some(
                Refusal::new(ErrorCode::NotFound, format!("there is no {what}"))
                    .because(format!("no config at {}", path.display()))
                    .hint("run `dagpass init`"),
            ),
            Self::Wrong { problem, .. } => Some(wrong(what, problem)),
        }
    }

    /// Why a connection is not there: `None` where it was not ours, and is not named in the file either.
    /// Airflow asks for every conn_id, and those of others must reach their own source.
    pub(super) fn lacks_connection(&self, id: &str) -> Option<Refusal> {
        let what = format!("connection `{id}`");
        match self {
            Self::InForce => None,
            Self::Absent { path, ids } => {
                let ours = ids.as_ref().is_some_and(|ids| ids.contains(id));
                ours.then(|| {
                    Refusal::new(ErrorCode::ConfigInvalid, format!("{what} is not known any more"))
                        .because(format!("no config at {}", path.display()))
                        .hint("put the file back, or run `dagpass init`")
                })
            }
            Self::Wrong { problem, text, ids } => {
                let was = ids.as_ref().is_none_or(|ids| ids.contains(id));
                let is = text.as_ref().is_some_and(|text| mentions(text, id));
                (was || is).then(|| wrong(&what, problem))
            }
        }
    }
}

fn wrong(what: &str, problem: &ConfigProblem) -> Refusal {
    Refusal::new(ErrorCode::ConfigInvalid, format!("{what} is not known: the config is wrong"))
        .because(problem.to_string())
        .hint("run `dagpass config check`")
}

/// As a word of its own, so that `lake` is not found in `lakehouse`.
fn mentions(text: &str, id: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    text.match_indices(id).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + id.len()..].chars().next();
        !id.is_empty() && !before.is_some_and(joins) && !after.is_some_and(joins)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(known: &[&str]) -> KnownIds {
        Some(Arc::new(known.iter().map(|id| (*id).to_owned()).collect()))
    }

    #[test]
    fn a_connection_that_was_ours_or_is_named_in_the_wrong_file_is_the_file_s_fault() {
        let wrong = |text: Option<&str>, ids| Condition::Wrong {
            problem: Box::new(ConfigProblem { file: "c".into(), line: 3, ..Default::default() }),
            text: text.map(Arc::from),
            ids,
        };
        let absent = |ids| Condition::Absent { path: "/c.toml".into(), ids };
        let text = Some("[connection.lake]\n[connection.\"house.one\"]\nlakes = 1 # my_sea");
        for (case, condition, id, refused) in [
            ("in force", Condition::InForce, "lake", false),
            ("named", wrong(text, ids(&[])), "lake", true),
            ("named in quotes", wrong(text, ids(&[])), "house.one", true),
            ("part of a word", wrong(text, ids(&[])), "sea", false),
            ("another's", wrong(text, ids(&["lake"])), "aws_default", false),
            ("was ours", wrong(text, ids(&["gone"])), "gone", true),
            ("not readable, was ours", wrong(None, ids(&["lake"])), "lake", true),
            ("not readable, another's", wrong(None, ids(&["lake"])), "aws_default", false),
            ("none was ever in force", wrong(None, None), "anything", true),
            ("no file, was ours", absent(ids(&["lake"])), "lake", true),
            ("no file, another's", absent(ids(&["lake"])), "aws_default", false),
            ("no file, none ever", absent(None), "lake", false),
        ] {
            let refusal = condition.lacks_connection(id);
            assert_eq!(refusal.is_some(), refused, "{case}");
            let code = refusal.map_or(ErrorCode::ConfigInvalid, |refusal| refusal.code);
            assert_eq!(code, ErrorCode::ConfigInvalid, "{case}");
        }
    }

    #[test]
    fn what_a_wrong_file_may_have_is_refused_with_its_line_and_what_no_file_has_with_its_path() {
        let problem = ConfigProblem {
            file: "/c.toml".into(),
            line: 3,
            column: 9,
            key: "profile.web.issuer".into(),
            message: "is no https URL".into(),
            hint: None,
        };
        let wrong = Condition::Wrong { problem: Box::new(problem), text: None, ids: None };
        let refusal = wrong.lacks("profile `web`").unwrap();
        assert_eq!(refusal.code, ErrorCode::ConfigInvalid);
        let cause = "/c.toml:3:9: profile.web.issuer: is no https URL";
        assert_eq!(refusal.cause.as_deref(), Some(cause));
        assert_eq!(refusal.hint.as_deref(), Some("run `dagpass config check`"));
        let absent = Condition::Absent { path: "/c.toml".into(), ids: None };
        let refusal = absent.lacks("profile yet").unwrap();
        assert_eq!(refusal.to_string(), "there is no profile yet: no config at /c.toml");
        assert_eq!(refusal.hint.as_deref(), Some("run `dagpass init`"));
    }
}
