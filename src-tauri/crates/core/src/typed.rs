//! Targets that a caller typed and the config does not name: each may cost a rotation at Ping and takes
//! memory, so they have few places, and few new ones come at once. What a config names has its place
//! by being there.

use std::collections::VecDeque;
use std::time::Duration;

use crate::error::{ErrorCode, Refusal};
use crate::request::Target;
use crate::slot::Held;
use crate::time::Timestamp;

/// How many such targets does one session remember?
const PLACES: usize = 32;
/// How many of them may one caller hold before its own give way first?
const OWN_PLACES: usize = PLACES / 2;
/// How many new ones may one caller name within [`SPAN`]? A script that goes through a dozen audiences
/// is served; one that invents them is not.
const NEW_AT_MOST: usize = 24;
/// And all callers of the session together?
const NEW_OF_ALL: usize = 64;
/// Within what time are they counted?
const SPAN: Duration = Duration::from_secs(600);
/// After what time without use is a place given up?
const IDLE: Duration = Duration::from_secs(3600);

#[derive(Default)]
pub(crate) struct Typed {
    places: Vec<Place>,
    /// Who named a new one, and when; no older than [`SPAN`].
    new: VecDeque<(String, Timestamp)>,
}

struct Place {
    target: Target,
    by: String,
    used: Timestamp,
}

impl Held {
    /// Gives the target a place, or says that there were too many. What gives way is forgotten whole;
    /// what is being asked for never gives way.
    pub(crate) fn seat(
        &mut self,
        target: &Target,
        by: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if let Some(place) = self.typed.places.iter_mut().find(|place| place.target == *target) {
            place.used = now;
            return Ok(());
        }
        self.typed.count(by, now)?;
        let idle = |place: &Place| place.used.until(now) > IDLE;
        let gone: Vec<Target> =
            self.typed.places.iter().filter(|p| idle(p)).map(|p| p.target.clone()).collect();
        gone.iter().for_each(|target| self.give_up(target));
        if self.typed.places.len() >= PLACES {
            let yields = self.longest_unused(by).ok_or_else(too_many)?;
            self.give_up(&yields);
        }
        self.typed.new.push_back((by.to_owned(), now));
        self.typed.places.push(Place { target: target.clone(), by: by.to_owned(), used: now });
        Ok(())
    }

    fn longest_unused(&self, by: &str) -> Option<Target> {
        let places = &self.typed.places;
        let greedy = places.iter().filter(|place| place.by == by).count() >= OWN_PLACES;
        let may = |place: &&Place| {
            (!greedy || place.by == by) && !self.flights.contains_key(&place.target)
        };
        places.iter().filter(may).min_by_key(|place| place.used).map(|place| place.target.clone())
    }

    fn give_up(&mut self, target: &Target) {
        if self.flights.contains_key(target) {
            return;
        }
        self.cache.remove(target);
        self.used.remove(target);
        self.rests.answered(target);
        self.typed.places.retain(|place| place.target != *target);
    }
}

impl Typed {
    fn count(&mut self, by: &str, now: Timestamp) -> Result<(), Refusal> {
        // A clock that was set back begins anew.
        self.new.retain(|(_, at)| *at <= now && at.until(now) < SPAN);
        let own = self.new.iter().filter(|(name, _)| name == by).count();
        if own >= NEW_AT_MOST || self.new.len() >= NEW_OF_ALL { Err(too_many()) } else { Ok(()) }
    }
}

fn too_many() -> Refusal {
    Refusal::new(ErrorCode::TooManyTargets, "too many new scopes or resources in a short time")
        .because(format!(
            "the config names none of these; {NEW_AT_MOST} new ones are taken in {} minutes",
            SPAN.as_secs() / 60
        ))
        .hint("name it in the config as a connection's `resource` or `scopes`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::{profile, token_set};
    use crate::request::SessionKey;
    use crate::slot::Slot;
    use std::sync::Arc;

    const T0: Timestamp = Timestamp::from_secs(1_000_000);

    fn slot() -> Slot {
        Slot::new(SessionKey::of("prod"), Arc::new(profile()))
    }

    fn at(secs: u64) -> Timestamp {
        T0.plus(Duration::from_secs(secs))
    }

    fn resource(n: usize) -> Target {
        Target { resource: Some(format!("https://{n}.example")), ..Target::default() }
    }

    #[test]
    fn one_caller_s_inventions_end_soon_and_leave_the_others_their_own() {
        let slot = slot();
        let mut held = slot.held();
        let taken = (0..100).filter(|n| held.seat(&resource(*n), "run-1", T0).is_ok()).count();
        assert_eq!(taken, NEW_AT_MOST);
        assert!(held.seat(&resource(0), "run-1", at(1)).is_ok(), "what it has stays");
        assert!(held.seat(&resource(200), "run-2", at(1)).is_ok());
        assert!(held.seat(&resource(201), "run-1", at(599)).is_err());
        assert!(held.seat(&resource(201), "run-1", at(601)).is_ok());
        let refusal = held.seat(&resource(300), "x", T0).map_err(|refusal| refusal.code);
        assert_eq!(refusal, Ok(()), "a clock set back counts anew");
    }

    #[test]
    fn places_are_few_the_longest_unused_gives_way_and_takes_its_token_along() {
        let slot = slot();
        let mut held = slot.held();
        for n in 0..1000 {
            let now = at(n as u64 * 60);
            held.seat(&resource(n), "owner", now).unwrap();
            let set = token_set("at", None, now, now.plus(Duration::from_secs(300)));
            held.cache.insert(resource(n), crate::cache::Cached::new(set, now));
            held.used.insert(resource(n), now);
            assert!(held.typed.places.len() <= PLACES && held.cache.len() <= PLACES, "{n}");
            assert!(held.used.len() <= PLACES && held.typed.new.len() <= NEW_OF_ALL, "{n}");
        }
        assert!(held.cache.contains_key(&resource(999)) && !held.cache.contains_key(&resource(0)));
    }

    #[test]
    fn what_is_being_asked_for_does_not_give_way() {
        let slot = slot();
        let mut held = slot.held();
        let (_landed, flight) = tokio::sync::watch::channel(None);
        for n in 0..PLACES {
            let now = at(n as u64 * 60);
            held.seat(&resource(n), "owner", now).unwrap();
            held.flights.insert(resource(n), flight.clone());
        }
        let code = held.seat(&resource(99), "owner", at(3000)).map_err(|refusal| refusal.code);
        assert_eq!(code, Err(ErrorCode::TooManyTargets));
        held.flights.remove(&resource(7));
        assert!(held.seat(&resource(99), "owner", at(3000)).is_ok());
        assert!(held.typed.places.iter().all(|place| place.target != resource(7)));
    }
}
