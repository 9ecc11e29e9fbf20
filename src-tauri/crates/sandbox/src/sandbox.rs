//! The Rust face of the sandbox: starts it on its own thread and drives it. Blocking calls only, so
//! that tests without a runtime can use it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

use crate::authorize;
use crate::control;
use crate::device;
use crate::family::{Endpoint, Family, Place, route};
use crate::faults::Fault;
use crate::log::{ApiEntry, Entry, HandedOut};
use crate::quirks::Quirks;
use crate::server;
use crate::tls;
use crate::world::{CLIENT_ID, World};

/// How to start.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// 0 is any free port.
    pub port: u16,
    /// Serve https under a private CA made at start.
    pub tls: bool,
    /// Approve every device code as this user a second after it was issued.
    pub auto_approve: Option<String>,
}

/// A running issuer and protected API on 127.0.0.1. Stops when dropped.
pub struct Sandbox {
    shared: Arc<Shared>,
    family: Family,
    origin: String,
    ca_pem: Option<String>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// For tests: what cannot start fails them.
    #[expect(clippy::expect_used, reason = "a test without its stage has failed")]
    pub fn start(family: Family, options: Options) -> Self {
        Self::try_start(family, options).expect("the sandbox starts")
    }

    pub fn try_start(family: Family, options: Options) -> io::Result<Self> {
        let (told, started) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let (acceptor, ca_pem) = match options.tls {
            true => {
                let (acceptor, pem) = tls::acceptor().map_err(io::Error::other)?;
                (Some(acceptor), Some(pem))
            }
            false => (None, None),
        };
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        listener.set_nonblocking(true)?;
        let SocketAddr::V4(address) = listener.local_addr()? else {
            return Err(io::Error::other("not an IPv4 address"));
        };
        let scheme = if options.tls { "https" } else { "http" };
        let origin = format!("{scheme}://{address}");
        let world = World::new(family, origin.clone(), Quirks::of(family));
        let shared = Arc::new(Shared::new(world));
        let served = Arc::clone(&shared);
        let approver = options.auto_approve.clone();
        let thread =
            std::thread::Builder::new().name("dagpass-sandbox".into()).spawn(move || {
                let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = match built {
                    Ok(runtime) => runtime,
                    Err(error) => return tell(&told, Err(error)),
                };
                runtime.block_on(async move {
                    let listener = match TcpListener::from_std(listener) {
                        Ok(listener) => listener,
                        Err(error) => return tell(&told, Err(error)),
                    };
                    if let Some(sub) = approver {
                        tokio::spawn(approve_all(Arc::clone(&served), sub));
                    }
                    tell(&told, Ok(()));
                    tokio::select! {
                        () = server::run(listener, acceptor, served) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        started.recv().map_err(io::Error::other)??;
        Ok(Self { shared, family, origin, ca_pem, stop: Some(stop), thread: Some(thread) })
    }

    pub fn family(&self) -> Family {
        self.family
    }

    /// `http://127.0.0.1:PORT`
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The exact string of `iss`, by the quirks in force.
    pub fn issuer(&self) -> String {
        self.shared.with(|world| world.main_site().issuer)
    }

    /// The whole URL of an endpoint of the main issuer.
    pub fn url(&self, endpoint: Endpoint) -> String {
        let custom = self.shared.with(|world| world.quirks.custom_domain);
        format!("{}{}", self.origin, Place::of(self.family, custom).path(endpoint))
    }

    /// The public client that is registered for the agent.
    pub fn client_id(&self) -> &'static str {
        CLIENT_ID
    }

    /// Where the control routes are.
    pub fn control(&self) -> String {
        format!("{}{}", self.origin, control::PREFIX)
    }

    /// The CA's certificate in PEM; `None` without TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// Sets switches: `sandbox.quirks(|q| q.pending_status = 403)`.
    pub fn quirks<T>(&self, change: impl FnOnce(&mut Quirks) -> T) -> T {
        self.shared.with(|world| change(&mut world.quirks))
    }

    pub fn fault(&self, fault: Fault) {
        self.shared.with(|world| world.faults.add(fault));
    }

    pub fn clear_faults(&self) {
        self.shared.with(|world| world.faults.clear());
    }

    /// Lets go of every request that a `Hold…` fault holds.
    pub fn release(&self) {
        self.shared.release();
    }

    /// Waits until so many requests are held; says whether it came to that.
    pub fn wait_held(&self, count: usize, patience: Duration) -> bool {
        self.shared.wait(patience, |world| world.held >= count)
    }

    /// Waits for something to stand in the log; says whether it came to that.
    pub fn wait_log(&self, patience: Duration, wanted: impl Fn(&[Entry]) -> bool) -> bool {
        self.shared.wait(patience, |world| wanted(&world.log))
    }

    /// The open device codes' user codes, oldest first.
    pub fn pending_user_codes(&self) -> Vec<String> {
        self.shared.with(|world| device::pending(world))
    }

    /// Waits for a device code to be open and says its user code.
    pub fn wait_user_code(&self, patience: Duration) -> Option<String> {
        self.shared.wait(patience, |world| !device::pending(world).is_empty());
        self.pending_user_codes().pop()
    }

    /// Waits until no device code waits for a person; says whether it came to that.
    pub fn wait_decided(&self, patience: Duration) -> bool {
        self.shared.wait(patience, |world| device::pending(world).is_empty())
    }

    /// A person in their usual browser session says yes.
    pub fn approve_device(&self, user_code: &str, user: &str) -> Result<(), String> {
        self.shared.with(|world| {
            world.user(user).ok_or_else(|| format!("no user {user}"))?;
            let session = world.session_of(user).map(|session| session.sid.clone());
            let sid = session.unwrap_or_else(|| world.sign_on(user));
            device::approve(world, user_code, &sid)
        })
    }

    pub fn deny_device(&self, user_code: &str) -> Result<(), String> {
        self.shared.with(|world| device::deny(world, user_code))
    }

    /// Signs in at an authorization URL as the page would, and returns the callback URL.
    pub fn authorize_as(&self, user: &str, url: &str) -> Result<String, String> {
        let (path, query) = authorize::query_of(url).ok_or("not a URL")?;
        let (place, endpoint) = route(self.family, &path).ok_or("no endpoint of the sandbox")?;
        if endpoint != Endpoint::Authorize {
            return Err("not the authorization endpoint".to_owned());
        }
        self.shared.with(|world| {
            let site = world.site(place);
            authorize::authorize_as(world, &site, user, &query)
        })
    }

    /// Another browser of this user signs on; beyond `max_sessions` the oldest session goes.
    pub fn sign_on(&self, user: &str) -> String {
        self.shared.with(|world| world.sign_on(user))
    }

    /// Ends every session of a user, as an admin can.
    pub fn end_session(&self, sub: &str) {
        self.shared.with(|world| world.end_sessions(sub));
    }

    pub fn set_groups(&self, sub: &str, groups: &[&str]) {
        self.shared.with(|world| world.set_groups(sub, groups));
    }

    /// A new signing key; the old one leaves the JWKS where `hard`.
    pub fn roll_over(&self, hard: bool) {
        self.shared.with(|world| world.keys.roll_over(hard));
    }

    /// Moves the issuer's clock.
    pub fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.shared.with(|world| world.advanced += millis);
    }

    /// Makes the protected API refuse a token (or the fingerprint of one) that still looks fresh.
    pub fn refuse_at_api(&self, token: &str) {
        self.shared.with(|world| world.refuse(token));
    }

    pub fn log(&self) -> Vec<Entry> {
        self.shared.with(|world| world.log.clone())
    }

    pub fn api_log(&self) -> Vec<ApiEntry> {
        self.shared.with(|world| world.api_log.clone())
    }

    /// How many refreshes came in, whatever came of them.
    pub fn refreshes(&self) -> usize {
        self.shared.with(|world| world.log.iter().filter(|entry| entry.is_refresh()).count())
    }

    /// How many refreshes were under way at once, at most.
    pub fn most_refreshing(&self) -> usize {
        self.shared.with(|world| world.most_refreshing)
    }

    /// Fingerprints of refresh tokens that came in more than once.
    pub fn replayed(&self) -> Vec<String> {
        self.shared.with(|world| world.replayed())
    }

    /// Every secret that was handed out, for scans.
    pub fn secrets(&self) -> Vec<HandedOut> {
        self.shared.with(|world| world.secrets.clone())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the sandbox's thread panicked");
        }
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("origin", &self.origin).finish_non_exhaustive()
    }
}

fn tell(told: &mpsc::Sender<io::Result<()>>, what: io::Result<()>) {
    if told.send(what).is_err() {
        tracing::debug!("nobody waits for the start");
    }
}

/// A request that waits at the gate, for as long as it does.
struct Held<'a>(&'a Shared);

impl<'a> Held<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.with(|world| world.held += 1);
        Self(shared)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.with(|world| world.held -= 1);
    }
}

async fn approve_all(shared: Arc<Shared>, sub: String) {
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        shared.with(|world| device::auto_approve(world, &sub));
    }
}

/// The world, and who waits for it to change.
pub(crate) struct Shared {
    world: Mutex<World>,
    changed: Condvar,
    gate: watch::Sender<u64>,
}

impl Shared {
    fn new(world: World) -> Self {
        Self { world: Mutex::new(world), changed: Condvar::new(), gate: watch::Sender::new(0) }
    }

    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        let done = work(&mut self.lock());
        self.changed.notify_all();
        done
    }

    /// Taken before a held request is served, so that a release can not be missed.
    pub(crate) fn gate(&self) -> watch::Receiver<u64> {
        self.gate.subscribe()
    }

    /// Waits at the gate. A client that goes away meanwhile is held no more.
    pub(crate) async fn hold(&self, mut gate: watch::Receiver<u64>) {
        let _held = Held::begin(self);
        let released = gate.changed().await;
        if let Err(error) = released {
            tracing::debug!(%error, "the gate is gone");
        }
    }

    pub(crate) fn release(&self) {
        self.gate.send_modify(|generation| *generation += 1);
    }

    fn wait(&self, patience: Duration, wanted: impl Fn(&World) -> bool) -> bool {
        let until = Instant::now() + patience;
        let mut world = self.lock();
        loop {
            if wanted(&world) {
                return true;
            }
            let Some(left) = until.checked_duration_since(Instant::now()) else { return false };
            let (next, _) =
                self.changed.wait_timeout(world, left).unwrap_or_else(PoisonError::into_inner);
            world = next;
        }
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
