//! The refresh tokens that the server gave, by family: each rotates, and a replay ends its own.

use std::collections::HashMap;

#[derive(Clone, Debug, Default)]
pub(super) struct Grants {
    families: Vec<Family>,
    family_of: HashMap<String, usize>,
    /// Whose answers were received.
    pub(super) answered: Vec<String>,
    pub(super) again: Vec<String>,
}

#[derive(Clone, Debug)]
struct Family {
    /// The one that is good; none where the family is over.
    alive: Option<String>,
    who: Option<String>,
}

impl Grants {
    pub(super) fn of(token: &str) -> Self {
        let mut grants = Self::default();
        grants.begin(token, None);
        grants
    }

    pub(super) fn begin(&mut self, token: &str, who: Option<String>) {
        self.family_of.insert(token.to_owned(), self.families.len());
        self.families.push(Family { alive: Some(token.to_owned()), who });
    }

    pub(super) fn rotate(&mut self, presented: &str, next: &str, answered: bool) -> bool {
        if self.answered.iter().any(|token| token == presented) {
            self.again.push(presented.to_owned());
        }
        let Some(index) = self.family_of.get(presented).copied() else { return false };
        let family = &mut self.families[index];
        if family.alive.as_deref() != Some(presented) {
            family.alive = None;
            return false;
        }
        family.alive = Some(next.to_owned());
        self.family_of.insert(next.to_owned(), index);
        if answered {
            self.answered.push(presented.to_owned());
        }
        true
    }

    pub(super) fn end(&mut self, token: &str) {
        if let Some(index) = self.family_of.get(token) {
            self.families[*index].alive = None;
        }
    }

    pub(super) fn is_alive(&self, token: &str) -> bool {
        let family = self.family_of.get(token).map(|index| &self.families[*index]);
        family.is_some_and(|family| family.alive.as_deref() == Some(token))
    }

    pub(super) fn who(&self, token: &str) -> Option<String> {
        self.families[*self.family_of.get(token)?].who.clone()
    }
}
