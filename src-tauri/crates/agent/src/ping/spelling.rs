//! Claims that are the groups' by all but their spelling, as they were last seen. Nothing is taken from
//! them: they are told of.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dagpass_core::profile::{Profile, ProfileName};

use crate::token::claims::Claims;

#[derive(Debug, Default)]
pub(super) struct Spellings(Mutex<BTreeMap<ProfileName, Option<String>>>);

impl Spellings {
    pub(super) fn saw(&self, profile: &Profile, claims: &Claims) {
        let near = near(claims.keys().map(String::as_str), &profile.groups_claim);
        self.held().insert(profile.name.clone(), near);
    }

    /// Seen in a token or userinfo since the agent's start.
    pub(super) fn seen(&self, profile: &Profile) -> Option<String> {
        self.held().get(&profile.name).cloned().flatten()
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<ProfileName, Option<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `None` where the claim is there as it is wanted.
pub(super) fn near<'a>(
    mut names: impl Iterator<Item = &'a str> + Clone,
    wanted: &str,
) -> Option<String> {
    let folded = |name: &str| name.to_lowercase().replace(['_', '-', ' '], "");
    let first = wanted.split('.').next().unwrap_or_default();
    if names.clone().any(|name| name == wanted || name == first) {
        return None;
    }
    names.find(|name| folded(name) == folded(wanted)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_that_differs_in_its_spelling_alone_is_near() {
        for (names, wanted, expected) in [
            (&["sub", "memberOf"][..], "memberof", Some("memberOf")),
            (&["member_of"], "memberOf", Some("member_of")),
            (&["memberOf", "memberof"], "memberof", None),
            (&["Groups"], "groups", Some("Groups")),
            (&["realm"], "realm.roles", None),
            (&["sub"], "groups", None),
            (&[], "groups", None),
        ] {
            let found = near(names.iter().copied(), wanted);
            assert_eq!(found.as_deref(), expected, "{names:?} {wanted}");
        }
    }
}
