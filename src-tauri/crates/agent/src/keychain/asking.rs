//! Whether the keychain waits for a person right now: set on its thread, seen by whoever calls.

use std::time::{Duration, Instant};

use dagpass_core::ports::StoreFailure;
use tokio::sync::watch;

/// How long may a person take to answer the keychain's prompt?
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How much later than that does a thread count as hung, whatever it says it waits for?
const GRACE: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, Default)]
pub(super) struct Asking(watch::Sender<State>);

#[derive(Clone, Debug)]
enum State {
    /// What the last prompt came to.
    Closed(Result<(), StoreFailure>),
    Open(Instant),
}

impl Default for State {
    fn default() -> Self {
        Self::Closed(Ok(()))
    }
}

impl Asking {
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "the other systems' stores show their prompts themselves")
    )]
    pub(super) fn during<T, E: Clone + Into<StoreFailure>>(
        &self,
        prompt: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        self.0.send_replace(State::Open(Instant::now()));
        let answer = prompt();
        let outcome = answer.as_ref().map(|_| ()).map_err(|error| error.clone().into());
        self.0.send_replace(State::Closed(outcome));
        answer
    }

    pub(super) fn is_open(&self) -> bool {
        self.since().is_some_and(|since| since.elapsed() < PATIENCE + GRACE)
    }

    /// The prompt should have ended by itself: its thread hangs.
    pub(super) fn is_overdue(&self) -> bool {
        self.since().is_some_and(|since| since.elapsed() >= PATIENCE + GRACE)
    }

    fn since(&self) -> Option<Instant> {
        match &*self.0.borrow() {
            State::Open(since) => Some(*since),
            State::Closed(_) => None,
        }
    }

    /// Returns when a person is asked.
    pub(super) async fn opened(&self) {
        let mut states = self.0.subscribe();
        // The sender is held here, so that this cannot end otherwise.
        if states.wait_for(|state| matches!(state, State::Open(_))).await.is_err() {
            std::future::pending().await
        }
    }

    /// What it came to, once nobody is asked any more.
    pub(super) async fn closed(&self) -> Result<(), StoreFailure> {
        let mut states = self.0.subscribe();
        let closed = states.wait_for(|state| matches!(state, State::Closed(_)));
        match tokio::time::timeout(PATIENCE + GRACE, closed).await {
            Ok(Ok(state)) => match &*state {
                State::Closed(outcome) => outcome.clone(),
                State::Open(_) => Ok(()),
            },
            Ok(Err(_)) | Err(_) => Err(StoreFailure::TimedOut(PATIENCE)),
        }
    }
}
