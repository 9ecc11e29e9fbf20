//! What a refresh that failed does to its session: an end, trouble that rests, or one target left alone.
//! Decides by the kind of failure; the record of it comes last.

use std::time::Duration;

use crate::answers::TokenFailure;
use crate::error::{Refusal, Why};
use crate::freshness;
use crate::ports::RevokedFor;
use crate::refresh::Refresh;
use crate::refusals;
use crate::rest::{REFUSED_FOR, Rest};
use crate::session::{EndReason, Fetched, SendTurn, Trouble, TroubleKind};

impl Refresh {
    /// What it does to the session comes first: a full ledger must not have Ping asked again at once.
    pub(super) async fn fail(&self, turn: Box<SendTurn>, failure: TokenFailure) -> Fetched {
        let refusal = refusals::token(turn.profile(), &failure);
        let fetched = self.failed(turn, failure, refusal.clone()).await;
        self.record_failure(&refusal)?;
        fetched
    }

    async fn failed(
        &self,
        turn: Box<SendTurn>,
        failure: TokenFailure,
        refusal: Refusal,
    ) -> Fetched {
        let ports = &self.broker.ports;
        match failure {
            TokenFailure::Rejected { error, description } => {
                let why = match turn.unanswered() {
                    Some(mark) => EndReason::LostInRotation { since: mark.since },
                    None => EndReason::Rejected { error, description },
                };
                self.end(turn, why).await
            }
            TokenFailure::SubjectChanged { now } => {
                // What it brought is somebody else's: nobody uses it, and it does not stay alive.
                let theirs = turn.stored().clone();
                let ended = self.end(turn, EndReason::SubjectChanged { now }).await;
                self.broker.give_up(&self.session.key, theirs, RevokedFor::Good).await;
                ended
            }
            TokenFailure::Misconfigured { error, .. } if self.is_of_target(&error) => {
                turn.stands(ports).await;
                self.rests_after(&refusal, |_| REFUSED_FOR);
                Err(refusal)
            }
            TokenFailure::Unreachable { cause, retry_after, .. } => {
                let trouble = self.trouble(&turn, TroubleKind::Offline, cause, retry_after);
                turn.rests(ports, trouble).await;
                Err(refusal)
            }
            TokenFailure::Misconfigured { ref error, .. } if refusals::is_of_answer(error) => {
                let cause = refusal.cause.clone().unwrap_or_else(|| refusal.what.clone());
                let trouble = self.trouble(&turn, TroubleKind::Unusable, cause.into(), None);
                turn.rests(ports, trouble).await;
                Err(refusal)
            }
            TokenFailure::Misconfigured { .. }
            | TokenFailure::AuthorizationPending
            | TokenFailure::SlowDown
            | TokenFailure::ExpiredToken
            | TokenFailure::AccessDenied { .. } => {
                let cause = refusal.cause.clone().unwrap_or_else(|| refusal.what.clone());
                let trouble = self.trouble(&turn, TroubleKind::Misconfigured, cause.into(), None);
                turn.rests(ports, trouble).await;
                Err(refusal)
            }
        }
    }

    /// Is it this target that is refused, and not the client?
    pub(super) fn is_of_target(&self, error: &str) -> bool {
        match error {
            "invalid_scope" => self.target.scopes.is_some(),
            "invalid_target" => self.target.resource.is_some(),
            _ => false,
        }
    }

    fn trouble(
        &self,
        turn: &SendTurn,
        kind: TroubleKind,
        cause: Why,
        retry_after: Option<Duration>,
    ) -> Trouble {
        let now = self.broker.ports.clock.now();
        let before = turn.trouble();
        let attempts = before.map_or(1, |trouble| trouble.attempts + 1);
        let rest = freshness::backoff(attempts, retry_after, self.broker.ports.clock.chance());
        Trouble {
            kind,
            cause,
            since: before.map_or(now, |trouble| trouble.since),
            rest: Rest::new(now, rest),
            attempts,
        }
    }

    async fn end(&self, turn: Box<SendTurn>, why: EndReason) -> Fetched {
        let refusal = refusals::ended(turn.profile(), &why);
        match turn.ends(&self.broker.ports, why).await {
            Ok(()) => Err(refusal),
            // It is dead at Ping: the record that stays behind is refused again after a restart.
            Err(failure) => Err(Refusal { cause: Some(failure.to_string()), ..refusal }),
        }
    }
}
