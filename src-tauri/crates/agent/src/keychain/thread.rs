//! The keychain thread. Every call runs on it, never in a tokio task (the Secret Service store starts a
//! runtime of its own and would panic there), and every caller waits for a bounded time. A thread that
//! hangs is left behind and a fresh one serves the next call. One that waits for a person is no such:
//! it keeps its place, and whoever calls meanwhile is told so at once.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use dagpass_core::ports::StoreFailure;
use tokio::sync::oneshot;

use super::asking::Asking;
use super::provider::Provider;

/// How long may the keychain take for one call?
pub(super) const DEADLINE: Duration = Duration::from_secs(2);

/// How many hung threads are left behind before calls are refused at once?
const ABANDONED_AT_MOST: usize = 4;

/// Makes a connection; called on the keychain thread.
pub(super) type Connect =
    Arc<dyn Fn(&Asking) -> Result<Box<dyn Provider>, StoreFailure> + Send + Sync>;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

pub(super) struct KeychainThread {
    connect: Connect,
    deadline: Duration,
    current: Mutex<Option<Running>>,
    abandoned: Arc<AtomicUsize>,
    caveat: Arc<Mutex<Option<&'static str>>>,
}

#[derive(Clone)]
struct Running {
    jobs: mpsc::Sender<Job>,
    left_behind: Arc<AtomicBool>,
    asking: Asking,
}

impl KeychainThread {
    pub(super) fn new(connect: Connect, deadline: Duration) -> Self {
        let caveat = Arc::default();
        Self { connect, deadline, current: Mutex::default(), abandoned: Arc::default(), caveat }
    }

    /// Runs the work against a connection, once more on a fresh one where an old one failed; `work`
    /// must bear being repeated.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl Fn(&mut dyn Provider) -> Result<T, StoreFailure> + Send + 'static,
    ) -> Result<T, StoreFailure> {
        let (answer, mut answered) = oneshot::channel();
        let place = Arc::new(Place::default());
        let job: Job = Box::new({
            let place = place.clone();
            move |connection| {
                if place.begin() && answer.send(connection.run(&work)).is_err() {
                    tracing::debug!("keychain answered after its deadline");
                }
            }
        });
        let thread = self.submit(job)?;
        tokio::select! {
            biased;
            outcome = &mut answered => match outcome {
                Ok(outcome) => outcome,
                // Dropped unanswered: it stood in the queue of a thread that was left behind.
                Err(_) => Err(StoreFailure::TimedOut(self.deadline)),
            },
            () = withdrawn(&thread.asking, &place) => Err(waits_for_a_person()),
            () = tokio::time::sleep(self.deadline) => {
                if thread.asking.is_open() {
                    return Err(waits_for_a_person());
                }
                self.leave_behind(&thread.left_behind);
                Err(StoreFailure::TimedOut(self.deadline))
            }
        }
    }

    /// How many calls still hang somewhere and may yet write what they were given?
    pub(super) fn hanging(&self) -> usize {
        self.abandoned.load(Ordering::SeqCst)
    }

    /// What a person should know of the connection, though it serves.
    pub(super) fn caveat(&self) -> Option<&'static str> {
        *self.caveat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the keychain asks a person now, where it does.
    pub(super) fn asking(&self) -> Option<Asking> {
        let asking = self.lock().as_ref().map(|running| running.asking.clone());
        asking.filter(Asking::is_open)
    }

    fn submit(&self, job: Job) -> Result<Running, StoreFailure> {
        let mut current = self.lock();
        match current.take() {
            Some(running) if running.asking.is_overdue() => self.abandon(&running.left_behind),
            running => *current = running,
        }
        if current.is_none() {
            if self.hanging() >= ABANDONED_AT_MOST {
                return Err(StoreFailure::TimedOut(self.deadline));
            }
            *current = Some(self.start()?);
        }
        let gone = || StoreFailure::Unavailable("the keychain thread ended".to_owned());
        let running = current.clone().ok_or_else(gone)?;
        if running.jobs.send(job).is_err() {
            *current = None;
            return Err(gone());
        }
        Ok(running)
    }

    fn start(&self) -> Result<Running, StoreFailure> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let left_behind = Arc::new(AtomicBool::new(false));
        let (flag, abandoned) = (Arc::clone(&left_behind), Arc::clone(&self.abandoned));
        let asking = Asking::default();
        let (connect, caveat) = (Arc::clone(&self.connect), Arc::clone(&self.caveat));
        let seen = asking.clone();
        std::thread::Builder::new()
            .name("keychain".to_owned())
            .spawn(move || {
                let mut connection = Connection { connect, provider: None, asking, caveat };
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
        Ok(Running { jobs, left_behind, asking: seen })
    }

    fn leave_behind(&self, thread: &Arc<AtomicBool>) {
        let mut current = self.lock();
        if current.as_ref().is_some_and(|running| Arc::ptr_eq(&running.left_behind, thread)) {
            self.abandon(thread);
            *current = None;
        }
    }

    fn abandon(&self, thread: &AtomicBool) {
        self.abandoned.fetch_add(1, Ordering::SeqCst);
        thread.store(true, Ordering::SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn waits_for_a_person() -> StoreFailure {
    StoreFailure::Locked("it asks you something: answer its prompt".to_owned())
}

/// Returns when the thread asks a person for another call's sake, so that this one never begins.
async fn withdrawn(asking: &Asking, place: &Place) {
    asking.opened().await;
    if !place.withdraw() {
        std::future::pending().await
    }
}

/// Of a call in the thread's queue: it begins, or its caller no longer wants it; never both.
#[derive(Default)]
struct Place(AtomicU8);

const BEGUN: u8 = 1;
const WITHDRAWN: u8 = 2;

impl Place {
    fn begin(&self) -> bool {
        self.becomes(BEGUN)
    }

    fn withdraw(&self) -> bool {
        self.becomes(WITHDRAWN)
    }

    fn becomes(&self, what: u8) -> bool {
        self.0.compare_exchange(0, what, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

/// A connection made on demand and made anew after a failure.
struct Connection {
    connect: Connect,
    provider: Option<Box<dyn Provider>>,
    asking: Asking,
    caveat: Arc<Mutex<Option<&'static str>>>,
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
        let mut fresh = (self.connect)(&self.asking)?;
        self.note(fresh.caveat());
        let outcome = work(&mut *fresh);
        if !matches!(outcome, Err(StoreFailure::Unavailable(_))) {
            self.provider = Some(fresh);
        }
        outcome
    }

    /// Said once, not at every connection.
    fn note(&self, now: Option<&'static str>) {
        let mut before = self.caveat.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(caveat) = now.filter(|_| *before != now) {
            tracing::warn!(caveat, "keychain");
        }
        *before = now;
    }
}
