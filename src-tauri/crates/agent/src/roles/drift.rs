//! How the file here differs from what the server maps. Decides over what each gives, not over how it
//! is written: the order of groups and roles is no difference.

use std::collections::{BTreeMap, BTreeSet};

use super::file::RolesFile;

/// How old a service's token may be where its entry does not say: the server's own default.
const DEFAULT_AGE: u64 = 3_600;

/// Everything that differs; nothing in it is "in sync".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// The claim here and there, where they differ.
    pub claim: Option<(String, String)>,
    /// By group, what it gives here and what it gives there; empty where it is not mapped.
    pub groups: BTreeMap<String, (Vec<String>, Vec<String>)>,
    /// By client, the same; of one whose tokens have to say something else, that too.
    pub clients: BTreeMap<String, (Vec<String>, Vec<String>)>,
}

impl Drift {
    pub fn in_sync(&self) -> bool {
        self.claim.is_none() && self.groups.is_empty() && self.clients.is_empty()
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
        clients: clients(here, there),
    }
}

fn clients(here: &RolesFile, there: &RolesFile) -> BTreeMap<String, (Vec<String>, Vec<String>)> {
    let (ours, theirs) = (here.clients.iter().flatten(), there.clients.iter().flatten());
    let names: BTreeSet<&String> = ours.chain(theirs).map(|(name, _)| name).collect();
    let differing = names.into_iter().filter_map(|name| {
        let sides = (client(here, name), client(there, name));
        (sides.0 != sides.1).then(|| (name.clone(), sides))
    });
    differing.collect()
}

/// What it gives and to which tokens; empty where it is not there.
fn client(file: &RolesFile, name: &str) -> Vec<String> {
    let Some(client) = file.clients.as_ref().and_then(|all| all.get(name)) else {
        return Vec::new();
    };
    let roles: BTreeSet<&String> = client.roles.iter().collect();
    let age = client.max_age.unwrap_or(DEFAULT_AGE);
    let mut told = list(roles);
    told.push(format!("for {}, at most {age} s old", client.shown()));
    told
}

fn given<'a>(file: &'a RolesFile, group: &str) -> BTreeSet<&'a String> {
    file.roles.get(group).into_iter().flatten().collect()
}

fn list(roles: BTreeSet<&String>) -> Vec<String> {
    roles.into_iter().cloned().collect()
}
