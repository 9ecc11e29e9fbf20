//! Lanes: what a coding agent's process tree is held to. In one a caller asks for tokens and does nothing
//! else, has a share of them, and answers nothing. Who is in one is found out at the door; where what is seen of
//! it disagrees it has the least that any of it says, and whoever nobody sees the origin of the least of all.

mod shares;

use std::sync::Arc;

pub use shares::{Last, Standing};
pub(crate) use shares::{Shares, audience};

/// What those share that may be in any.
const UNSEEN: &str = "?";

/// In which lane is a caller?
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Lane {
    /// In none.
    #[default]
    Free,
    In(Within),
    /// One thing that is seen of it says this, and another that: what it has counts in each, and each has to have
    /// room.
    Each(Arc<[Within]>),
    /// Nobody sees where it comes from: it may be in any of these, and has the least of them all.
    Unseen(Arc<[Within]>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Within {
    /// Letters, digits and what a unit of systemd's may have besides: never [`UNSEEN`].
    pub name: Arc<str>,
    pub quota: Quota,
}

/// Within an hour; `None` is as many as it likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    pub tokens: Option<usize>,
    /// Whom tokens are for: profiles, and within one resources and deployments.
    pub audiences: Option<usize>,
}

impl Lane {
    /// Of all that something says it is in.
    pub fn of(claims: impl IntoIterator<Item = Within>) -> Self {
        let mut each: Vec<Within> = Vec::new();
        for one in claims {
            if each.iter().all(|known| known.name != one.name) {
                each.push(one);
            }
        }
        match (each.len(), each.pop()) {
            (_, None) => Self::Free,
            (1, Some(one)) => Self::In(one),
            (_, Some(last)) => Self::Each(each.into_iter().chain([last]).collect()),
        }
    }

    pub fn is_free(&self) -> bool {
        matches!(self, Self::Free)
    }

    /// Those that it is known to be in, or says it is.
    pub fn within(&self) -> &[Within] {
        match self {
            Self::Free | Self::Unseen(_) => &[],
            Self::In(one) => std::slice::from_ref(one),
            Self::Each(all) => all,
        }
    }

    /// Those that it may be in; `None` among them is none. A rule judges each, and the strictest answer wins.
    pub fn possible(&self) -> Vec<Option<&str>> {
        match self {
            Self::Free => vec![None],
            Self::In(_) | Self::Each(_) => {
                self.within().iter().map(|one| Some(&*one.name)).collect()
            }
            Self::Unseen(all) => {
                [None].into_iter().chain(all.iter().map(|one| Some(&*one.name))).collect()
            }
        }
    }

    /// For the record: each by its name, and `?` where it may be in any.
    pub fn names(&self) -> Vec<Arc<str>> {
        match self {
            Self::Free => Vec::new(),
            Self::In(_) | Self::Each(_) => {
                self.within().iter().map(|one| one.name.clone()).collect()
            }
            Self::Unseen(_) => vec![UNSEEN.into()],
        }
    }

    /// For a person.
    pub fn told(&self) -> String {
        match self {
            Self::Free => "no lane".to_owned(),
            Self::In(within) => format!("the lane `{}`", within.name),
            Self::Each(_) => {
                let names = self.names().join("` and `");
                format!(
                    "a process of which one thing says one lane and another another (`{names}`)"
                )
            }
            Self::Unseen(_) => {
                "a process whose origin the system does not show, which has the least of all lanes"
                    .to_owned()
            }
        }
    }

    /// By what is counted, and how much: it has to have room in each.
    fn shares(&self) -> Vec<(Arc<str>, Quota)> {
        let least = |one: Option<usize>, other: Option<usize>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        match self {
            Self::Free | Self::In(_) | Self::Each(_) => {
                self.within().iter().map(|one| (one.name.clone(), one.quota)).collect()
            }
            Self::Unseen(all) => {
                let quota = all.iter().fold(Quota::default(), |known, one| Quota {
                    tokens: least(known.tokens, one.quota.tokens),
                    audiences: least(known.audiences, one.quota.audiences),
                });
                vec![(UNSEEN.into(), quota)]
            }
        }
    }
}

#[cfg(test)]
mod tests;
