//! The broker and the real adapter on one embedded issuer. Keeps every word that was said, and when it
//! falls looks through them for every secret that was handed out.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dagpass_agent::callback::LoopbackCallbacks;
use dagpass_agent::http::install_crypto;
use dagpass_agent::ping::Ping;
use dagpass_core::broker::{Broker, Issued};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::fakes::{self, FakeAirflow, FakeClock, FakeStore, FakeWitness};
use dagpass_core::policy::engine::NoPolicy;
use dagpass_core::ports::{Pending, Ports, Spawn};
use dagpass_core::profile::{Profile, Scopes};
use dagpass_core::request::{SessionKey, TokenRequest};
use dagpass_core::session::{ActiveSession, EndReason, SessionState, StoredSession};
use dagpass_sandbox::{
    Endpoint, Entry, Family, Options, Quirks, RedirectMatch, Sandbox, fingerprint,
};
use tokio::task::JoinHandle;

use crate::clock::StageClock;

/// One agent and its issuer.
pub(crate) struct Stage {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) clock: Arc<StageClock>,
    pub(crate) store: Arc<FakeStore>,
    pub(crate) ping: Arc<Ping>,
    pub(crate) callbacks: Arc<LoopbackCallbacks>,
    pub(crate) broker: Broker,
    pub(crate) profile: Profile,
    flights: Arc<Flights>,
    said: Mutex<String>,
}

/// Work that outlives its caller, so that a test can wait for it.
#[derive(Default)]
struct Flights(Mutex<Vec<JoinHandle<()>>>);

impl Spawn for Flights {
    fn spawn(&self, work: Pending<'static, ()>) {
        self.0.lock().unwrap().push(tokio::spawn(work));
    }
}

impl Stage {
    pub(crate) fn new(family: Family) -> Self {
        Self::with(family, |_| {})
    }

    /// With the switches of `change` set before anybody looks.
    pub(crate) fn with(family: Family, change: impl FnOnce(&mut Quirks)) -> Self {
        let sandbox = Sandbox::start(family, Options::default());
        sandbox.quirks(|quirks| {
            quirks.redirect_match = RedirectMatch::WildcardPort;
            change(quirks);
        });
        Self::at(Arc::new(sandbox))
    }

    pub(crate) fn at(sandbox: Arc<Sandbox>) -> Self {
        let clock = StageClock::with(&sandbox);
        Self::made(sandbox, clock, Arc::default())
    }

    /// Another agent on the same machine's keychain, or with one of its own.
    pub(crate) fn beside(&self, store: Arc<FakeStore>) -> Self {
        Self::made(self.sandbox.clone(), self.clock.clone(), store)
    }

    fn made(sandbox: Arc<Sandbox>, clock: Arc<StageClock>, store: Arc<FakeStore>) -> Self {
        install_crypto();
        let mut profile = Profile::new("prod", &sandbox.issuer(), sandbox.client_id());
        profile.scopes = Scopes::parse("openid offline_access api:read");
        // The system's choice, so that no two flows meet; `redirect` is about the others.
        profile.redirect.ports = vec![0];
        let ping = Arc::new(Ping::new(clock.clone()));
        let flights = Arc::<Flights>::default();
        let broker = Broker::new(Ports {
            clock: clock.clone(),
            server: ping.clone(),
            airflow: FakeAirflow::new(&FakeClock::at(0)),
            store: store.clone(),
            owed: store.clone(),
            pending: store.clone(),
            authorizer: Arc::new(NoPolicy),
            approvals: Arc::new(fakes::FakeBook::default()),
            witness: Arc::<FakeWitness>::default(),
            spawn: flights.clone(),
        });
        let said = Mutex::default();
        let callbacks = Arc::default();
        let stage = Self { sandbox, clock, store, ping, callbacks, broker, profile, flights, said };
        stage.configure();
        stage
    }

    /// Changes the profile, as an edited config does.
    pub(crate) fn profile(&mut self, change: impl FnOnce(&mut Profile)) {
        change(&mut self.profile);
        self.configure();
    }

    fn configure(&self) {
        self.broker.configure([(Self::key(), Arc::new(self.profile.clone()))]);
    }

    pub(crate) fn key() -> SessionKey {
        SessionKey::of("prod")
    }

    pub(crate) async fn ask(&self, request: &TokenRequest) -> Result<Issued, Refusal> {
        let answer = fakes::serve(&self.broker, request).await;
        self.hear(format!("{answer:?}"));
        if let Err(refusal) = &answer {
            self.hear(refusal.to_string());
        }
        self.landed().await;
        answer
    }

    pub(crate) async fn token(&self) -> Result<Issued, Refusal> {
        self.ask(&fakes::ask("prod")).await
    }

    /// The access token's bytes.
    pub(crate) async fn bytes(&self) -> String {
        self.token().await.unwrap().access_token().expose().to_owned()
    }

    pub(crate) async fn refused(&self, code: ErrorCode) -> Refusal {
        let refusal = self.token().await.unwrap_err();
        assert_eq!(refusal.code, code, "{refusal:?}");
        refusal
    }

    /// Waits for every refresh that is under way.
    pub(crate) async fn landed(&self) {
        let flights = std::mem::take(&mut *self.flights.0.lock().unwrap());
        for flight in flights {
            flight.await.unwrap();
        }
    }

    pub(crate) fn jump(&self, seconds: u64) {
        self.clock.jump(Duration::from_secs(seconds));
    }

    /// Until the access token is over, and every rest after a failure with it.
    pub(crate) fn expire(&self) {
        let life = self.sandbox.quirks(|quirks| quirks.at_ttl);
        self.jump(u64::try_from(life).unwrap().max(300) + 1);
    }

    /// The session outlived what was done to it: one refresh more, and its token is served.
    pub(crate) async fn lives_on(&self) {
        let before = self.sandbox.refreshes();
        self.expire();
        let token = self.bytes().await;
        assert_eq!(self.sandbox.refreshes(), before + 1, "one refresh");
        let last = self.refreshes().pop().unwrap();
        assert_eq!((last.status, last.access_token_fp), (200, Some(fingerprint(&token))));
    }

    /// What came in at one endpoint.
    pub(crate) fn at_endpoint(&self, endpoint: Endpoint) -> Vec<Entry> {
        let log = self.sandbox.log();
        log.into_iter().filter(|entry| entry.endpoint == endpoint).collect()
    }

    /// Token requests of one grant.
    pub(crate) fn grants(&self, grant: &str) -> Vec<Entry> {
        let mut asked = self.at_endpoint(Endpoint::Token);
        asked.retain(|entry| entry.grant.as_deref() == Some(grant));
        asked
    }

    pub(crate) fn refreshes(&self) -> Vec<Entry> {
        self.grants("refresh_token")
    }

    pub(crate) fn stored(&self) -> Option<StoredSession> {
        self.store.records.lock().unwrap().get(&Self::key()).cloned()
    }

    pub(crate) fn active(&self) -> ActiveSession {
        match self.broker.session(&Self::key()).unwrap().state {
            SessionState::Active(active) => *active,
            other => panic!("not active: {other:?}"),
        }
    }

    pub(crate) fn ended(&self) -> EndReason {
        match self.broker.session(&Self::key()).unwrap().state {
            SessionState::Ended { why, .. } => why,
            other => panic!("not ended: {other:?}"),
        }
    }

    pub(crate) fn groups(&self) -> Vec<String> {
        self.active().stored.identity.unwrap().group_names()
    }

    /// Keeps what was said, for the scan.
    pub(crate) fn hear(&self, text: String) {
        self.said.lock().unwrap().push_str(&text);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let said = self.said.lock().unwrap();
        let (store, views, ping) = (&self.store, self.broker.sessions(), &self.ping);
        let text = format!("{said}{store:?}{views:?}{ping:?}{:?}", self.broker);
        let secrets = self.sandbox.secrets();
        assert!(!secrets.is_empty(), "nothing was handed out, so there is nothing to look for");
        for secret in secrets {
            assert!(!text.contains(&secret.value), "a {} was said", secret.kind);
        }
    }
}

#[tokio::test]
async fn the_scan_finds_a_secret_that_a_test_lets_out() {
    let stage = Stage::new(Family::PingOne);
    stage.device("alice").await.unwrap();
    let token = stage.stored().unwrap().refresh_token.unwrap();
    stage.hear(format!("the token is {}", token.expose()));
    let fall = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(stage)));
    let told = fall.unwrap_err().downcast::<String>().unwrap();
    assert_eq!(*told, "a refresh_token was said");
}
