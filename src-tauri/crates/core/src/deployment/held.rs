//! What a session remembers of its deployments beside the cache: every JWT that may still live, how
//! long a deployment that refused is left alone, and whether the next sign-in must be a new proof.

use std::collections::HashMap;

use crate::cache::Cached;
use crate::deployment::{Deployment, ExchangeFailure};
use crate::error::Refusal;
use crate::freshness;
use crate::request::Target;
use crate::time::Timestamp;

/// One deployment as `status` shows it.
#[derive(Clone, Debug, Default)]
pub struct DeploymentView {
    /// The JWT that is handed out now, where it is still valid.
    pub token: Option<Cached>,
    /// Why the last purchase gave none.
    pub refusal: Option<Refusal>,
}

#[derive(Default)]
pub(crate) struct Deployments {
    /// Bought and not yet past its end, the replaced ones too: a sign-out takes them all back.
    live: Vec<Live>,
    rests: HashMap<Target, Rest>,
    step_up: bool,
}

#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) deployment: Deployment,
    pub(crate) token: Cached,
}

struct Rest {
    refusal: Refusal,
    until: Timestamp,
    attempts: u32,
}

impl Deployments {
    pub(crate) fn bought(&mut self, deployment: &Deployment, token: &Cached, now: Timestamp) {
        self.live.retain(|live| live.token.valid_at(now));
        self.live.push(Live { deployment: deployment.clone(), token: token.clone() });
    }

    /// Not asked again at once, however many callers there are: a table of 32 tasks with a group
    /// that is not mapped costs one request.
    pub(crate) fn refused(
        &mut self,
        target: &Target,
        failure: (&ExchangeFailure, &Refusal),
        (now, chance): (Timestamp, f64),
    ) {
        let (failure, refusal) = failure;
        let retry_after = match failure {
            ExchangeFailure::Unreachable { retry_after, .. } => *retry_after,
            ExchangeFailure::SignInTooOld { .. } => {
                self.step_up = true;
                None
            }
            ExchangeFailure::NoIdToken
            | ExchangeFailure::NoExchange { .. }
            | ExchangeFailure::AccessDenied { .. }
            | ExchangeFailure::Rejected { .. }
            | ExchangeFailure::Misconfigured { .. } => None,
        };
        let attempts = self.rests.get(target).map_or(1, |rest| rest.attempts + 1);
        let until = now.plus(freshness::backoff(attempts, retry_after, chance));
        self.rests.insert(target.clone(), Rest { refusal: refusal.clone(), until, attempts });
    }

    pub(crate) fn answered(&mut self, target: &Target) {
        self.rests.remove(target);
    }

    /// What a caller hears while the deployment is left alone.
    pub(crate) fn resting(&self, target: &Target, now: Timestamp) -> Option<Refusal> {
        let rest = self.rests.get(target).filter(|rest| now < rest.until)?;
        Some(rest.refusal.clone())
    }

    pub(crate) fn last_refusal(&self, target: &Target) -> Option<Refusal> {
        self.rests.get(target).map(|rest| rest.refusal.clone())
    }

    /// Somebody signed in or out: what was refused before says nothing any more. The JWTs stay
    /// listed until they are taken back or past their end.
    pub(crate) fn begin_anew(&mut self) {
        self.rests.clear();
        self.step_up = false;
    }

    pub(crate) fn inherit(&mut self, old: &mut Self) {
        self.live.append(&mut old.live);
    }

    /// A deployment asked for a new proof of identity, and none was given since.
    pub(crate) fn wants_new_proof(&self) -> bool {
        self.step_up
    }

    pub(crate) fn take_live(&mut self, now: Timestamp) -> Vec<Live> {
        let mut live = std::mem::take(&mut self.live);
        live.retain(|live| live.token.valid_at(now));
        live
    }

    pub(crate) fn keep_live(&mut self, live: Live) {
        self.live.push(live);
    }
}
