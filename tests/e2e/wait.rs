//! Waiting with a deadline. Decides how long is too long; never sleeps for a fixed time and hopes.

use std::time::{Duration, Instant};

/// How long may one step of a test take on a loaded machine before we call it hung?
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How often is a condition looked at that no event announces?
const LOOK: Duration = Duration::from_millis(5);

/// Waits until `found` gives something, and panics with `what` after [`PATIENCE`].
pub(crate) fn until<T>(what: &str, found: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, found).unwrap_or_else(|| panic!("still waiting after {PATIENCE:?}: {what}"))
}

/// As [`until`], with the caller's own deadline, and `None` past it.
pub(crate) fn within<T>(deadline: Duration, mut found: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(value) = found() {
            return Some(value);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::park_timeout(LOOK);
    }
}
