//! What a session remembers of its deployments beside the cache: every JWT that may still live, and
//! whether the next sign-in must be a new proof.

use std::collections::BTreeSet;

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
    /// Which of them asked for a new proof of identity, and have not been content since.
    step_up: BTreeSet<String>,
}

#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) deployment: Deployment,
    pub(crate) token: Cached,
}

impl Deployments {
    pub(crate) fn given(&mut self, deployment: &Deployment, token: &Cached, now: Timestamp) {
        self.step_up.remove(&deployment.name);
        self.live.retain(|live| live.token.valid_at(now));
        self.live.push(Live { deployment: deployment.clone(), token: token.clone() });
    }

    /// It asked for a new proof of identity.
    pub(crate) fn asks_for_proof(&mut self, deployment: &Deployment) {
        self.step_up.insert(deployment.name.clone());
    }

    /// Somebody proved anew who they are, or it is another client's sign-in now. Any other sign-in leaves
    /// it wanted.
    pub(crate) fn has_new_proof(&mut self) {
        self.step_up.clear();
    }

    /// A deployment asked for a new proof of identity, and none was given since.
    pub(crate) fn wants_new_proof(&self) -> bool {
        !self.step_up.is_empty()
    }

    pub(crate) fn live_until(&self) -> Option<Timestamp> {
        self.live.iter().map(|live| live.token.set.expires_at).max()
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
