//! One time for the agent and its issuer: the wall's, plus what a test has moved it. Waiting moves it,
//! so that nobody waits; what is due on the way happens at its moment.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use dagpass_core::ports::{Clock, Pending};
use dagpass_core::sign_in::BROWSER_WINDOW;
use dagpass_core::time::Timestamp;
use dagpass_sandbox::Sandbox;

type Event = Box<dyn FnOnce(&Sandbox) + Send>;

/// The agent's clock, with the issuer's in step.
pub(crate) struct StageClock {
    sandbox: Arc<Sandbox>,
    moved: AtomicI64,
    draws: AtomicU64,
    due: Mutex<Vec<(Timestamp, Event)>>,
}

impl StageClock {
    pub(crate) fn with(sandbox: &Arc<Sandbox>) -> Arc<Self> {
        Arc::new(Self {
            sandbox: sandbox.clone(),
            moved: AtomicI64::new(0),
            draws: AtomicU64::new(0),
            due: Mutex::default(),
        })
    }

    /// Lets the world do something once so much time has passed.
    pub(crate) fn after(&self, span: Duration, event: impl FnOnce(&Sandbox) + Send + 'static) {
        self.due.lock().unwrap().push((self.now().plus(span), Box::new(event)));
    }

    pub(crate) fn jump(&self, span: Duration) {
        let until = self.now().plus(span);
        while let Some((at, event)) = self.next_due(until) {
            self.shift(self.now().until(at));
            event(&self.sandbox);
        }
        self.shift(self.now().until(until));
    }

    fn next_due(&self, until: Timestamp) -> Option<(Timestamp, Event)> {
        let mut due = self.due.lock().unwrap();
        due.sort_by_key(|(at, _)| *at);
        let first = due.first().is_some_and(|(at, _)| *at <= until);
        first.then(|| due.remove(0))
    }

    fn shift(&self, span: Duration) {
        self.moved.fetch_add(i64::try_from(span.as_millis()).unwrap(), Ordering::SeqCst);
        self.sandbox.advance(span);
    }
}

impl Clock for StageClock {
    fn now(&self) -> Timestamp {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let wall = i64::try_from(wall.as_millis()).unwrap();
        Timestamp::from_millis(wall + self.moved.load(Ordering::SeqCst))
    }

    /// The window of a browser flow is the one wait that must not pass by itself.
    fn sleep(&self, span: Duration) -> Pending<'static, ()> {
        if span >= BROWSER_WINDOW {
            return Box::pin(std::future::pending());
        }
        self.jump(span);
        Box::pin(async {})
    }

    /// Even steps of the golden ratio: spread like chance, the same in every run.
    fn chance(&self) -> f64 {
        let draw = u32::try_from(self.draws.fetch_add(1, Ordering::SeqCst)).unwrap();
        (f64::from(draw) * 0.618_033_988_75).fract()
    }
}
