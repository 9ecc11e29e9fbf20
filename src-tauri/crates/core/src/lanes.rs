//! Lanes: what a coding agent's process tree is held to. In one a caller asks for tokens and does nothing
//! else, has a share of them, and answers nothing. Who is in one is found out at the door; whoever nobody sees
//! the origin of is held to the least of all.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::error::{ErrorCode, Refusal};
use crate::request::TokenRequest;
use crate::time::Timestamp;

/// Within what time are tokens and audiences counted?
const SPAN: Duration = Duration::from_secs(3600);
/// What those share that may be in any.
const UNSEEN: &str = "";

/// In which lane is a caller?
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Lane {
    /// In none.
    #[default]
    Free,
    In(Within),
    /// Nobody sees where it comes from: it may be in any of these, and has the least of them all.
    Unseen(Arc<[Within]>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Within {
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
    pub fn is_free(&self) -> bool {
        matches!(self, Self::Free)
    }

    /// Those that it may be in; `None` among them is none. A rule judges each, and the strictest answer wins.
    pub fn possible(&self) -> Vec<Option<&str>> {
        match self {
            Self::Free => vec![None],
            Self::In(within) => vec![Some(&within.name)],
            Self::Unseen(all) => {
                [None].into_iter().chain(all.iter().map(|one| Some(&*one.name))).collect()
            }
        }
    }

    /// For a person.
    pub fn told(&self) -> String {
        match self {
            Self::Free => "no lane".to_owned(),
            Self::In(within) => format!("the lane `{}`", within.name),
            Self::Unseen(_) => {
                "a process whose origin the system does not show, which has the least of all lanes"
                    .to_owned()
            }
        }
    }

    /// By what is counted, and how much.
    fn share(&self) -> Option<(&str, Quota)> {
        let least = |one: Option<usize>, other: Option<usize>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        match self {
            Self::Free => None,
            Self::In(within) => Some((&within.name, within.quota)),
            Self::Unseen(all) => {
                let quota = all.iter().fold(Quota::default(), |known, one| Quota {
                    tokens: least(known.tokens, one.quota.tokens),
                    audiences: least(known.audiences, one.quota.audiences),
                });
                Some((UNSEEN, quota))
            }
        }
    }
}

/// What the lanes have had.
#[derive(Debug, Default)]
pub(crate) struct Shares(Mutex<HashMap<String, Share>>);

#[derive(Debug, Default)]
struct Share {
    tokens: VecDeque<Timestamp>,
    /// Each with when it was last asked for.
    audiences: HashMap<String, Timestamp>,
}

/// One token that was counted; given back where it is not kept.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Counted(Option<(Arc<Shares>, Place)>);

impl Counted {
    pub(crate) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some((shares, place)) = self.0.take() {
            shares.give_back(&place);
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
    lane: String,
    at: Timestamp,
    /// For the first time within the hour.
    audience: Option<String>,
}

impl Shares {
    /// Counts a token, before it is had: a crowd has no more than its share either.
    pub(crate) fn take(
        self: &Arc<Self>,
        lane: &Lane,
        audience: String,
        now: Timestamp,
    ) -> Result<Counted, Refusal> {
        let Some((name, quota)) = lane.share() else { return Ok(Counted::default()) };
        let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let share = shares.entry(name.to_owned()).or_default();
        // A clock that was set back counts anew.
        let counts = |at: &Timestamp| *at <= now && at.until(now) < SPAN;
        share.tokens.retain(counts);
        share.audiences.retain(|_, at| counts(at));
        if quota.tokens.is_some_and(|most| share.tokens.len() >= most) {
            let what = format!("has had its tokens of this hour ({})", share.tokens.len());
            return Err(spent(lane, &what, share.tokens.front().copied(), now));
        }
        let is_new = !share.audiences.contains_key(&audience);
        if is_new && quota.audiences.is_some_and(|most| share.audiences.len() >= most) {
            let what = format!("has had its audiences of this hour ({})", share.audiences.len());
            return Err(spent(lane, &what, share.audiences.values().min().copied(), now));
        }
        // What is not bounded is not counted: nobody fills our memory by asking.
        if quota.tokens.is_some() {
            share.tokens.push_back(now);
        }
        if quota.audiences.is_some() {
            share.audiences.insert(audience.clone(), now);
        }
        let audience = is_new.then_some(audience);
        let place = Place { lane: name.to_owned(), at: now, audience };
        Ok(Counted(Some((self.clone(), place))))
    }

    fn give_back(&self, place: &Place) {
        let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
}

/// `None` where no time would help: a share of nothing.
fn spent(lane: &Lane, what: &str, oldest: Option<Timestamp>, now: Timestamp) -> Refusal {
    let refusal = Refusal::new(ErrorCode::QuotaExceeded, "this lane's share is spent")
        .because(format!("{} {what}", lane.told()));
    match oldest.map(|oldest| SPAN.saturating_sub(oldest.until(now))) {
        Some(left) => {
            let minutes = left.as_secs().div_ceil(60);
            let refusal = refusal.hint(format!("there is room again in {minutes} min"));
            Refusal { free_in: Some(left), ..refusal }
        }
        None => refusal.hint("its quota in the config is 0"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(name: &str, tokens: Option<usize>, audiences: Option<usize>) -> Within {
        Within { name: name.into(), quota: Quota { tokens, audiences } }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + seconds)
    }

    fn taken(
        shares: &Arc<Shares>,
        (lane, audience): (&Lane, &str),
        seconds: i64,
    ) -> Result<Counted, u64> {
        let taken = shares.take(lane, audience.to_owned(), at(seconds));
        taken.map_err(|refusal| {
            assert_eq!(refusal.code, ErrorCode::QuotaExceeded);
            refusal.free_in.map_or(u64::MAX, |left| left.as_secs())
        })
    }

    fn had(shares: &Arc<Shares>, lane: &Lane, audience: &str, seconds: i64) -> Result<(), u64> {
        taken(shares, (lane, audience), seconds).map(Counted::keep)
    }

    #[test]
    fn a_lane_has_its_tokens_of_an_hour_and_is_told_when_there_is_room_again() {
        let shares = Arc::new(Shares::default());
        let lane = Lane::In(within("agent", Some(2), None));
        assert!(had(&shares, &lane, "a", 0).is_ok() && had(&shares, &lane, "b", 600).is_ok());
        assert_eq!(had(&shares, &lane, "a", 900).unwrap_err(), 2700);
        let other = Lane::In(within("other", Some(1), None));
        assert!(had(&shares, &other, "a", 900).is_ok(), "another lane's share is its own");
        assert!(had(&shares, &Lane::Free, "a", 900).is_ok());
        assert!(had(&shares, &lane, "a", 3600).is_ok());
        assert_eq!(had(&shares, &lane, "a", 3601).unwrap_err(), 599);
        assert!(had(&shares, &lane, "a", -10).is_ok(), "a clock that was set back counts anew");
        let none = Lane::In(within("none", Some(0), None));
        assert_eq!(had(&shares, &none, "a", 0).unwrap_err(), u64::MAX);
    }

    #[test]
    fn audiences_are_counted_once_each_for_as_long_as_they_are_asked_for() {
        let shares = Arc::new(Shares::default());
        let lane = Lane::In(within("agent", None, Some(2)));
        for (audience, seconds, expected) in [
            ("a", 0, Ok(())),
            ("b", 10, Ok(())),
            ("a", 3000, Ok(())),
            ("c", 3001, Err(609)),
            ("c", 3610, Ok(())),
            ("b", 3611, Err(2989)),
        ] {
            assert_eq!(had(&shares, &lane, audience, seconds), expected, "{audience} {seconds}");
        }
    }

    #[test]
    fn what_has_no_bound_is_not_counted() {
        let kept = |tokens, audiences| {
            let shares = Arc::new(Shares::default());
            let lane = Lane::In(within("agent", tokens, audiences));
            for at in 0..9 {
                assert!(had(&shares, &lane, &at.to_string(), at).is_ok());
            }
            let all = shares.0.lock().unwrap();
            let share = &all["agent"];
            (share.tokens.len(), share.audiences.len())
        };
        assert_eq!(kept(None, None), (0, 0));
        assert_eq!(kept(Some(10), None), (9, 0));
        assert_eq!(kept(None, Some(10)), (0, 9));
    }

    #[test]
    fn what_came_to_nothing_is_given_back() {
        let shares = Arc::new(Shares::default());
        let lane = Lane::In(within("agent", Some(1), Some(1)));
        for (audience, seconds) in [("a", 0), ("b", 1)] {
            let counted = taken(&shares, (&lane, audience), seconds).unwrap();
            assert!(had(&shares, &lane, audience, seconds).is_err(), "while it is on its way");
            drop(counted);
        }
        assert!(had(&shares, &lane, "a", 2).is_ok());
    }

    #[test]
    fn whoever_may_be_in_any_has_the_least_of_each_and_a_share_of_their_own() {
        let (one, other) = (within("a", Some(5), None), within("b", Some(1), Some(3)));
        let unseen = Lane::Unseen([one.clone(), other].into());
        assert_eq!(unseen.share().unwrap().1, Quota { tokens: Some(1), audiences: Some(3) });
        assert_eq!(unseen.possible(), [None, Some("a"), Some("b")]);
        let shares = Arc::new(Shares::default());
        assert!(had(&shares, &unseen, "x", 0).is_ok() && had(&shares, &unseen, "x", 0).is_err());
        assert!(had(&shares, &Lane::In(one), "x", 0).is_ok());
    }
}
