//! Is it who it was, and did they prove it anew where that was asked?

use crate::endpoints::{self, Standing};
use crate::error::{ErrorCode, Refusal};
use crate::profile::Profile;
use crate::session::StoredSession;
use crate::token::Identity;

/// What a sign-in has to come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// `auth_time` must move.
    pub fresh: bool,
    /// The `sub` a person agreed to switch to, after a `subject_changed`.
    pub accept_subject: Option<String>,
}

impl Claim {
    pub(crate) fn holds(
        &self,
        profile: &Profile,
        last: Option<&StoredSession>,
        now: Option<&Identity>,
    ) -> Result<(), Refusal> {
        let last = last.filter(|last| endpoints::standing(last, profile) != Standing::Another);
        let before = last.and_then(|session| session.identity.as_ref());
        let (Some(before), Some(now)) = (before, now) else { return Ok(()) };
        let same = before.subject == now.subject;
        let agreed = self.accept_subject.as_deref() == Some(now.subject.sub.as_str());
        if !same && !agreed {
            return Err(another_person(profile, before, now));
        }
        let proven_anew = now.auth_time.is_none() || now.auth_time > before.auth_time;
        if self.fresh && same && !proven_anew {
            return Err(Refusal::new(
                ErrorCode::InsufficientUserAuthentication,
                "Ping did not ask for a new proof of identity",
            )
            .because("`auth_time` did not move, although `prompt=login` was sent"));
        }
        Ok(())
    }
}

fn another_person(profile: &Profile, before: &Identity, now: &Identity) -> Refusal {
    let (before, now) = (&before.subject.sub, &now.subject.sub);
    let what = format!("another person signed in on {}", profile.called());
    Refusal::new(ErrorCode::SubjectChanged, what)
        .because(format!("it was `{before}`, now it is `{now}`"))
        .hint(format!("if that is meant, run `{} --accept-subject {now}`", profile.login()))
}
