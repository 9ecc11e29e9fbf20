//! RFC 8693: a token for another audience, with the profile's own token as subject token. Decides
//! which token is handed in; no refresh token is sent.

use std::time::Duration;

use crate::answers::TokenFailure;
use crate::freshness;
use crate::ports::{Grant, Redeemed};
use crate::refresh::Refresh;
use crate::refusals;
use crate::request::Target;
use crate::rest::REFUSED_FOR;
use crate::session::Fetched;

impl Refresh {
    pub(super) async fn exchange(&self) -> Fetched {
        let ports = &self.broker.ports;
        let profile = &self.session.profile();
        let (stored, epoch) = self.session.signed_in()?;
        let base = self.base_token().await.inspect_err(|refusal| self.backs_off(refusal))?;
        // A client that is refused is presented once, whatever it is presented for.
        let _alone = match profile.kind.signs_in() {
            true => None,
            false => Some(self.session.alone().await),
        };
        let turn = match profile.kind.signs_in() {
            true => None,
            false => Some(self.session.client_turn(&self.target, ports.clock.now())?),
        };
        let grant =
            Grant::TokenExchange { subject_token: &base.set.access_token, target: &self.target };
        let limit = self.broker.limits.of(&profile.issuer).acquire_owned().await;
        let answer = ports.server.redeem(profile, grant).await;
        drop(limit);
        let judged = match answer {
            Ok(Redeemed::Tokens(received)) => ports.server.judge(profile, grant, *received).await,
            Ok(Redeemed::Renewal(alone)) => Err(alone.failure()),
            Err(failure) => Err(failure),
        };
        let set = match judged {
            Ok(set) => set,
            Err(failure) => {
                let refusal = refusals::exchange(profile, &failure);
                if let Some(turn) = turn.filter(|_| is_of_client(&failure)) {
                    self.client_fails(turn.footing, &failure, &refusal);
                }
                self.rests_after(&refusal, |attempts| self.rest(&failure, attempts));
                self.record_failure(&refusal)?;
                return Err(refusal);
            }
        };
        // No turn was held meanwhile, and the token is that of whoever was signed in then.
        if !self.session.is_still(&stored) {
            return Err(refusals::signed_out(profile));
        }
        self.publish(&stored, epoch, self.dress(set))
    }

    /// A refusal is asked for again no sooner than a narrowing that was refused.
    fn rest(&self, failure: &TokenFailure, attempts: u32) -> Duration {
        match failure {
            TokenFailure::Rejected { .. } | TokenFailure::Misconfigured { .. } => REFUSED_FOR,
            TokenFailure::Unreachable { .. }
            | TokenFailure::AuthorizationPending
            | TokenFailure::SlowDown
            | TokenFailure::ExpiredToken
            | TokenFailure::AccessDenied { .. }
            | TokenFailure::SubjectChanged { .. } => {
                let chance = self.broker.ports.clock.chance();
                freshness::backoff(attempts, failure.retry_after(), chance)
            }
        }
    }

    async fn base_token(&self) -> Fetched {
        let now = self.broker.ports.clock.now();
        let held = self.session.token(&Target::default()).filter(|token| token.valid_at(now));
        match held {
            Some(token) if now < token.refresh_at => Ok(token),
            held => match (self.of_base().once().arrival().await, held) {
                // A session that cannot be renewed has this one until it ends.
                (Err(_), Some(token)) if token.valid_at(self.broker.ports.clock.now()) => Ok(token),
                (fetched, _) => fetched,
            },
        }
    }
}

/// Was the client itself refused, and not what it asked for?
fn is_of_client(failure: &TokenFailure) -> bool {
    match failure {
        TokenFailure::Misconfigured { error, .. } | TokenFailure::Rejected { error, .. } => {
            matches!(error.as_str(), "invalid_client" | "unauthorized_client")
        }
        TokenFailure::Unreachable { .. }
        | TokenFailure::AuthorizationPending
        | TokenFailure::SlowDown
        | TokenFailure::ExpiredToken
        | TokenFailure::AccessDenied { .. }
        | TokenFailure::SubjectChanged { .. } => false,
    }
}
