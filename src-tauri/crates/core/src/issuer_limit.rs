//! How many requests are on their way to one issuer at once. Fifty profiles that wake together
//! take turns, instead of meeting the issuer's rate limit together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::profile::Issuer;

/// How many may be on their way to one issuer?
pub(crate) const AT_ONCE: usize = 8;

#[derive(Clone, Debug, Default)]
pub(crate) struct IssuerLimits(Arc<Mutex<HashMap<Issuer, Arc<Semaphore>>>>);

impl IssuerLimits {
    pub(crate) fn of(&self, issuer: &Issuer) -> Arc<Semaphore> {
        let mut limits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = limits.entry(issuer.clone());
        limit.or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))).clone()
    }
}
