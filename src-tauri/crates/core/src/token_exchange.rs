//! RFC 8693: a token for another audience, with the profile's own token as subject token. Decides
//! which token is handed in; no refresh token is sent.

use crate::freshness;
use crate::ports::Grant;
use crate::refresh::{Refresh, landing};
use crate::refusals;
use crate::request::Target;
use crate::slot::{Cause, Landing};

impl Refresh {
    /// RFC 8693, with the profile's own token as subject token. No refresh token is sent.
    pub(crate) async fn exchange(&self) -> Landing {
        let profile = &self.slot.profile();
        let before = self.active()?.stored.signed_in_at;
        let base = self.base_token().await?;
        let grant =
            Grant::TokenExchange { subject_token: &base.set.access_token, target: &self.target };
        let lane = self.lane.acquire().await;
        let answer = self.ports.server.redeem(profile, grant).await;
        drop(lane);
        let set = match answer {
            Ok(set) => set,
            Err(failure) => {
                let refusal = refusals::token(profile, &failure);
                let (retry_after, chance) = (failure.retry_after(), self.ports.clock.chance());
                self.rests_after(&refusal, |n| freshness::backoff(n, retry_after, chance));
                self.record_failure(&refusal)?;
                return Err(refusal);
            }
        };
        let active = self.active()?;
        // No turn was held meanwhile, and the token is that of whoever was signed in then.
        if active.stored.signed_in_at != before {
            return Err(refusals::signed_out(profile));
        }
        self.publish(&active, set)
    }

    async fn base_token(&self) -> Landing {
        let now = self.ports.clock.now();
        let base = Target::default();
        let held = self.slot.held().cache.get(&base).cloned();
        if let Some(token) = held.filter(|token| now < token.refresh_at) {
            return Ok(token);
        }
        let refresh = Self { target: base, cause: Cause::Expiry, ..self.clone() };
        landing(refresh.once()).await
    }
}
