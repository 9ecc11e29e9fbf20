//! An Airflow deployment that gives `jwt-1`, `jwt-2`, …; refuses, hangs or stays away on command.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{FakeClock, lock, token_set};
use crate::deployment::{Deployment, JwtBearerFailure};
use crate::ports::{AirflowServer, Clock, Pending, Revocation};
use crate::profile::Profile;
use crate::token::{AccessToken, Assertion, TokenSet};

#[derive(Debug)]
pub struct FakeAirflow {
    clock: Arc<FakeClock>,
    pub lifetime: Mutex<Duration>,
    /// Every assertion that was handed in, in order.
    pub presented: Mutex<Vec<String>>,
    /// Answers that come instead, first in first out.
    pub faults: Mutex<VecDeque<JwtBearerFailure>>,
    /// Held while a JWT is asked for, so that a test can let it wait.
    pub gate: tokio::sync::Mutex<()>,
    /// Every JWT that was taken back, in order.
    pub logged_out: Mutex<Vec<String>>,
    /// What a logout answers.
    pub revocation: Mutex<Revocation>,
    /// A logout never answers.
    pub hangs: AtomicBool,
}

impl FakeAirflow {
    pub fn new(clock: &Arc<FakeClock>) -> Arc<Self> {
        Arc::new(Self {
            clock: clock.clone(),
            lifetime: Mutex::new(Duration::from_secs(1800)),
            presented: Mutex::default(),
            faults: Mutex::default(),
            gate: tokio::sync::Mutex::default(),
            logged_out: Mutex::default(),
            revocation: Mutex::new(Revocation::Confirmed),
            hangs: AtomicBool::new(false),
        })
    }

    pub fn presented(&self) -> Vec<String> {
        lock(&self.presented).clone()
    }

    pub fn logged_out(&self) -> Vec<String> {
        lock(&self.logged_out).clone()
    }

    pub fn fail_next(&self, failure: JwtBearerFailure) {
        lock(&self.faults).push_back(failure);
    }
}

impl AirflowServer for FakeAirflow {
    fn jwt_bearer<'a>(
        &'a self,
        _profile: &'a Profile,
        _deployment: &'a Deployment,
        assertion: &'a Assertion,
    ) -> Pending<'a, Result<TokenSet, JwtBearerFailure>> {
        Box::pin(async move {
            let count = {
                let mut presented = lock(&self.presented);
                presented.push(assertion.expose().to_owned());
                presented.len()
            };
            let _open = self.gate.lock().await;
            if let Some(failure) = lock(&self.faults).pop_front() {
                return Err(failure);
            }
            let now = self.clock.now();
            let end = now.plus(*lock(&self.lifetime));
            Ok(token_set(&format!("jwt-{count}"), None, now, end))
        })
    }

    fn log_out<'a>(
        &'a self,
        _profile: &'a Profile,
        _deployment: &'a Deployment,
        token: &'a AccessToken,
    ) -> Pending<'a, Revocation> {
        Box::pin(async move {
            if self.hangs.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            lock(&self.logged_out).push(token.expose().to_owned());
            *lock(&self.revocation)
        })
    }
}
