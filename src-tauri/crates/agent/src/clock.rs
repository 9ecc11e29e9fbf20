//! The world's clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dagpass_core::ports::{Clock, Pending};
use dagpass_core::time::Timestamp;

/// How often does a sleeper look at the wall clock? A timer alone stops while a laptop sleeps.
const LOOK: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn sleep(&self, span: Duration) -> Pending<'static, ()> {
        let until = self.now().plus(span);
        Box::pin(async move {
            let mut slept = Duration::ZERO;
            // A clock that was set back must not keep a poll waiting for an hour.
            while slept < span && Self.now() < until {
                let rest = LOOK.min(span - slept);
                tokio::time::sleep(rest).await;
                slept += rest;
            }
        })
    }

    fn chance(&self) -> f64 {
        let mut byte = [0u8; 2];
        match getrandom::fill(&mut byte) {
            Ok(()) => f64::from(u16::from_le_bytes(byte)) / 65_536.0,
            Err(_) => 0.5,
        }
    }
}
