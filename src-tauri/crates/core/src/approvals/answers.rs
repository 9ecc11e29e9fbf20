//! What a person may answer, how long it holds, and what stands beyond the agent's end.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{About, Subject, Tree, Waiting};
use crate::logout::{Desk, Rules, Signed, due};
use crate::time::Timestamp;

/// How long may those that asked take to come for what was approved once?
const ONCE: Duration = Duration::from_secs(5 * 60);
/// How long does an answer for a run hold where the run does not end sooner? By neither lock nor idleness:
/// a DAG of the night goes on.
const RUN: Duration = Duration::from_secs(12 * 3600);
/// Whoever gave an answer for today is held to be there for as long: it ends with him. Where the machine tells
/// nothing of a person, by the clock and with the sign-in alone.
const TODAY: Rules = Rules {
    idle: Some(Duration::from_secs(10 * 60)),
    on_lock: true,
    on_switch: true,
    after: Some(RUN),
    on_session_end: false,
    grace: Duration::ZERO,
};
/// How long is a no an answer to the same question?
const NO: Duration = Duration::from_secs(3600);
/// How long does "always" stand?
const ALWAYS: Duration = Duration::from_secs(90 * 24 * 3600);
/// How many of them are there at most?
const MOST_STANDING: usize = 256;

/// In the order in which they are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    No,
    /// Each caller that waits, one time.
    Once,
    /// Until the run or its process tree ends, and no longer than 12 hours.
    Run,
    /// For the same process tree, until midnight, and for as long as whoever gave it is there: until the screen is
    /// locked, nobody used the computer for 10 minutes, or he signs out; no longer than 12 hours.
    Today,
    /// A rule with an end: whichever process of that program asks from that folder.
    Always,
}

impl Answer {
    pub const ALL: [Self; 5] = [Self::No, Self::Once, Self::Run, Self::Today, Self::Always];

    /// The wire's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Once => "once",
            Self::Run => "run",
            Self::Today => "today",
            Self::Always => "always",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|answer| answer.as_str() == word)
    }

    pub(super) fn until(self, now: Timestamp, midnight: Timestamp) -> Timestamp {
        match self {
            Self::No => now.plus(NO),
            Self::Once => now.plus(ONCE),
            Self::Run => now.plus(RUN),
            Self::Today => midnight.min(now.plus(RUN)),
            Self::Always => now.plus(ALWAYS),
        }
    }
}

/// An answer that ends with the agent at the latest.
#[derive(Clone, Debug)]
pub struct Given {
    pub id: Arc<str>,
    pub about: About,
    pub answer: Answer,
    pub given_at: Timestamp,
    pub until: Timestamp,
    /// Of "once": those that asked and still ran, each until it was served.
    pub(super) callers: Vec<Waiting>,
}

impl Given {
    pub(super) fn is_for_today(&self) -> bool {
        self.answer == Answer::Today
    }

    /// Has whoever gave it gone since?
    pub(super) fn is_left(&self, person: &Desk, now: Timestamp) -> bool {
        let given = Signed { in_at: self.given_at, proven_at: self.given_at, lifetime: None };
        self.is_for_today() && due(&TODAY, person, &given).is_some_and(|due| due.is_over(now))
    }

    /// Once is for those that asked; for anyone of that tree where none of them runs any more.
    pub(super) fn serves(&mut self, about: &About) -> bool {
        if self.answer != Answer::Once {
            return true;
        }
        self.callers.retain(Waiting::runs);
        let Some(own) = self.callers.iter().position(|one| one.mark == about.mark()) else {
            return self.callers.is_empty();
        };
        self.callers.remove(own);
        true
    }
}

/// An answer that outlives the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Standing {
    pub id: Arc<str>,
    pub subject: Subject,
    pub folder: PathBuf,
    pub given_at: Timestamp,
    pub until: Timestamp,
}

impl Standing {
    /// `None` where nothing holds it to a program and a folder: a run's capability, a door, a process that
    /// the system does not show.
    pub(super) fn of(about: &About, id: Arc<str>, now: Timestamp) -> Option<Self> {
        let fits = about.lane.is_none() && matches!(about.tree, Tree::Process(_));
        let folder = about.verified.cwd.clone().filter(|_| fits)?;
        let seen = about.verified.executable.is_some() && about.subject.program.is_some();
        seen.then(|| Self {
            id,
            subject: about.subject.clone(),
            folder,
            given_at: now,
            until: now.plus(ALWAYS),
        })
    }

    pub(super) fn covers(&self, about: &About) -> bool {
        about.lane.is_none()
            && matches!(about.tree, Tree::Process(_))
            && about.verified.executable.is_some()
            && about.verified.cwd.as_ref() == Some(&self.folder)
            && about.subject == self.subject
    }

    fn is_sound(&self, now: Timestamp) -> bool {
        let bound = self.subject.program.is_some() && !self.subject.rules.is_empty();
        bound && self.until > now && self.until <= now.plus(ALWAYS) && !self.id.is_empty()
    }
}

/// What a file may say: whatever has no end, no program or no rule was not written by us.
pub(super) fn sound(kept: Vec<Standing>, now: Timestamp) -> Vec<Standing> {
    let mut known = HashSet::new();
    let fits = kept.into_iter().filter(|one| one.is_sound(now) && known.insert(one.id.clone()));
    fits.take(MOST_STANDING).collect()
}

pub(super) fn has_room(standing: &[Standing]) -> bool {
    standing.len() < MOST_STANDING
}
