//! What the broker does when nobody is waiting for a token: refresh what is in use ahead of need, save
//! what could not be saved, judge what was left unjudged, end what ran out. It tells when there is
//! something next, and whoever runs it sleeps until then or until the alarm rings.

use std::sync::Arc;
use std::time::Duration;

use crate::broker::Broker;
use crate::freshness;
use crate::ports::Saved;
use crate::rest::Rest;
use crate::session::{Cause, Safety, Session};
use crate::time::Timestamp;

/// How long after waking do proactive refreshes spread themselves out?
const WAKE_SPREAD: Duration = Duration::from_secs(60);

/// How long are proactive refreshes put off where the store cannot be written?
const STORE_REST: Duration = Duration::from_secs(5);

impl Broker {
    /// Does what is due. `woke` spreads the refreshes of a machine that slept.
    pub async fn tend(&self, woke: bool) {
        let now = self.ports.clock.now();
        for session in self.all() {
            if woke {
                let wait = WAKE_SPREAD.mul_f64(self.ports.clock.chance());
                session.spread(Rest::new(now, wait));
            }
            session.end_what_ran_out(now);
            session.sweep(now);
            if session.pending_is_due(now) {
                self.judge_pending_later(&session);
            }
            self.save_again(&session).await;
            if session.due_targets(now).is_empty() {
                continue;
            }
            if self.ports.store.readiness().await.is_err() {
                session.spread(Rest::new(now, STORE_REST));
                continue;
            }
            // Looked at again: a caller's refresh may have landed while the store was asked.
            for target in session.due_targets(now) {
                self.refresh(&session, &target, Cause::Expiry).once();
            }
        }
    }

    /// Before the end: whatever memory alone holds is saved, however lately that failed. How many sessions
    /// are not.
    pub async fn save_all(&self) -> usize {
        let mut left = 0;
        for session in self.all() {
            let _alone = session.alone().await;
            let Some(stored) = session.unsaved_still() else { continue };
            let saved = self.ports.store.save(&session.key, &stored).await;
            left += usize::from(saved.is_err());
        }
        left
    }

    /// When is there something to do next, as far as is known? Whoever asks sleeps until then.
    pub fn next_due(&self) -> Option<Timestamp> {
        let now = self.ports.clock.now();
        let next = self.all().iter().filter_map(|session| session.next_due(now)).min();
        self.alarm.set(next);
        next
    }

    /// Returns where something may be due earlier than [`Self::next_due`] said.
    pub async fn alarmed(&self) {
        self.alarm.rung().await;
    }

    fn judge_pending_later(&self, session: &Arc<Session>) {
        session.put_off_pending(None);
        let (own, session) = (self.clone(), session.clone());
        self.ports.spawn.spawn(Box::pin(async move { own.judge_pending(&session).await }));
    }

    /// A refresh token that only memory or the fallback holds goes to the keychain when it can.
    async fn save_again(&self, session: &Session) {
        let now = self.ports.clock.now();
        if session.unsaved(now).is_none() {
            return;
        }
        let wait = |n| freshness::backoff(n, None, self.ports.clock.chance());
        if self.ports.store.readiness().await.is_err() {
            return session.saved(0, None, now, wait);
        }
        // Whoever asks Ping meanwhile saves by himself; the other sessions wait for neither.
        let Some(_alone) = session.alone_now() else {
            return session.saved(0, None, now, wait);
        };
        // Looked at again: whoever was at it may have rotated, saved or signed out.
        let Some(stored) = session.unsaved(now) else { return };
        let safety = match self.ports.store.save(&session.key, &stored).await {
            Ok(Saved::Kept) => Some(Safety::Kept),
            Ok(Saved::Fallback) => Some(Safety::Fallback),
            Err(_) => None,
        };
        session.saved(stored.generation, safety, now, wait);
    }
}
