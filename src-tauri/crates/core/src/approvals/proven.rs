//! Whether an answer counts by what the system says of the person who gives it. The system asks the person
//! to prove who they are; here it is judged what came of that, and where nothing could.

use std::time::Duration;

use crate::error::{ErrorCode, Refusal};

/// How long may the person take to prove who they are? The question waits for that, too.
pub const PROVING: Duration = Duration::from_secs(45);

/// Is the system to have the person prove who they are, before an answer counts?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Need {
    #[default]
    No,
    /// Where it can; elsewhere the answer counts as it is.
    WherePossible,
    /// An answer without it is none.
    Required,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Proof {
    /// The system was not asked.
    #[default]
    NotAsked,
    /// By whom: the ledger's word.
    By(&'static str),
    /// The system has nothing that could ask, and why.
    Unable(String),
    /// It was asked, and does not say that it is the person.
    Unproven { why: String, hint: &'static str },
}

/// An answer as it is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proven {
    pub need: Need,
    pub proof: Proof,
}

impl Proven {
    /// By whom, where the answer counts.
    pub(super) fn judge(&self) -> Result<Option<&'static str>, Uncounted> {
        let uncounted = |why: &str, hint: &'static str| Uncounted { why: why.to_owned(), hint };
        match (self.need, &self.proof) {
            (_, Proof::By(who)) => Ok(Some(who)),
            (Need::No, _) | (Need::WherePossible, Proof::Unable(_)) => Ok(None),
            (Need::Required, Proof::Unable(why)) => Err(uncounted(
                why,
                "`re-authenticate = \"where-possible\"` in `[approvals]` takes it without",
            )),
            (_, Proof::Unproven { why, hint }) => Err(uncounted(why, hint)),
            (Need::WherePossible | Need::Required, Proof::NotAsked) => {
                Err(uncounted("the system was not asked who gives it", "answer it again"))
            }
        }
    }
}

/// Why an answer does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Uncounted {
    pub(super) why: String,
    hint: &'static str,
}

impl From<Uncounted> for Refusal {
    fn from(uncounted: Uncounted) -> Self {
        Self::new(ErrorCode::AccessDenied, "the answer does not count")
            .because(uncounted.why)
            .hint(uncounted.hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_by_what_the_system_says_of_whoever_gives_it() {
        let unable = || Proof::Unable("there is none".to_owned());
        let unproven = || Proof::Unproven { why: "cancelled".to_owned(), hint: "again" };
        for (need, proof, counts) in [
            (Need::No, Proof::NotAsked, Ok(None)),
            (Need::WherePossible, Proof::By("polkit"), Ok(Some("polkit"))),
            (Need::Required, Proof::By("polkit"), Ok(Some("polkit"))),
            (Need::WherePossible, unable(), Ok(None)),
            (Need::Required, unable(), Err("there is none")),
            (Need::WherePossible, unproven(), Err("cancelled")),
            (Need::Required, unproven(), Err("cancelled")),
            (Need::WherePossible, Proof::NotAsked, Err("the system was not asked who gives it")),
            (Need::Required, Proof::NotAsked, Err("the system was not asked who gives it")),
        ] {
            let proven = Proven { need, proof };
            let judged = proven.judge().map_err(|uncounted| uncounted.why);
            assert_eq!(judged, counts.map_err(str::to_owned), "{proven:?}");
        }
    }
}
