//! What the lanes have had within the hour. A token is counted before it is had, in every share that it is to
//! come from, and given back where it is not kept.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Lane, Quota};
use crate::error::{ErrorCode, Refusal};
use crate::request::{Caller, TokenRequest};
use crate::time::Timestamp;

/// Within what time are tokens and audiences counted?
pub(super) const SPAN: Duration = Duration::from_secs(3600);

/// What the lanes have had.
#[derive(Debug, Default)]
pub(crate) struct Shares(Mutex<HashMap<Arc<str>, Share>>);

#[derive(Debug, Default)]
pub(super) struct Share {
    pub(super) tokens: VecDeque<Timestamp>,
    /// Each with when it was last asked for.
    pub(super) audiences: HashMap<String, Timestamp>,
    last: Option<Last>,
}

/// Who asked last, with or without success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    /// As far as the system shows it.
    pub program: Option<PathBuf>,
    pub pid: Option<u32>,
    pub at: Timestamp,
}

/// One share as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The lane, or `?` of those that may be in any.
    pub name: Arc<str>,
    pub quota: Quota,
    /// How many of it were had.
    pub tokens: usize,
    pub audiences: usize,
    /// Where one of the two is spent: when there is room again. `None` too where no time would help.
    pub room_at: Option<Timestamp>,
    pub last: Option<Last>,
}

impl Standing {
    pub fn is_spent(&self) -> bool {
        self.quota.tokens.is_some_and(|most| self.tokens >= most)
            || self.quota.audiences.is_some_and(|most| self.audiences >= most)
    }
}

/// One token that was counted; given back where it is not kept.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Counted(Option<(Arc<Shares>, Vec<Place>)>);

impl Counted {
    pub(crate) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some((shares, places)) = self.0.take() {
            places.iter().for_each(|place| shares.give_back(place));
        }
    }
}

/// Whom a token is for, as far as that is said.
pub(crate) fn audience(request: &TokenRequest) -> String {
    let target = request.deployment.as_deref().or(request.target.resource.as_deref());
    format!("{} {}", request.session.account(), target.unwrap_or_default())
}

#[derive(Debug)]
struct Place {
    lane: Arc<str>,
    at: Timestamp,
    /// For the first time within the hour.
    audience: Option<String>,
}

impl Shares {
    /// Counts a token, before it is had: a crowd has no more than its share either.
    pub(crate) fn take(
        self: &Arc<Self>,
        lane: &Lane,
        audience: &str,
        (caller, now): (&Caller, Timestamp),
    ) -> Result<Counted, Refusal> {
        let wanted = lane.shares();
        if wanted.is_empty() {
            return Ok(Counted::default());
        }
        let mut shares = self.table();
        for (name, _) in &wanted {
            let share = shares.entry(name.clone()).or_default();
            share.forget(now);
            let (program, pid) = (caller.executable.clone(), caller.pid);
            share.last = Some(Last { program, pid, at: now });
        }
        for (name, quota) in &wanted {
            if let Some(share) = shares.get(name) {
                share.has_room((lane, name), (*quota, audience), now)?;
            }
        }
        let mut places = Vec::new();
        for (name, quota) in wanted {
            if let Some(share) = shares.get_mut(&name) {
                let audience = share.add(quota, audience, now);
                places.push(Place { lane: name, at: now, audience });
            }
        }
        drop(shares);
        Ok(Counted(Some((self.clone(), places))))
    }

    /// As it is now, of each that a caller there has.
    pub(crate) fn standing(&self, lane: &Lane, now: Timestamp) -> Vec<Standing> {
        let mut shares = self.table();
        let standing = |(name, quota): (Arc<str>, Quota)| {
            let share = shares.get_mut(&name).map(|share| {
                share.forget(now);
                &*share
            });
            Standing {
                quota,
                tokens: share.map_or(0, |share| share.tokens.len()),
                audiences: share.map_or(0, |share| share.audiences.len()),
                room_at: share.and_then(|share| share.room_at(quota)),
                last: share.and_then(|share| share.last.clone()),
                name,
            }
        };
        lane.shares().into_iter().map(standing).collect()
    }

    fn give_back(&self, place: &Place) {
        let mut shares = self.table();
        let Some(share) = shares.get_mut(&place.lane) else { return };
        if let Some(at) = share.tokens.iter().rposition(|at| *at == place.at) {
            share.tokens.remove(at);
        }
        // Unless another token was had for it meanwhile.
        let first = place.audience.as_ref();
        if let Some(one) = first.filter(|one| share.audiences.get(*one) == Some(&place.at)) {
            share.audiences.remove(one);
        }
    }

    pub(super) fn table(&self) -> MutexGuard<'_, HashMap<Arc<str>, Share>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// A clock that was set back counts anew.
    fn forget(&mut self, now: Timestamp) {
        let counts = |at: &Timestamp| *at <= now && at.until(now) < SPAN;
        self.tokens.retain(counts);
        self.audiences.retain(|_, at| counts(at));
    }

    fn has_room(
        &self,
        (lane, name): (&Lane, &str),
        (quota, audience): (Quota, &str),
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let who = || match lane {
            Lane::Each(_) => format!("the lane `{name}`"),
            Lane::Free | Lane::In(_) | Lane::Unseen(_) => lane.told(),
        };
        if quota.tokens.is_some_and(|most| self.tokens.len() >= most) {
            let what = format!("{} has had its tokens of this hour ({})", who(), self.tokens.len());
            return Err(spent(&what, self.tokens.front().copied(), now));
        }
        let is_new = !self.audiences.contains_key(audience);
        if is_new && quota.audiences.is_some_and(|most| self.audiences.len() >= most) {
            let had = self.audiences.len();
            let what = format!("{} has had its audiences of this hour ({had})", who());
            return Err(spent(&what, self.audiences.values().min().copied(), now));
        }
        Ok(())
    }

    /// What is not bounded is not counted: nobody fills our memory by asking. The audience, where it is new.
    fn add(&mut self, quota: Quota, audience: &str, now: Timestamp) -> Option<String> {
        if quota.tokens.is_some() {
            self.tokens.push_back(now);
        }
        let is_new = !self.audiences.contains_key(audience);
        if quota.audiences.is_some() {
            self.audiences.insert(audience.to_owned(), now);
        }
        is_new.then(|| audience.to_owned())
    }

    /// The later of the two, where both are spent.
    fn room_at(&self, quota: Quota) -> Option<Timestamp> {
        let is_full = |most: Option<usize>, had: usize| most.is_some_and(|most| had >= most);
        let tokens = self.tokens.front().filter(|_| is_full(quota.tokens, self.tokens.len()));
        let audiences = self.audiences.values().min();
        let audiences = audiences.filter(|_| is_full(quota.audiences, self.audiences.len()));
        tokens.max(audiences).map(|at| at.plus(SPAN))
    }
}

/// `None` where no time would help: a share of nothing.
fn spent(what: &str, oldest: Option<Timestamp>, now: Timestamp) -> Refusal {
    let refusal =
        Refusal::new(ErrorCode::QuotaExceeded, "this lane's share is spent").because(what);
    match oldest.map(|oldest| SPAN.saturating_sub(oldest.until(now))) {
        Some(left) => {
            let minutes = left.as_secs().div_ceil(60);
            let refusal = refusal.hint(format!("there is room again in {minutes} min"));
            Refusal { free_in: Some(left), ..refusal }
        }
        None => refusal.hint("its quota in the config is 0"),
    }
}
