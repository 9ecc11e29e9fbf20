//! Fakes of the ports. Each can misbehave on command: the clock jumps, the store fails or stays
//! locked, the server drops the line after it has rotated, the ledger is full.

mod airflow;
mod grants;
mod server;
mod store;
mod values;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::approvals::Standing;
use crate::audit::{Event, Receipt, Record};
use crate::policy::engine::NoPolicy;
use crate::ports::{ApprovalBook, Clock, Pending, Ports, Spawn, Witness, WitnessFailure};
use crate::request::SessionKey;
use crate::time::Timestamp;

pub use airflow::FakeAirflow;
pub use server::{FakeServer, Fault};
pub use store::FakeStore;
pub use values::{
    ask, device_authorization, identity, offers, profile, rejected, serve, stored, token_set,
};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stands until it is moved, in either direction.
#[derive(Debug)]
pub struct FakeClock(Arc<AtomicI64>);

impl FakeClock {
    pub fn at(secs: i64) -> Arc<Self> {
        Arc::new(Self(Arc::new(AtomicI64::new(secs * 1000))))
    }

    pub fn jump(&self, secs: i64) {
        self.jump_millis(secs * 1000);
    }

    pub fn jump_millis(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    /// Sleeping lets everything else have its turn, then moves the clock: a test waits for nothing.
    fn sleep(&self, span: Duration) -> Pending<'static, ()> {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        let clock = self.0.clone();
        Box::pin(async move {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            clock.fetch_add(millis, Ordering::SeqCst);
        })
    }

    fn chance(&self) -> f64 {
        0.0
    }
}

/// Spawns on the test's own runtime.
#[derive(Debug)]
pub struct TokioSpawn;

impl Spawn for TokioSpawn {
    fn spawn(&self, work: Pending<'static, ()>) {
        drop(tokio::spawn(work));
    }
}

type Deed = Box<dyn FnOnce() + Send>;

/// What a test does while something goes on the record.
#[derive(Default)]
pub struct Meanwhile(Mutex<Option<(Event, Deed)>>);

impl Meanwhile {
    /// Once, before the next line of that event is taken.
    pub fn at(&self, event: Event, deed: impl FnOnce() + Send + 'static) {
        *lock(&self.0) = Some((event, Box::new(deed)));
    }

    fn happens(&self, event: Event) {
        let deed = lock(&self.0).take_if(|(at, _)| *at == event);
        if let Some((_, deed)) = deed {
            deed();
        }
    }
}

impl std::fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meanwhile")
    }
}

/// Counts what it is told, as JSON; is full when told to be.
#[derive(Debug, Default)]
pub struct FakeWitness {
    pub events: Mutex<Vec<String>>,
    pub lines: Mutex<Vec<String>>,
    pub full: Mutex<bool>,
    pub meanwhile: Meanwhile,
}

impl Witness for FakeWitness {
    fn record(&self, record: &Record<'_>) -> Result<Option<Receipt>, WitnessFailure> {
        self.meanwhile.happens(record.event);
        if *lock(&self.full) {
            return Err(WitnessFailure("no space left on device".into()));
        }
        let event = format!("{:?} {:?}", record.event, record.outcome);
        lock(&self.lines).push(format!("{record:?}"));
        let mut events = lock(&self.events);
        events.push(event.to_lowercase());
        Ok(Some(Receipt { seq: events.len() as u64, leaf: [0; 32] }))
    }
}

/// Where answers stand; is full when told to be.
#[derive(Debug, Default)]
pub struct FakeBook {
    pub kept: Mutex<Vec<Standing>>,
    pub full: Mutex<bool>,
    /// The next that is kept is the last.
    pub fills: Mutex<bool>,
    ids: AtomicI64,
}

impl ApprovalBook for FakeBook {
    fn fresh_id(&self) -> String {
        format!("apr-{}", self.ids.fetch_add(1, Ordering::SeqCst) + 1)
    }

    fn kept(&self) -> Vec<Standing> {
        lock(&self.kept).clone()
    }

    fn keep(&self, standing: &[Standing]) -> Result<(), String> {
        if *lock(&self.full) {
            return Err("no space left on device".to_owned());
        }
        *lock(&self.kept) = standing.to_vec();
        *lock(&self.full) = *lock(&self.fills);
        Ok(())
    }
}

/// A whole world of fakes with one session signed in on profile `prod`.
#[derive(Debug)]
pub struct World {
    pub clock: Arc<FakeClock>,
    pub server: Arc<FakeServer>,
    pub airflow: Arc<FakeAirflow>,
    pub store: Arc<FakeStore>,
    pub witness: Arc<FakeWitness>,
    pub book: Arc<FakeBook>,
}

impl World {
    pub fn signed_in() -> Self {
        let clock = FakeClock::at(1_000_000);
        let world = Self {
            server: FakeServer::new(&clock),
            airflow: FakeAirflow::new(&clock),
            clock,
            store: Arc::default(),
            witness: Arc::default(),
            book: Arc::default(),
        };
        lock(&world.store.records).insert(SessionKey::of("prod"), stored("rt-0"));
        world
    }

    pub fn ports(&self) -> Ports {
        Ports {
            clock: self.clock.clone(),
            server: self.server.clone(),
            airflow: self.airflow.clone(),
            store: self.store.clone(),
            owed: self.store.clone(),
            pending: self.store.clone(),
            authorizer: Arc::new(NoPolicy),
            approvals: self.book.clone(),
            witness: self.witness.clone(),
            spawn: Arc::new(TokioSpawn),
        }
    }

    pub fn presented(&self) -> Vec<String> {
        lock(&self.server.presented).clone()
    }
}
