//! Wakes whoever sleeps until something is due, where it is due earlier than they know.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::Notify;

use crate::time::Timestamp;

/// Rings where something is due earlier than whoever sleeps knows.
#[derive(Clone, Debug)]
pub(crate) struct Alarm {
    /// Until when they sleep, in milliseconds.
    until: Arc<AtomicI64>,
    bell: Arc<Notify>,
}

impl Default for Alarm {
    fn default() -> Self {
        Self { until: Arc::new(AtomicI64::new(i64::MAX)), bell: Arc::default() }
    }
}

impl Alarm {
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    /// They sleep until then, or for as long as nothing is due.
    pub(crate) fn set(&self, until: Option<Timestamp>) {
        let until = until.map_or(i64::MAX, Timestamp::as_millis);
        self.until.store(until, Ordering::Relaxed);
    }

    pub(crate) async fn rung(&self) {
        self.bell.notified().await;
    }

    /// Something is due then.
    pub(crate) fn not_after(&self, due: Timestamp) {
        if due.as_millis() < self.until.load(Ordering::Relaxed) {
            self.ring();
        }
    }
}
