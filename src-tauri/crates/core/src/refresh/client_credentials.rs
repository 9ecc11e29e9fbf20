//! RFC 6749 §4.4: a token for the client itself. One grant at a time leaves, and no refresh token is kept. Decides
//! what an answer does to the session; a client that was refused is not presented again and again.

use std::time::Duration;

use crate::answers::TokenFailure;
use crate::error::Refusal;
use crate::freshness;
use crate::ports::{Grant, Redeemed};
use crate::refresh::Refresh;
use crate::refusals;
use crate::rest::{REFUSED_FOR, Rest};
use crate::session::{Fetched, Footing, Trouble, TroubleKind};
use crate::token::TokenSet;

/// For how long is an issuer left alone that refused the client? Whoever mends it there waits no longer, and
/// whoever gives another secret waits not at all; products count attempts towards a lock-out by the minute.
const CLIENT_REFUSED_FOR: Duration = Duration::from_secs(300);

impl Refresh {
    pub(super) async fn client_credentials(&self) -> Fetched {
        let ports = &self.broker.ports;
        if self.session.is_unknown() {
            self.broker.load(&self.session).await;
        }
        let _alone = self.session.alone().await;
        let turn = self.session.client_turn(&self.target, ports.clock.now())?;
        let grant = Grant::ClientCredentials { target: &self.target };
        let limit = self.broker.limits.of(&turn.profile.issuer).acquire_owned().await;
        let answer = ports.server.redeem(&turn.profile, grant).await;
        drop(limit);
        let judged = match answer {
            Ok(Redeemed::Tokens(received)) => {
                ports.server.judge(&turn.profile, grant, *received).await
            }
            Ok(Redeemed::Renewal(alone)) => Err(alone.failure()),
            Err(failure) => Err(failure),
        };
        match judged {
            Ok(set) => {
                self.session.client_heard(turn.footing, None);
                // RFC 6749 §4.4.3: there should be none.
                let set = TokenSet { refresh_token: None, refresh_expires_at: None, ..set };
                self.publish(&turn.stored, turn.epoch, self.dress(set))
            }
            Err(failure) => {
                let refusal = refusals::client(&turn.profile, &failure);
                self.client_fails(turn.footing, &failure, &refusal);
                self.record_failure(&refusal)?;
                Err(refusal)
            }
        }
    }

    /// Comes before the record: a full ledger must not have the issuer asked again at once.
    pub(super) fn client_fails(&self, footing: Footing, failure: &TokenFailure, refusal: &Refusal) {
        let (kind, rest) = match failure {
            TokenFailure::Misconfigured { error, .. } if self.is_of_target(error) => {
                self.rests_after(refusal, |_| REFUSED_FOR);
                return;
            }
            TokenFailure::Misconfigured { error, .. } if refusals::is_of_answer(error) => {
                (TroubleKind::Unusable, None)
            }
            TokenFailure::Misconfigured { .. }
            | TokenFailure::Rejected { .. }
            | TokenFailure::AccessDenied { .. } => {
                (TroubleKind::Misconfigured, Some(CLIENT_REFUSED_FOR))
            }
            TokenFailure::Unreachable { retry_after, .. } => (TroubleKind::Offline, *retry_after),
            TokenFailure::AuthorizationPending
            | TokenFailure::SlowDown
            | TokenFailure::ExpiredToken
            | TokenFailure::SubjectChanged { .. } => (TroubleKind::Unusable, None),
        };
        let clock = &self.broker.ports.clock;
        let (now, before) = (clock.now(), self.session.client().and_then(|client| client.trouble));
        let before = before.filter(|trouble| trouble.kind == kind);
        let attempts = before.as_ref().map_or(1, |trouble| trouble.attempts + 1);
        let cause = match failure {
            TokenFailure::Unreachable { cause, .. } => cause.clone(),
            failure => failure.to_string().into(),
        };
        let trouble = Trouble {
            kind,
            cause,
            since: before.map_or(now, |trouble| trouble.since),
            rest: Rest::new(now, freshness::backoff(attempts, rest, clock.chance())),
            attempts,
        };
        self.session.client_heard(footing, Some(trouble));
    }
}
