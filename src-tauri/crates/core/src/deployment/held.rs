//! What a session remembers of its deployments beside the cache: every JWT that may still live, and
//! whether the next sign-in must be a new proof.

use crate::cache::{Cached, Shown};
use crate::deployment::Deployment;
use crate::error::Refusal;
use crate::time::Timestamp;

/// One deployment as `status` shows it.
#[derive(Clone, Debug, Default)]
pub struct DeploymentView {
    /// The JWT that is handed out now, where it is still valid.
    pub token: Option<Shown>,
    /// Why there was none the last time.
    pub refusal: Option<Refusal>,
}

#[derive(Default)]
pub(crate) struct Deployments {
    /// Given and not yet past its end, the replaced ones too: a sign-out takes them all back.
    live: Vec<Live>,
    step_up: bool,
}

#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) deployment: Deployment,
    pub(crate) token: Cached,
}

impl Deployments {
    pub(crate) fn given(&mut self, deployment: &Deployment, token: &Cached, now: Timestamp) {
        self.live.retain(|live| live.token.valid_at(now));
        self.live.push(Live { deployment: deployment.clone(), token: token.clone() });
    }

    /// It asked for a new proof of identity.
    pub(crate) fn asks_for_proof(&mut self) {
        self.step_up = true;
    }

    /// Somebody signed in or out. The JWTs stay listed until they are taken back or past their end.
    pub(crate) fn begin_anew(&mut self) {
        self.step_up = false;
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
