//! Whether the keychain waits for a person right now: set on its thread, seen by whoever calls.

use std::time::{Duration, Instant};

use tokio::sync::watch;

/// How long may a person take to answer the keychain's prompt?
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How much later than that does a thread count as hung, whatever it says it waits for?
const GRACE: Duration = Duration::from_secs(10);

/// Since when, where it does.
#[derive(Clone, Debug, Default)]
pub(super) struct Asking(watch::Sender<Option<Instant>>);

impl Asking {
    #[cfg(any(test, target_os = "linux"))]
    pub(super) fn during<T>(&self, prompt: impl FnOnce() -> T) -> T {
        self.0.send_replace(Some(Instant::now()));
        let answer = prompt();
        self.0.send_replace(None);
        answer
    }

    pub(super) fn is_open(&self) -> bool {
        self.0.borrow().is_some_and(|since| since.elapsed() < PATIENCE + GRACE)
    }

    /// The prompt should have ended by itself: its thread hangs.
    pub(super) fn is_overdue(&self) -> bool {
        self.0.borrow().is_some_and(|since| since.elapsed() >= PATIENCE + GRACE)
    }

    /// Returns when a person is asked.
    pub(super) async fn opened(&self) {
        // The sender is held here, so that this cannot end otherwise.
        if self.0.subscribe().wait_for(Option::is_some).await.is_err() {
            std::future::pending().await
        }
    }

    /// Returns when nobody is asked any more.
    pub(super) async fn closed(&self) {
        let over = tokio::time::timeout(PATIENCE + GRACE, async {
            self.0.subscribe().wait_for(Option::is_none).await.is_ok()
        });
        if over.await != Ok(true) {
            tracing::warn!("the keychain's prompt did not end");
        }
    }
}
