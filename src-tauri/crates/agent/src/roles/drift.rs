//! How the file here differs from what the server maps. Decides over what each gives, not over how it
//! is written: the order of groups and roles is no difference.

use std::collections::{BTreeMap, BTreeSet};

use super::file::RolesFile;

/// Everything that differs; nothing in it is "in sync".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// The claim here and there, where they differ.
    pub claim: Option<(String, String)>,
    /// By group, what it gives here and what it gives there; empty where it is not mapped.
    pub groups: BTreeMap<String, (Vec<String>, Vec<String>)>,
}

impl Drift {
    pub fn in_sync(&self) -> bool {
        self.claim.is_none() && self.groups.is_empty()
    }
}

pub fn compare(here: &RolesFile, there: &RolesFile) -> Drift {
    let groups: BTreeSet<&String> = here.roles.keys().chain(there.roles.keys()).collect();
    let differing = groups.into_iter().filter_map(|group| {
        let (ours, theirs) = (given(here, group), given(there, group));
        (ours != theirs).then(|| (group.clone(), (list(ours), list(theirs))))
    });
    Drift {
        claim: (here.claim != there.claim).then(|| (here.claim.clone(), there.claim.clone())),
        groups: differing.collect(),
    }
}

fn given<'a>(file: &'a RolesFile, group: &str) -> BTreeSet<&'a String> {
    file.roles.get(group).into_iter().flatten().collect()
}

fn list(roles: BTreeSet<&String>) -> Vec<String> {
    roles.into_iter().cloned().collect()
}
