//! Which sessions are left alone just now: what is under way is not begun a second time however long it takes,
//! and what failed is tried again after a while.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dagpass_core::request::SessionKey;

/// How long is what failed left alone: a sign-out that was not taken, a session that could not be read?
const AFTER_FAILURE: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Deeds(Mutex<HashMap<SessionKey, Deed>>);

#[derive(Debug)]
enum Deed {
    UnderWay,
    FailedAt(Instant),
}

impl Deeds {
    /// `false` where that is to be left alone just now.
    pub(super) fn begins(&self, key: &SessionKey, now: Instant) -> bool {
        let mut all = self.all();
        let begins = match all.get(key) {
            None => true,
            Some(Deed::UnderWay) => false,
            Some(Deed::FailedAt(at)) => now.saturating_duration_since(*at) >= AFTER_FAILURE,
        };
        if begins {
            all.insert(key.clone(), Deed::UnderWay);
        }
        begins
    }

    pub(super) fn ended(&self, key: &SessionKey, well: bool, now: Instant) {
        if well {
            self.all().remove(key);
        } else {
            self.all().insert(key.clone(), Deed::FailedAt(now));
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<SessionKey, Deed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_way_is_not_begun_again_and_what_failed_is_after_a_while() {
        let deeds = Deeds::default();
        let (prod, dev) = (SessionKey::of("prod"), SessionKey::of("dev"));
        let start = Instant::now();
        let later = start + Duration::from_secs(3600);
        assert!(deeds.begins(&prod, start));
        assert!(!deeds.begins(&prod, later) && deeds.begins(&dev, later), "however long it takes");
        deeds.ended(&prod, false, later);
        assert!(!deeds.begins(&prod, later));
        assert!(deeds.begins(&prod, later + AFTER_FAILURE));
        deeds.ended(&prod, true, later);
        assert!(deeds.begins(&prod, later));
    }
}
