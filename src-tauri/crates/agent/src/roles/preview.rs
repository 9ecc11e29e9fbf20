//! What a person's groups give, and why.

use std::collections::{BTreeMap, BTreeSet};

use dagpass_core::groups;

use super::file::RolesFile;

/// A person's roles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// Each role with the groups of the file that give it.
    pub gives: BTreeMap<String, BTreeSet<String>>,
    /// Groups that give nothing, as a person calls them.
    pub unmapped: Vec<String>,
}

impl Preview {
    /// The server lets nobody in without a role.
    pub fn refused(&self) -> bool {
        self.gives.is_empty()
    }
}

impl RolesFile {
    /// `groups` as Ping sent them, one entry each; a DN counts by itself and by its own name.
    pub fn preview(&self, groups: &[String]) -> Preview {
        let mut preview = Preview::default();
        for group in groups {
            let names = groups::names(group);
            let mut mapped =
                names.iter().filter_map(|name| self.roles.get_key_value(name)).peekable();
            if mapped.peek().is_none() {
                preview.unmapped.push(groups::shown(group));
            }
            for (name, roles) in mapped {
                for role in roles {
                    preview.gives.entry(role.clone()).or_default().insert(name.clone());
                }
            }
        }
        preview
    }
}
