//! Who may have which token: a `Permit`, or `Denied`. Only a permit reaches the cache.

use crate::error::{ErrorCode, Refusal};
use crate::request::{Caller, TokenRequest};

/// Proof that a request was judged. Made here and nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct Permit(());

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    pub reason: String,
}

/// A run's capability narrows its holder to the profiles it was made for.
pub fn judge(request: &TokenRequest, caller: &Caller) -> Result<Permit, Denied> {
    let Some(narrowing) = &caller.narrowed_to else {
        return Ok(Permit(()));
    };
    if narrowing.profiles.contains(&request.session.profile) {
        return Ok(Permit(()));
    }
    Err(Denied {
        reason: format!(
            "this run's capability does not cover the profile `{}`",
            request.session.profile
        ),
    })
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self::new(ErrorCode::AccessDenied, "the request was denied").because(denied.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::ask;
    use crate::profile::ProfileName;
    use crate::request::Narrowing;

    #[test]
    fn a_run_is_held_to_its_profiles() {
        let narrowed = |names: &[&str]| Caller {
            narrowed_to: Some(Narrowing {
                profiles: names.iter().map(|name| ProfileName::new(*name)).collect(),
            }),
            ..Caller::default()
        };
        assert!(judge(&ask("prod"), &Caller::default()).is_ok());
        assert!(judge(&ask("prod"), &narrowed(&["dev", "prod"])).is_ok());
        assert!(judge(&ask("prod"), &narrowed(&["dev"])).is_err());
        assert!(judge(&ask("prod"), &narrowed(&[])).is_err());
    }
}
