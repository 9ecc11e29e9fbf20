//! The keychain thread. Every call runs on it, never in a tokio task (the Secret Service store starts a
//! runtime of its own and would panic there), and every caller waits for a bounded time. A thread that
//! hangs is left behind and a fresh one serves the next call.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use dagpass_core::ports::StoreFailure;
use tokio::sync::oneshot;

use super::provider::Provider;

/// How long may the keychain take for one call?
pub(super) const DEADLINE: Duration = Duration::from_secs(2);

/// How many hung threads are left behind before calls are refused at once?
const ABANDONED_AT_MOST: usize = 4;

/// Makes a connection; called on the keychain thread.
pub(super) type Connect = Arc<dyn Fn() -> Result<Box<dyn Provider>, StoreFailure> + Send + Sync>;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

pub(super) struct KeychainThread {
    connect: Connect,
    deadline: Duration,
    current: Mutex<Option<Running>>,
    abandoned: Arc<AtomicUsize>,
}

struct Running {
    jobs: mpsc::Sender<Job>,
    left_behind: Arc<AtomicBool>,
}

impl KeychainThread {
    pub(super) fn new(connect: Connect, deadline: Duration) -> Self {
        Self { connect, deadline, current: Mutex::default(), abandoned: Arc::default() }
    }

    /// Runs the work against a connection, once more on a fresh one where an old one failed; `work`
    /// must bear being repeated.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl Fn(&mut dyn Provider) -> Result<T, StoreFailure> + Send + 'static,
    ) -> Result<T, StoreFailure> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            if answer.send(connection.run(&work)).is_err() {
                tracing::debug!("keychain answered after its deadline");
            }
        });
        let thread = self.submit(job)?;
        match tokio::time::timeout(self.deadline, answered).await {
            Ok(Ok(outcome)) => outcome,
            // Dropped unanswered: it stood in the queue of a thread that was left behind.
            Ok(Err(_)) => Err(StoreFailure::TimedOut(self.deadline)),
            Err(_) => {
                self.leave_behind(&thread);
                Err(StoreFailure::TimedOut(self.deadline))
            }
        }
    }

    /// How many calls still hang somewhere and may yet write what they were given?
    pub(super) fn hanging(&self) -> usize {
        self.abandoned.load(Ordering::SeqCst)
    }

    fn submit(&self, job: Job) -> Result<Arc<AtomicBool>, StoreFailure> {
        let mut current = self.lock();
        if current.is_none() {
            if self.hanging() >= ABANDONED_AT_MOST {
                return Err(StoreFailure::TimedOut(self.deadline));
            }
            *current = Some(self.start()?);
        }
        let gone = || StoreFailure::Unavailable("the keychain thread ended".to_owned());
        let running = current.as_ref().ok_or_else(gone)?;
        let left_behind = Arc::clone(&running.left_behind);
        if running.jobs.send(job).is_err() {
            *current = None;
            return Err(gone());
        }
        Ok(left_behind)
    }

    fn start(&self) -> Result<Running, StoreFailure> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let left_behind = Arc::new(AtomicBool::new(false));
        let (flag, abandoned) = (Arc::clone(&left_behind), Arc::clone(&self.abandoned));
        let connect = Arc::clone(&self.connect);
        std::thread::Builder::new()
            .name("keychain".to_owned())
            .spawn(move || {
                let mut connection = Connection { connect, provider: None };
                for job in queue {
                    if flag.load(Ordering::SeqCst) {
                        break;
                    }
                    job(&mut connection);
                }
                if flag.load(Ordering::SeqCst) {
                    abandoned.fetch_sub(1, Ordering::SeqCst);
                }
            })
            .map_err(|error| StoreFailure::Unavailable(format!("no keychain thread: {error}")))?;
        Ok(Running { jobs, left_behind })
    }

    fn leave_behind(&self, thread: &Arc<AtomicBool>) {
        let mut current = self.lock();
        if current.as_ref().is_some_and(|running| Arc::ptr_eq(&running.left_behind, thread)) {
            self.abandoned.fetch_add(1, Ordering::SeqCst);
            thread.store(true, Ordering::SeqCst);
            *current = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection made on demand and made anew after a failure.
struct Connection {
    connect: Connect,
    provider: Option<Box<dyn Provider>>,
}

impl Connection {
    fn run<T>(
        &mut self,
        work: &impl Fn(&mut dyn Provider) -> Result<T, StoreFailure>,
    ) -> Result<T, StoreFailure> {
        if let Some(mut kept) = self.provider.take() {
            match work(&mut *kept) {
                Err(StoreFailure::Unavailable(_)) => {}
                outcome => {
                    self.provider = Some(kept);
                    return outcome;
                }
            }
        }
        let mut fresh = (self.connect)()?;
        let outcome = work(&mut *fresh);
        if !matches!(outcome, Err(StoreFailure::Unavailable(_))) {
            self.provider = Some(fresh);
        }
        outcome
    }
}
