//! What a refresh that failed does to its session: an end, trouble that rests, or one target left alone.
//! Decides by the kind of failure; the record of it comes last.

use std::time::Duration;

use crate::error::{Refusal, Why};
use crate::freshness;
use crate::ports::TokenFailure;
use crate::refresh::Refresh;
use crate::refusals;
use crate::rest::{REFUSED_FOR, Rest};
use crate::session::{ActiveSession, EndReason, SessionState, Trouble, TroubleKind};
use crate::slot::Landing;

impl Refresh {
    /// What it does to the session comes first: a full ledger must not have Ping asked again at once.
    pub(crate) async fn fail(&self, active: ActiveSession, failure: TokenFailure) -> Landing {
        let refusal = refusals::token(&self.slot.profile(), &failure);
        let landing = self.failed(active, failure, refusal.clone()).await;
        self.record_failure(&refusal)?;
        landing
    }

    async fn failed(
        &self,
        mut active: ActiveSession,
        failure: TokenFailure,
        refusal: Refusal,
    ) -> Landing {
        match failure {
            TokenFailure::Rejected { error, description } => {
                let why = match &active.unanswered {
                    Some(mark) => EndReason::LostInRotation { since: mark.since },
                    None => EndReason::Rejected { error, description },
                };
                self.end(why).await
            }
            TokenFailure::SubjectChanged { now } => {
                self.end(EndReason::SubjectChanged { now }).await
            }
            TokenFailure::Misconfigured { error, .. } if self.is_of_target(&error) => {
                self.unmark().await;
                self.rests_after(&refusal, |_| REFUSED_FOR);
                Err(refusal)
            }
            TokenFailure::Unreachable { cause, retry_after, .. } => {
                let kind = TroubleKind::Offline;
                active.trouble = Some(self.trouble(&active, kind, cause, retry_after));
                if active.unanswered.is_none() {
                    self.unmark().await;
                }
                self.slot.held().state = SessionState::Active(Box::new(active));
                Err(refusal)
            }
            TokenFailure::Misconfigured { .. }
            | TokenFailure::AuthorizationPending
            | TokenFailure::SlowDown
            | TokenFailure::ExpiredToken
            | TokenFailure::AccessDenied { .. } => {
                let cause = refusal.cause.clone().unwrap_or_else(|| refusal.what.clone());
                let kind = TroubleKind::Misconfigured;
                active.trouble = Some(self.trouble(&active, kind, cause.into(), None));
                self.unmark().await;
                self.slot.held().state = SessionState::Active(Box::new(active));
                Err(refusal)
            }
        }
    }

    /// Is it this target that is refused, and not the client?
    fn is_of_target(&self, error: &str) -> bool {
        match error {
            "invalid_scope" => self.target.scopes.is_some(),
            "invalid_target" => self.target.resource.is_some(),
            _ => false,
        }
    }

    fn trouble(
        &self,
        active: &ActiveSession,
        kind: TroubleKind,
        cause: Why,
        retry_after: Option<Duration>,
    ) -> Trouble {
        let now = self.ports.clock.now();
        let before = active.trouble.as_ref();
        let attempts = before.map_or(1, |trouble| trouble.attempts + 1);
        let rest = freshness::backoff(attempts, retry_after, self.ports.clock.chance());
        Trouble {
            kind,
            cause,
            since: before.map_or(now, |trouble| trouble.since),
            rest: Rest::new(now, rest),
            attempts,
        }
    }

    /// The session is over. The refresh token goes; a valid access token stays.
    pub(crate) async fn end(&self, why: EndReason) -> Landing {
        let refusal = refusals::ended(&self.slot.profile(), &why);
        self.slot.end(why, self.ports.clock.now());
        let forgotten = self.ports.store.forget(&self.slot.key).await;
        self.unmark().await;
        match forgotten {
            Ok(()) => Err(refusal),
            // It is dead at Ping: the record that stays behind is refused again after a restart.
            Err(failure) => Err(Refusal { cause: Some(failure.to_string()), ..refusal }),
        }
    }

    /// This target alone is left alone.
    pub(crate) fn rests_after(&self, refusal: &Refusal, span: impl FnOnce(u32) -> Duration) {
        let now = self.ports.clock.now();
        self.slot.held().rests.failed(&self.target, refusal, now, span);
    }

    /// A ledger that takes nothing must not have a healthy Ping asked twice a second.
    pub(crate) fn backs_off(&self, refusal: &Refusal) {
        let chance = self.ports.clock.chance();
        self.rests_after(refusal, |n| freshness::backoff(n, None, chance));
    }
}
