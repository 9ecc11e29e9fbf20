//! Fakes of the ports. Each can misbehave on command: the clock jumps, the store fails or stays
//! locked, the server drops the line after it has rotated, the ledger is full.

mod airflow;
mod store;
mod values;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::audit::Record;
use crate::ports::{
    AuthorizationServer, Clock, Grant, Pending, Ports, Received, Redeemed, Renewal, Revocation,
    RevokedFor, SignInServer, Spawn, TokenFailure, Witness, WitnessFailure,
};
use crate::profile::Profile;
use crate::request::SessionKey;
use crate::sign_in::{AuthorizationRequest, DeviceAuthorization, Offers};
use crate::time::Timestamp;
use crate::token::{CodeVerifier, RefreshToken, TokenSet};

pub use airflow::FakeAirflow;
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

/// Gives out `at-1`, `at-2`, …; rotates; ends the family on a replay, as PingOne does.
#[derive(Debug)]
pub struct FakeServer {
    pub clock: Arc<FakeClock>,
    pub lifetime: Mutex<Duration>,
    pub refreshes: AtomicUsize,
    /// Every refresh token that was presented, in order.
    pub presented: Mutex<Vec<String>>,
    /// Answers that come instead, first in first out. `LoseAnswer` rotates and then says nothing.
    pub faults: Mutex<VecDeque<Fault>>,
    /// Held while a refresh is under way, so that a test can let it wait.
    pub gate: tokio::sync::Mutex<()>,
    pub revoked: AtomicUsize,
    /// What revocations are answered, first in first out; then `Confirmed`.
    pub revocations: Mutex<VecDeque<Revocation>>,
    /// How many refreshes were on their way at once, at the most.
    pub most_at_once: AtomicUsize,
    pub exchanges: AtomicUsize,
    /// What every exchange is answered instead.
    pub no_exchange: Mutex<Option<TokenFailure>>,
    /// What every refresh is answered instead.
    pub no_refresh: Mutex<Option<TokenFailure>>,
    /// The scope of every answer, where it says one.
    pub scope: Mutex<Option<crate::profile::Scopes>>,
    /// Held while an answer is judged: key sets that do not come.
    pub keys: tokio::sync::Mutex<()>,
    /// What every answer's judgment comes to instead.
    pub disbelief: Mutex<Option<TokenFailure>>,
    pub sign_ins: AtomicUsize,
    /// Every refresh token that was revoked, in order.
    pub revoked_tokens: Mutex<Vec<String>>,
    /// A replaced refresh token is not revoked, as at PingFederate.
    pub withholds: Mutex<bool>,
    on_their_way: AtomicUsize,
    valid: Mutex<Option<String>>,
    pub subject: Mutex<String>,
}

#[derive(Clone, Debug)]
pub enum Fault {
    Answer(TokenFailure),
    LoseAnswer,
    /// Rotates, and gives the refresh token alone.
    NoAccessToken,
    AnotherSubject(String),
}

impl FakeServer {
    pub fn new(clock: &Arc<FakeClock>) -> Arc<Self> {
        Arc::new(Self {
            clock: clock.clone(),
            lifetime: Mutex::new(Duration::from_secs(3600)),
            refreshes: AtomicUsize::new(0),
            presented: Mutex::default(),
            faults: Mutex::default(),
            gate: tokio::sync::Mutex::default(),
            revoked: AtomicUsize::new(0),
            revocations: Mutex::default(),
            most_at_once: AtomicUsize::new(0),
            exchanges: AtomicUsize::new(0),
            no_exchange: Mutex::default(),
            no_refresh: Mutex::default(),
            scope: Mutex::default(),
            keys: tokio::sync::Mutex::default(),
            disbelief: Mutex::default(),
            sign_ins: AtomicUsize::new(0),
            revoked_tokens: Mutex::default(),
            withholds: Mutex::default(),
            on_their_way: AtomicUsize::new(0),
            valid: Mutex::new(Some("rt-0".to_owned())),
            subject: Mutex::new("alice".to_owned()),
        })
    }

    pub fn refreshes(&self) -> usize {
        self.refreshes.load(Ordering::SeqCst)
    }

    pub fn fail_next(&self, fault: Fault) {
        lock(&self.faults).push_back(fault);
    }

    /// A new family of refresh tokens.
    fn begin(&self, name: &str) -> TokenSet {
        let first = format!("{name}-rt");
        *lock(&self.valid) = Some(first.clone());
        let now = self.clock.now();
        let end = now.plus(*lock(&self.lifetime));
        token_set(&format!("{name}-at"), Some(&first), now, end)
    }

    fn rotate(&self, presented: &str) -> Result<TokenSet, TokenFailure> {
        let mut valid = lock(&self.valid);
        if valid.as_deref() != Some(presented) {
            *valid = None;
            return Err(TokenFailure::Rejected {
                error: "invalid_grant".into(),
                description: "replayed".into(),
            });
        }
        let count = self.refreshes.fetch_add(1, Ordering::SeqCst) + 1;
        let next = format!("rt-{count}");
        *valid = Some(next.clone());
        let now = self.clock.now();
        let mut set =
            token_set(&format!("at-{count}"), Some(&next), now, now.plus(*lock(&self.lifetime)));
        set.scope.clone_from(&lock(&self.scope));
        Ok(set)
    }
}

impl SignInServer for FakeServer {
    fn offers<'a>(&'a self, _profile: &'a Profile) -> Pending<'a, Result<Offers, TokenFailure>> {
        Box::pin(async { Ok(offers()) })
    }

    fn authorize<'a>(
        &'a self,
        _profile: &'a Profile,
        request: &'a AuthorizationRequest,
    ) -> Pending<'a, Result<String, TokenFailure>> {
        Box::pin(
            async move { Ok(format!("https://idp.example/authorize?state={}", request.state)) },
        )
    }

    fn device<'a>(
        &'a self,
        _profile: &'a Profile,
        _verifier: Option<&'a CodeVerifier>,
    ) -> Pending<'a, Result<DeviceAuthorization, TokenFailure>> {
        Box::pin(async {
            Ok(device_authorization(self.clock.now().plus(Duration::from_secs(600))))
        })
    }
}

impl AuthorizationServer for FakeServer {
    fn redeem<'a>(
        &'a self,
        _profile: &'a Profile,
        grant: Grant<'a>,
    ) -> Pending<'a, Result<Redeemed, TokenFailure>> {
        Box::pin(async move {
            let presented = match grant {
                Grant::RefreshToken { token, .. } => token.expose().to_owned(),
                Grant::TokenExchange { subject_token, .. } => {
                    let _open = self.gate.lock().await;
                    self.exchanges.fetch_add(1, Ordering::SeqCst);
                    if let Some(failure) = lock(&self.no_exchange).clone() {
                        return Err(failure);
                    }
                    let now = self.clock.now();
                    let name = format!("exchanged-{}", subject_token.expose());
                    return Ok(received(token_set(
                        &name,
                        None,
                        now,
                        now.plus(*lock(&self.lifetime)),
                    )));
                }
                Grant::AuthorizationCode { .. } | Grant::DeviceCode { .. } => {
                    let _open = self.gate.lock().await;
                    let count = self.sign_ins.fetch_add(1, Ordering::SeqCst) + 1;
                    return Ok(received(self.begin(&format!("s{count}"))));
                }
            };
            lock(&self.presented).push(presented.clone());
            let under_way = self.on_their_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_at_once.fetch_max(under_way, Ordering::SeqCst);
            let _open = self.gate.lock().await;
            self.on_their_way.fetch_sub(1, Ordering::SeqCst);
            if let Some(failure) = lock(&self.no_refresh).clone() {
                return Err(failure);
            }
            let fault = lock(&self.faults).pop_front();
            match fault {
                None => self.rotate(&presented).map(received),
                Some(Fault::Answer(failure)) => Err(failure),
                Some(Fault::AnotherSubject(sub)) => {
                    *lock(&self.subject) = sub;
                    self.rotate(&presented).map(received)
                }
                Some(Fault::NoAccessToken) => self.rotate(&presented).map(renewal),
                Some(Fault::LoseAnswer) => {
                    self.rotate(&presented)?;
                    Err(TokenFailure::Unreachable {
                        cause: "connection reset".into(),
                        sent: true,
                        retry_after: None,
                    })
                }
            }
        })
    }

    fn judge<'a>(
        &'a self,
        _profile: &'a Profile,
        grant: Grant<'a>,
        received: Received,
    ) -> Pending<'a, Result<TokenSet, TokenFailure>> {
        Box::pin(async move {
            drop(self.keys.lock().await);
            if let Some(failure) = lock(&self.disbelief).clone() {
                return Err(failure);
            }
            let known = !matches!(grant, Grant::TokenExchange { .. });
            let identity = known.then(|| identity(&lock(&self.subject)));
            Ok(TokenSet { identity, ..received.set })
        })
    }

    fn revoke<'a>(
        &'a self,
        _profile: &'a Profile,
        token: &'a RefreshToken,
        why: RevokedFor,
    ) -> Pending<'a, Result<Revocation, TokenFailure>> {
        if why == RevokedFor::Another && *lock(&self.withholds) {
            return Box::pin(async { Ok(Revocation::Withheld) });
        }
        self.revoked.fetch_add(1, Ordering::SeqCst);
        lock(&self.revoked_tokens).push(token.expose().to_owned());
        let answer = lock(&self.revocations).pop_front().unwrap_or(Revocation::Confirmed);
        Box::pin(async move {
            drop(self.gate.lock().await);
            Ok(answer)
        })
    }
}

fn received(set: TokenSet) -> Redeemed {
    let (id_token, issued_token_type, clock_skew) = (None, None, None);
    Redeemed::Tokens(Box::new(Received { set, id_token, issued_token_type, clock_skew }))
}

/// The refresh token of an answer alone.
fn renewal(set: TokenSet) -> Redeemed {
    let Some(refresh_token) = set.refresh_token.clone() else { return received(set) };
    Redeemed::Renewal(Renewal {
        refresh_token,
        refresh_expires_at: set.refresh_expires_at,
        received_at: set.received_at,
        lacks: "no access token".to_owned(),
    })
}

/// Counts what it is told, as JSON; is full when told to be.
#[derive(Debug, Default)]
pub struct FakeWitness {
    pub events: Mutex<Vec<String>>,
    pub lines: Mutex<Vec<String>>,
    pub full: Mutex<bool>,
}

impl Witness for FakeWitness {
    fn record(&self, record: &Record<'_>) -> Result<(), WitnessFailure> {
        if *lock(&self.full) {
            return Err(WitnessFailure("no space left on device".into()));
        }
        let event = format!("{:?} {:?}", record.event, record.outcome);
        lock(&self.events).push(event.to_lowercase());
        lock(&self.lines).push(format!("{record:?}"));
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
            witness: self.witness.clone(),
            spawn: Arc::new(TokioSpawn),
        }
    }

    pub fn presented(&self) -> Vec<String> {
        lock(&self.server.presented).clone()
    }
}
