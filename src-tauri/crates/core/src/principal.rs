//! Who asks: made once at the door, from what the system and the presented capability say, and judged
//! everywhere by this alone. Rights default to none.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

use crate::lanes::Lane;
use crate::policy::facts::Verified;
use crate::policy::{Action, Rights};
use crate::profile::ProfileName;
use crate::request::Caller;

/// A caller, as every decision sees it.
#[derive(Clone, Debug)]
pub struct Principal {
    pub kind: Kind,
    pub rights: Rights,
    pub narrowing: Narrowing,
    /// The environment that its capability was made for: no other is served.
    pub env: Option<String>,
    /// Of a run within others: the outermost, whose share they all use.
    pub root: Option<String>,
    /// The process as the record shows it; what it declares of itself is in its context.
    pub caller: Caller,
    pub process: Process,
    /// Which narrows what it may do, besides all else.
    pub lane: Lane,
}

/// By which way in, which decides what it may do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The agent itself: what it does ahead of need.
    Agent,
    /// The user whose agent this is, at the socket or pipe, or by the capability of `endpoint.json`.
    Owner,
    /// A process tree with a capability of its own, by the run's id.
    Run(String),
    /// Behind a door for containers, by the door's name.
    Container(String),
    /// At the far end of a socket that ssh forwards, by the door's name.
    Forwarded(String),
    /// At the far end of `dagpass relay`: the asking process runs in another system.
    Relay,
}

/// The kinds by themselves, in the words of config and policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    Owner,
    Run,
    Container,
    Forwarded,
    Relay,
    Agent,
}

impl Who {
    pub const ALL: [Self; 6] =
        [Self::Owner, Self::Run, Self::Container, Self::Forwarded, Self::Relay, Self::Agent];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Run => "run",
            Self::Container => "container",
            Self::Forwarded => "forwarded",
            Self::Relay => "relay",
            Self::Agent => "agent",
        }
    }
}

impl Kind {
    pub const fn who(&self) -> Who {
        match self {
            Self::Agent => Who::Agent,
            Self::Owner => Who::Owner,
            Self::Run(_) => Who::Run,
            Self::Container(_) => Who::Container,
            Self::Forwarded(_) => Who::Forwarded,
            Self::Relay => Who::Relay,
        }
    }

    /// What callers of this kind may do at most.
    pub const fn rights(&self) -> Rights {
        match self {
            Self::Agent => Rights::AGENT,
            Self::Owner | Self::Relay => Rights::OWNER,
            Self::Run(_) => Rights::RUN,
            Self::Container(_) | Self::Forwarded(_) => Rights::DOOR,
        }
    }

    /// A name that stays the same from one request to the next.
    pub fn name(&self) -> &str {
        match self {
            Self::Agent => "agent",
            Self::Owner => "owner",
            Self::Run(id) | Self::Container(id) | Self::Forwarded(id) => id,
            Self::Relay => "relay",
        }
    }
}

impl Principal {
    /// With all that its kind may do, and nothing narrower.
    pub fn new(kind: Kind, caller: Caller) -> Self {
        Self {
            rights: kind.rights(),
            kind,
            narrowing: Narrowing::default(),
            env: None,
            root: None,
            caller,
            process: Process::default(),
            lane: Lane::Free,
        }
    }

    /// By what is counted how much it asks for: beginning a run within a run gives no new share.
    pub fn name(&self) -> &str {
        self.root.as_deref().unwrap_or_else(|| self.kind.name())
    }

    /// The owner at the agent's own machine: by its socket or pipe, or with the capability of `endpoint.json`.
    pub fn is_at_hand(&self) -> bool {
        self.kind == Kind::Owner && !self.caller.remote
    }

    pub fn may(&self, action: Action) -> bool {
        self.rights.include(action) && (self.lane.is_free() || Rights::LANE.include(action))
    }
}

/// What a capability may ask for; `None` is everything of that kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowing {
    pub profiles: Option<Vec<ProfileName>>,
    /// Connections alone: a token that is asked for without one is then not covered.
    pub connections: Option<Vec<String>>,
}

impl Narrowing {
    pub fn is_everything(&self) -> bool {
        self.profiles.is_none() && self.connections.is_none()
    }

    pub fn covers_profile(&self, profile: &ProfileName) -> bool {
        self.profiles.as_ref().is_none_or(|covered| covered.contains(profile))
    }

    pub fn covers_connection(&self, connection: Option<&str>) -> bool {
        let covered = self.connections.as_ref();
        covered.is_none_or(|ids| ids.iter().any(|id| Some(id.as_str()) == connection))
    }

    /// What both cover.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            profiles: common(self.profiles.as_ref(), other.profiles.as_ref()),
            connections: common(self.connections.as_ref(), other.connections.as_ref()),
        }
    }
}

fn common<T: Clone + PartialEq>(one: Option<&Vec<T>>, other: Option<&Vec<T>>) -> Option<Vec<T>> {
    match (one, other) {
        (Some(one), Some(other)) => {
            Some(one.iter().filter(|item| other.contains(item)).cloned().collect())
        }
        (one, other) => one.or(other).cloned(),
    }
}

/// The process that connected, held since then: asked again before a token leaves.
#[derive(Clone, Default)]
pub struct Process {
    pinned: Option<Arc<dyn Pinned>>,
    carries: bool,
}

/// What the system says of a process that was taken note of before.
pub trait Pinned: Send + Sync {
    /// `Err` says what became of it: it ended, or runs another program now.
    fn holds(&self) -> Result<(), &'static str>;

    /// What the system says of it; looked up when it is asked for, and the same from then on.
    fn facts(&self) -> Arc<Verified>;

    /// SHA-256 of the program that it runs, in hex; counted when it is asked for, once for each state of a file.
    fn digest(&self) -> Option<String> {
        None
    }

    /// Where it comes from, as far as the system shows it; looked up when it is asked for.
    fn lineage(&self) -> Lineage {
        Lineage::default()
    }

    /// The last of its process tree, by which the tree is known; the same from then on.
    fn leader(&self) -> Option<Mark> {
        self.lineage().tree.last().copied()
    }
}

/// A process by its number and its start mark: a number that is used again is another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mark {
    pub pid: u32,
    pub started_at: Option<u64>,
}

/// Who started whom, from a process upwards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lineage {
    /// Itself, then its parents up to the leader of their session: its process tree.
    pub tree: Vec<Mark>,
    /// Further up, and of the same user; without what starts everything of a desktop or a session.
    pub above: Vec<Mark>,
    /// The session's number: it stays when its leader has ended.
    pub session: Option<u32>,
    /// The device of its controlling terminal.
    pub terminal: Option<u32>,
    /// The agent itself under its icon, or the window that it opened; not what else it started.
    pub is_of_agent: bool,
    /// The scope or service that systemd runs it in.
    pub unit: Option<String>,
    /// What started it ended, and whoever takes such processes over says nothing of where it comes from.
    pub is_adopted: bool,
}

impl Lineage {
    pub fn is_seen(&self) -> bool {
        !self.tree.is_empty()
    }

    /// Does either belong to the other's tree, or come from it?
    pub fn is_related(&self, other: &Self) -> bool {
        let within = |one: &Self, other: &Self| {
            other.tree.iter().any(|mark| one.tree.contains(mark) || one.above.contains(mark))
        };
        let same_session = self.session.is_some() && self.session == other.session;
        same_session || within(self, other) || within(other, self)
    }

    /// Did one program start both, in sessions of their own, and `other` has no terminal that is another's? So
    /// do tools that put each command into a session; a person in the next window of tmux has a terminal.
    pub fn is_beside(&self, other: &Self) -> bool {
        let has_own = other.terminal.is_some() && other.terminal != self.terminal;
        !has_own && self.above.iter().any(|mark| other.above.contains(mark))
    }
}

impl Process {
    pub fn pinned(process: Arc<dyn Pinned>) -> Self {
        Self { pinned: Some(process), carries: false }
    }

    /// It brings what another asks, whom nobody sees from here: it is held, and what it is says nothing of
    /// who asks.
    #[must_use]
    pub fn carrying(self) -> Self {
        Self { carries: true, ..self }
    }

    /// Is it still the one that asked? A caller that the system does not show has nothing to compare.
    pub fn holds(&self) -> Result<(), &'static str> {
        self.pinned.as_ref().map_or(Ok(()), |process| process.holds())
    }

    pub fn facts(&self) -> Arc<Verified> {
        let shown = self.pinned.as_ref().filter(|_| !self.carries);
        shown.map_or_else(Arc::default, |process| process.facts())
    }

    /// Of its program, for the record. Of whoever carries none.
    pub fn digest(&self) -> Option<String> {
        self.pinned.as_ref().filter(|_| !self.carries)?.digest()
    }

    /// Of whoever carries, too: it is there on this machine that somebody began it.
    pub fn lineage(&self) -> Lineage {
        self.pinned.as_ref().map_or_else(Lineage::default, |process| process.lineage())
    }

    /// By whom its tree is known, also of whoever carries.
    pub fn leader(&self) -> Option<Mark> {
        self.pinned.as_ref()?.leader()
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.pinned.is_some() { "Process(pinned)" } else { "Process(unknown)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrowing_within_another_covers_what_both_do() {
        let of = |profiles: Option<&[&str]>, connections: Option<&[&str]>| Narrowing {
            profiles: profiles.map(|all| all.iter().map(|name| ProfileName::new(*name)).collect()),
            connections: connections.map(|all| all.iter().map(|id| (*id).to_owned()).collect()),
        };
        let table = [
            (of(None, None), of(None, None), of(None, None)),
            (of(Some(&["a", "b"]), None), of(Some(&["b", "c"]), None), of(Some(&["b"]), None)),
            (of(Some(&["a"]), None), of(Some(&["b"]), None), of(Some(&[]), None)),
            (of(Some(&["a"]), None), of(None, Some(&["w"])), of(Some(&["a"]), Some(&["w"]))),
            (of(None, Some(&["w", "x"])), of(None, Some(&["x"])), of(None, Some(&["x"]))),
        ];
        for (one, other, both) in table {
            assert_eq!(one.and(&other), both, "{one:?} {other:?}");
            assert_eq!(other.and(&one), both, "{other:?} {one:?}");
        }
        assert!(of(None, None).is_everything() && !of(Some(&[]), None).is_everything());
    }
}
