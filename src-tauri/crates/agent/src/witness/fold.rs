//! Counts what happens many times a minute, by who did what: one line with count, first and last. In
//! memory, bounded; what has no place of its own is counted together. Who asks in vain is told apart by what
//! they say of themselves, which can be many things: they have a room of their own, so that they never stand
//! where others are counted, and where there is no place left in it each is a line.

mod kind;

use std::collections::HashMap;
use std::time::Duration;

use dagpass_core::audit::Event;
use dagpass_core::time::Timestamp;

use self::kind::Counted;
pub(super) use self::kind::Folded;

use super::{MINUTE, Way};

/// How many kinds are told apart in a room?
const KINDS: usize = 256;

type Room = HashMap<Folded, Count>;

#[derive(Debug, Default)]
pub(super) struct Fold {
    decisions: Room,
    issues: Room,
}

#[derive(Debug)]
struct Count {
    /// Since when a line is owed; the first of a kind may have had its own.
    since: Timestamp,
    /// How long is counted from then on?
    span: Duration,
    counted: Option<Counted>,
}

impl Fold {
    /// `false` where this one is to be told at once.
    pub(super) fn count(&mut self, what: Folded, now: Timestamp, way: Way) -> bool {
        let (is_first_told, span) = match way {
            Way::Line => return false,
            Way::FirstThenCounted(span) => (true, span),
            Way::Counted => (false, MINUTE),
        };
        let room = self.room(&what);
        let full = room.len() >= KINDS && !room.contains_key(&what);
        if full && what.event == Event::Issue {
            return false;
        }
        let what = if full { what.anyones() } else { what };
        let is_told = is_first_told && !room.contains_key(&what);
        let count = room.entry(what).or_insert(Count { since: now, span, counted: None });
        if !is_told {
            count.add(now);
        }
        !is_told
    }

    /// Counts one that was to be told at once and could not be.
    pub(super) fn owe(&mut self, what: Folded, now: Timestamp, way: Way) {
        let span = match way {
            Way::FirstThenCounted(span) => span,
            Way::Line | Way::Counted => MINUTE,
        };
        self.place(what, now, span).add(now);
    }

    /// What a line is owed for by now. A kind that was quiet for its span is forgotten.
    pub(super) fn due(&mut self, now: Timestamp, all: bool) -> Vec<Folded> {
        let mut due = Vec::new();
        let mut is_kept = |what: &Folded, count: &mut Count| {
            // A clock that was set back ends the span.
            if !all && count.since <= now && count.since.until(now) < count.span {
                return true;
            }
            let Some(counted) = count.counted.take() else { return false };
            due.push(what.clone().with(Some(counted)));
            count.since = now;
            // Looks begin anew; of a refusal that goes on, the next line follows this one.
            what.is_refusal() && !all
        };
        self.decisions.retain(&mut is_kept);
        self.issues.retain(&mut is_kept);
        due.sort_by_key(|folded| folded.counted.map(|counted| counted.first));
        due
    }

    /// It could not be written: it is still owed.
    pub(super) fn put_back(&mut self, folded: Folded) {
        let Some(counted) = folded.counted else { return };
        let what = folded.with(None);
        let count = self.place(what, counted.last, counted.span);
        count.counted = Some(count.counted.map_or(counted, |newer| Counted {
            count: counted.count.saturating_add(newer.count),
            first: counted.first,
            ..newer
        }));
    }

    fn room(&mut self, what: &Folded) -> &mut Room {
        match what.event {
            Event::Issue => &mut self.issues,
            _ => &mut self.decisions,
        }
    }

    /// Its own, or everybody's where there is none left.
    fn place(&mut self, what: Folded, now: Timestamp, span: Duration) -> &mut Count {
        let room = self.room(&what);
        let has_room = room.len() < KINDS || room.contains_key(&what);
        let what = if has_room { what } else { what.anyones() };
        room.entry(what).or_insert(Count { since: now, span, counted: None })
    }
}

impl Count {
    fn add(&mut self, now: Timestamp) {
        match &mut self.counted {
            Some(counted) => {
                counted.count = counted.count.saturating_add(1);
                counted.last = now;
            }
            None => {
                let span = self.span;
                self.counted = Some(Counted { count: 1, span, first: now, last: now });
            }
        }
    }
}

#[cfg(test)]
mod tests;
