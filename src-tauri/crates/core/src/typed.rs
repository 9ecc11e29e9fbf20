//! Targets that a caller typed and the config does not name: each may cost a rotation at Ping and takes
//! memory, so they have few places, and few new ones come at once. What a config names has its place
//! by being there.

use std::collections::VecDeque;
use std::time::Duration;

use crate::error::{ErrorCode, Refusal};
use crate::request::Target;
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

impl Typed {
    /// Gives the target a place, or says that there were too many; the targets that give way for it are
    /// to be forgotten whole. What is being asked for never gives way.
    pub(crate) fn seat(
        &mut self,
        target: &Target,
        by: &str,
        now: Timestamp,
        in_flight: impl Fn(&Target) -> bool,
    ) -> Result<Vec<Target>, Refusal> {
        if let Some(place) = self.places.iter_mut().find(|place| place.target == *target) {
            place.used = now;
            return Ok(Vec::new());
        }
        self.count(by, now)?;
        let idle = |place: &Place| place.used.until(now) > IDLE && !in_flight(&place.target);
        let mut gone: Vec<Target> = Vec::new();
        self.places.retain(|place| {
            if idle(place) {
                gone.push(place.target.clone());
            }
            !idle(place)
        });
        if self.places.len() >= PLACES {
            let yields = self.longest_unused(by, in_flight).ok_or_else(too_many)?;
            self.places.retain(|place| place.target != yields);
            gone.push(yields);
        }
        self.new.push_back((by.to_owned(), now));
        self.places.push(Place { target: target.clone(), by: by.to_owned(), used: now });
        Ok(gone)
    }

    fn longest_unused(&self, by: &str, in_flight: impl Fn(&Target) -> bool) -> Option<Target> {
        let greedy = self.places.iter().filter(|place| place.by == by).count() >= OWN_PLACES;
        let may = |place: &&Place| (!greedy || place.by == by) && !in_flight(&place.target);
        let yields = self.places.iter().filter(may).min_by_key(|place| place.used);
        yields.map(|place| place.target.clone())
    }

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

    const T0: Timestamp = Timestamp::from_secs(1_000_000);

    fn at(secs: u64) -> Timestamp {
        T0.plus(Duration::from_secs(secs))
    }

    fn resource(n: usize) -> Target {
        Target { resource: Some(format!("https://{n}.example")), ..Target::default() }
    }

    fn seated(
        typed: &mut Typed,
        n: usize,
        by: &str,
        now: Timestamp,
    ) -> Result<Vec<Target>, Refusal> {
        typed.seat(&resource(n), by, now, |_| false)
    }

    #[test]
    fn one_caller_s_inventions_end_soon_and_leave_the_others_their_own() {
        let typed = &mut Typed::default();
        let taken = (0..100).filter(|n| seated(typed, *n, "run-1", T0).is_ok()).count();
        assert_eq!(taken, NEW_AT_MOST);
        assert!(seated(typed, 0, "run-1", at(1)).is_ok(), "what it has stays");
        assert!(seated(typed, 200, "run-2", at(1)).is_ok());
        assert!(seated(typed, 201, "run-1", at(599)).is_err());
        assert!(seated(typed, 201, "run-1", at(601)).is_ok());
        assert!(seated(typed, 300, "x", T0).is_ok(), "a clock set back counts anew");
    }

    #[test]
    fn places_are_few_and_the_longest_unused_gives_way() {
        let typed = &mut Typed::default();
        for n in 0..1000 {
            let gone = seated(typed, n, "owner", at(n as u64 * 60)).unwrap();
            assert!(typed.places.len() <= PLACES && typed.new.len() <= NEW_OF_ALL, "{n}");
            if n >= PLACES {
                assert_eq!(gone, [resource(n - PLACES)]);
            }
        }
    }

    #[test]
    fn what_is_being_asked_for_does_not_give_way() {
        let typed = &mut Typed::default();
        for n in 0..PLACES {
            typed.seat(&resource(n), "owner", at(n as u64 * 60), |_| true).unwrap();
        }
        let refused = typed.seat(&resource(99), "owner", at(9000), |_| true);
        assert_eq!(refused.map_err(|refusal| refusal.code), Err(ErrorCode::TooManyTargets));
        let but_one = |target: &Target| *target != resource(7);
        let gone = typed.seat(&resource(99), "owner", at(3000), but_one).unwrap();
        assert_eq!(gone, [resource(7)]);
    }
}
