//! How one witness stands: what it holds, since when it is behind and why, and when it is asked again.

use std::time::Duration;

use dagpass_client::ledger::log::{Checkpoint, Hash};
use dagpass_core::time::Timestamp;

use super::exchange::Told;
use crate::config::AuditWitness;

/// How long is one left alone after it failed once?
const FIRST_REST: Duration = Duration::from_secs(5);
/// And at most, after it failed again and again? Somebody may have added our log to it meanwhile.
const LONGEST_REST: Duration = Duration::from_secs(15 * 60);

/// For a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) name: String,
    /// Up to which line it cosigned the newest log, by what is kept there.
    pub(crate) cosigned: u64,
    /// It has not cosigned the newest checkpoint, nor said why not.
    pub(crate) pending: bool,
    /// It has not cosigned the newest checkpoint: since when in this run, and why.
    pub(crate) since: Option<Timestamp>,
    pub(crate) why: Option<String>,
    /// It holds another history than ours.
    pub(crate) forked: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Of this log alone is the rest.
    origin: String,
    /// What it was last known to hold.
    held: u64,
    /// The most that it cosigned for us.
    cosigned: u64,
    /// Was there a look at what it is to cosign?
    looked: bool,
    /// The root of the newest checkpoint, where it has not cosigned that.
    uncosigned: Option<Hash>,
    asking: bool,
    since: Option<Timestamp>,
    failure: Option<String>,
    /// Of which log, and what: that stays, whatever log comes after.
    forked: Option<(String, String)>,
    failures: u32,
    rests_until: Option<Timestamp>,
}

impl Kept {
    /// Another log is asked for from nothing.
    fn of(&mut self, ours: &Checkpoint) {
        if self.origin != ours.origin {
            let (asking, forked) = (self.asking, self.forked.take());
            *self = Self { origin: ours.origin.clone(), asking, forked, ..Self::default() };
        }
        self.looked = true;
    }

    pub(super) fn has_nothing_to_sign(&mut self) {
        self.looked = true;
    }

    /// Is this log one that this run knows nothing of yet?
    pub(super) fn is_new(&self, ours: &Checkpoint) -> bool {
        self.origin != ours.origin
    }

    /// Up to which line it cosigned in an earlier run.
    pub(super) fn recall(&mut self, cosigned: u64, ours: &Checkpoint) {
        self.of(ours);
        (self.held, self.cosigned) = (cosigned, cosigned);
    }

    /// The newest checkpoint is cosigned by it already.
    pub(super) fn is_cosigned(&mut self, ours: &Checkpoint) {
        self.of(ours);
        (self.held, self.cosigned, self.uncosigned) = (ours.size, ours.size, None);
        (self.since, self.failure, self.failures, self.rests_until) = (None, None, 0, None);
    }

    /// Is it to be asked now? Then it is being asked from here on.
    pub(super) fn begin(&mut self, ours: &Checkpoint, now: Timestamp) -> bool {
        self.of(ours);
        self.uncosigned = Some(ours.root);
        let rests = |until: Timestamp| now < until && now.until(until) <= LONGEST_REST;
        let forked = self.forked.as_ref().is_some_and(|(origin, _)| *origin == ours.origin);
        if self.asking || forked || self.rests_until.is_some_and(rests) {
            return false;
        }
        self.asking = true;
        true
    }

    /// What is it thought to hold?
    pub(super) fn held(&mut self, ours: &Checkpoint) -> u64 {
        self.of(ours);
        self.held.min(ours.size)
    }

    /// It says what.
    pub(super) fn holds(&mut self, held: u64, witness: &AuditWitness) {
        if held < self.cosigned {
            let (name, cosigned) = (witness.key.name(), self.cosigned);
            tracing::warn!(
                name,
                held,
                cosigned,
                "the witness forgot what it cosigned: it was set back"
            );
        }
        self.held = held;
    }

    pub(super) fn end(&mut self, told: Told, ours: &Checkpoint, now: Timestamp) {
        self.asking = false;
        if self.origin != ours.origin {
            return;
        }
        let failure = match told {
            Told::Cosigned => {
                // There may be a newer one by now.
                let newer = self.uncosigned.filter(|root| *root != ours.root);
                self.is_cosigned(ours);
                self.uncosigned = newer;
                return;
            }
            Told::Failed(why) => why,
            Told::Forked(what) => {
                self.forked = Some((ours.origin.clone(), what.clone()));
                what
            }
        };
        self.failure = Some(failure);
        self.since.get_or_insert(now);
        let rest = FIRST_REST.saturating_mul(1 << self.failures.min(16)).min(LONGEST_REST);
        self.failures = self.failures.saturating_add(1);
        self.rests_until = Some(now.plus(rest));
    }

    pub(super) fn standing(&self, name: &str) -> Standing {
        Standing {
            name: name.to_owned(),
            cosigned: self.cosigned,
            pending: self.failure.is_none() && (!self.looked || self.uncosigned.is_some()),
            since: self.since,
            why: self.failure.clone(),
            forked: self.forked.as_ref().map(|(_, what)| what.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use dagpass_client::ledger::log::Hash;

    use super::*;

    fn ours(origin: &str, size: u64) -> Checkpoint {
        Checkpoint { origin: origin.to_owned(), size, root: Hash([1; 32]), before: None }
    }

    #[test]
    fn one_that_has_not_answered_yet_is_pending_until_it_does() {
        let now = Timestamp::from_secs(1000);
        let mut kept = Kept::default();
        let pending = |kept: &Kept| kept.standing("n").pending;
        assert!(pending(&kept), "nobody looked yet");
        kept.has_nothing_to_sign();
        assert!(!pending(&kept));
        let (first, second) = (ours("a", 9), Checkpoint { root: Hash([2; 32]), ..ours("a", 12) });
        assert!(kept.is_new(&first));
        kept.recall(7, &first);
        assert!(!kept.is_new(&first) && kept.begin(&first, now) && pending(&kept));
        assert_eq!((kept.standing("n").cosigned, kept.held(&first)), (7, 7));
        assert!(!kept.begin(&second, now), "it is being asked");
        kept.end(Told::Cosigned, &first, now);
        assert!(pending(&kept), "there is a newer one");
        assert!(kept.begin(&second, now));
        kept.end(Told::Failed("no".to_owned()), &second, now);
        assert!(!pending(&kept) && kept.standing("n").why.is_some());
        assert!(kept.begin(&second, now.plus(FIRST_REST)) && !pending(&kept), "it failed so far");
        kept.end(Told::Cosigned, &second, now);
        assert!(!pending(&kept));
        assert!(kept.begin(&ours("b", 1), now) && pending(&kept));
    }

    #[test]
    fn one_that_fails_is_left_alone_for_longer_and_longer_and_one_that_convicts_for_good() {
        let (mut kept, mut now) = (Kept::default(), Timestamp::from_secs(1000));
        let first = now;
        for rest in [5, 10, 20, 40, 80, 160, 320, 640, 900, 900] {
            assert!(kept.begin(&ours("a", 9), now), "{rest}");
            assert!(!kept.begin(&ours("a", 10), now), "it is being asked");
            kept.end(Told::Failed("no".to_owned()), &ours("a", 9), now);
            assert!(!kept.begin(&ours("a", 99), now.plus(Duration::from_secs(rest - 1))));
            now = now.plus(Duration::from_secs(rest));
        }
        assert_eq!(kept.standing("n").since, Some(first));
        assert!(kept.begin(&ours("a", 9), now));
        kept.end(Told::Cosigned, &ours("a", 9), now);
        let well = kept.standing("n");
        assert_eq!((well.cosigned, well.since, well.why), (9, None, None));
        assert_eq!(kept.held(&ours("a", 12)), 9);

        assert!(kept.begin(&ours("a", 12), now));
        kept.end(Told::Forked("two".to_owned()), &ours("a", 12), now);
        assert!(!kept.begin(&ours("a", 13), now.plus(LONGEST_REST * 9)), "nobody asks again");
        assert!(kept.standing("n").forked.is_some());
        // A log that was begun anew is another matter, and is asked for from nothing.
        assert!(kept.begin(&ours("b", 13), now));
        assert_eq!(kept.held(&ours("b", 13)), 0);
        assert!(kept.standing("n").forked.is_some(), "and what was found stays said");
        // A clock that was set back a day holds nothing up.
        kept.end(
            Told::Failed("no".to_owned()),
            &ours("b", 13),
            now.plus(Duration::from_secs(86_400)),
        );
        assert!(kept.begin(&ours("b", 13), now));
    }
}
