//! When a session ends without anybody asking for it: what the config wants, what the machine tells of the
//! person before it, and what follows. A decision over values; [`wind_up`] is what becomes of the session.
//!
//! What a person did not see does not count: whoever signed in after the screen was locked, or after the
//! computer was left, is there.

mod wind_up;

use std::time::Duration;

use crate::time::Timestamp;

pub(crate) use wind_up::Gone;
pub use wind_up::{Out, WindUp};

/// How long before a session is ended is that told?
const AHEAD: Duration = Duration::from_secs(5 * 60);

/// How long may a run that is in flight go on, where the config names no `grace`?
pub const GRACE: Duration = Duration::from_secs(10 * 60);

/// What the config wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Nobody used the computer for so long.
    pub idle: Option<Duration>,
    /// The screen was locked.
    pub on_lock: bool,
    /// Another session of the machine is in front, or this one was disconnected.
    pub on_switch: bool,
    /// So long after the proof of identity.
    pub after: Option<Duration>,
    /// Ping's own session ends, where the profile says when.
    pub on_session_end: bool,
    /// How long runs in flight go on.
    pub grace: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            idle: None,
            on_lock: false,
            on_switch: false,
            after: None,
            on_session_end: true,
            grace: GRACE,
        }
    }
}

impl Rules {
    /// Is there any end to look out for, by a session's own lifetime too?
    pub const fn may_end(&self, lifetime: Option<Duration>) -> bool {
        let by_clock = self.after.is_some() || self.on_session_end && lifetime.is_some();
        by_clock || self.watch_the_person()
    }

    /// Has anybody to tell of the person?
    pub const fn watch_the_person(&self) -> bool {
        self.idle.is_some() || self.on_lock || self.on_switch
    }
}

/// What the machine tells of the person before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The screen was locked just now.
    Locks,
    /// Another session came to the front just now.
    Switches,
    /// How it stands, by a look: what was locked before is not locked anew.
    IsLocked(bool),
    IsAway(bool),
    /// Somebody last touched the computer then.
    Touched(Timestamp),
}

/// What is known of the person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desk {
    locked: Last,
    away: Last,
    touched: Option<Timestamp>,
}

/// When it last began. One that is over still counts for whoever was there: a session that was being read
/// meanwhile is judged late.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Last {
    lasts: bool,
    began: Option<Timestamp>,
}

impl Last {
    const fn begins(&mut self, now: Timestamp) {
        *self = Self { lasts: true, began: Some(now) };
    }

    const fn stands(&mut self, lasts: bool, now: Timestamp) {
        if lasts && !self.lasts {
            self.begins(now);
        }
        self.lasts = lasts;
    }
}

impl Desk {
    pub fn hear(&mut self, signal: Signal, now: Timestamp) {
        match signal {
            Signal::Locks => self.locked.begins(now),
            Signal::Switches => self.away.begins(now),
            Signal::IsLocked(lasts) => self.locked.stands(lasts, now),
            Signal::IsAway(lasts) => self.away.stands(lasts, now),
            Signal::Touched(at) => self.touched = Some(at.min(now)),
        }
    }

    /// Nobody tells any more how long the computer is left alone: what was known of it says nothing.
    pub fn lost_touch(&mut self) {
        self.touched = None;
    }
}

/// Why a session was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    Idle,
    Lock,
    Switch,
    After,
    SessionEnded,
    /// An earlier life of the agent may have ended it, by any of these: what it left cannot be read.
    Unread,
}

impl Reason {
    pub const ALL: [Self; 6] =
        [Self::Idle, Self::Lock, Self::Switch, Self::After, Self::SessionEnded, Self::Unread];

    /// The record's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Lock => "lock",
            Self::Switch => "switch",
            Self::After => "after",
            Self::SessionEnded => "session-ended",
            Self::Unread => "unread",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// What happened, with the key of the config that makes it a sign-out.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Idle => "nobody used this computer for as long as `[logout] idle` says",
            Self::Lock => "the screen was locked (`[logout] on-lock`)",
            Self::Switch => "another session took the screen (`[logout] on-switch`)",
            Self::After => "the sign-in is as old as `[logout] after` allows",
            Self::SessionEnded => {
                "Ping's own session is over by the profile's `session-lifetime` (`[logout] on-session-end`)"
            }
            Self::Unread => {
                "it may have been signed out before: `logout.json` cannot be read (`dagpass status` says why)"
            }
        }
    }

    /// Has the next sign-in to be a new proof of identity, because an older one is over at once?
    pub const fn wants_new_proof(self) -> bool {
        matches!(self, Self::After | Self::SessionEnded)
    }
}

/// A session, as far as its end without a word matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    pub in_at: Timestamp,
    /// When the person last proved who they are; the sign-in where nobody told.
    pub proven_at: Timestamp,
    /// How long Ping's own session lasts, where the profile says it.
    pub lifetime: Option<Duration>,
}

/// When it will be ended, if nothing else happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub reason: Reason,
    pub at: Timestamp,
    ahead: Duration,
}

impl Due {
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.at <= now
    }

    /// Is it told by now?
    pub fn is_told(&self, now: Timestamp) -> bool {
        self.told_at() <= now
    }

    pub fn told_at(&self) -> Timestamp {
        self.at.minus(self.ahead)
    }

    const fn at_once(reason: Reason, at: Timestamp) -> Self {
        Self { reason, at, ahead: Duration::ZERO }
    }

    /// Told five minutes ahead, and of a short span its second half.
    fn after(reason: Reason, from: Timestamp, span: Duration) -> Self {
        Self { reason, at: from.plus(span), ahead: AHEAD.min(span / 2) }
    }
}

/// The first end that is known; `None` where there is none.
pub fn due(rules: &Rules, desk: &Desk, signed: &Signed) -> Option<Due> {
    let unseen = |since: &Timestamp| *since >= signed.in_at;
    let lock = desk.locked.began.filter(|_| rules.on_lock).filter(unseen);
    let switch = desk.away.began.filter(|_| rules.on_switch).filter(unseen);
    // Whoever signs in is at work.
    let idle =
        rules.idle.zip(desk.touched).map(|(span, touched)| (touched.max(signed.in_at), span));
    let lifetime = signed.lifetime.filter(|_| rules.on_session_end);
    [
        lock.map(|at| Due::at_once(Reason::Lock, at)),
        switch.map(|at| Due::at_once(Reason::Switch, at)),
        idle.map(|(from, span)| Due::after(Reason::Idle, from, span)),
        rules.after.map(|span| Due::after(Reason::After, signed.proven_at, span)),
        lifetime.map(|span| Due::after(Reason::SessionEnded, signed.proven_at, span)),
    ]
    .into_iter()
    .flatten()
    .min_by_key(|due| due.at)
}

/// What is over by the clock alone, though nobody has looked yet: the machine slept, or the agent begins.
pub(crate) fn over(rules: &Rules, signed: &Signed, now: Timestamp) -> Option<Out> {
    let due = due(rules, &Desk::default(), signed).filter(|due| due.is_over(now))?;
    Some(Out { reason: due.reason, at: due.at })
}

#[cfg(test)]
mod tests;
