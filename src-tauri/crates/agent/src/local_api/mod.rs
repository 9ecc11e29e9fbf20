//! The local endpoint: one guard before all of it, one handler a route. Whatever CLI, panel and
//! Airflow need is a route here, never a second code path.

mod accept;
mod activity;
mod approvals;
mod auto_logout;
mod body;
mod capability;
mod clients;
mod config;
mod containers;
mod crowd;
mod deployments;
mod door;
mod dressed;
mod drift;
mod end_session;
mod ended;
mod events;
mod everywhere;
mod evidence;
mod guard;
mod lanes;
mod leaks;
mod leases;
mod login_item;
mod orphans;
mod pasted;
mod patience;
mod policy;
mod preview;
mod proxied;
mod prune;
mod purge;
mod relay;
mod reply;
mod roles;
mod routes;
mod run_events;
mod runs;
mod server;
mod ship;
mod sign_in;
mod sign_out;
mod status;
mod store_use;
mod tokens;
mod try_it;
mod turned_away;
mod under_way;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use hyper::Method;
use hyper::body::Bytes;
use tokio::sync::{Notify, watch};
use zeroize::Zeroizing;

use dagpass_client::wire::Endpoint;
use dagpass_core::broker::Broker;
use dagpass_core::error::Refusal;
use dagpass_core::policy::{About as AboutWhat, Action, Permit};
use dagpass_core::ports::{Clock, Witness};
use dagpass_core::principal::{Kind, Principal};
use dagpass_core::request::{Caller, ENDPOINT};
use dagpass_core::sign_in::SignInPorts;
use dagpass_core::time::Timestamp;

pub(crate) use accept::Seats;
pub(crate) use auto_logout::{FILE as LOGOUT_FILE, Lookout};
pub(crate) use containers::Containers;
pub(crate) use leases::end_of_trees;
pub(crate) use run_events::tell_of_dropped;
pub(crate) use server::{Loopback, serve};

use crate::airflow::{Airflow, ItemKeeper};
use crate::config::{ConfigFile, Told};
use crate::cosigning::Cosigning;
use crate::keychain::KeychainStore;
use crate::ledger::{Ledger, Pruning, Sealer, Shipping};
use crate::ping::Ping;
use crate::policy::Standing;
use crate::system::{self, LocalListener};
use crate::task_runs::TaskRuns;
use crate::tasks::Tasks;
use crate::tray::Icon;
use capability::{Capabilities, Holder};
use crowd::Crowd;
use door::Visit;
use events::Streams;
use leaks::Looks;
use patience::Awaited;
use turned_away::TurnedAway;
use under_way::SignIns;

/// How long do answers that are on their way out keep us?
const ANSWERED: Duration = Duration::from_millis(500);

/// What the routes work with.
pub(crate) struct Api {
    pub(crate) broker: Broker,
    pub(crate) config: Arc<ConfigFile>,
    pub(crate) adopting: Mutex<()>,
    pub(crate) told: Told,
    pub(crate) policy: Arc<Standing>,
    pub(crate) ping: Arc<Ping>,
    pub(crate) airflow: Arc<Airflow>,
    pub(crate) store: Arc<KeychainStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) witness: Arc<dyn Witness>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) cosigning: Arc<Cosigning>,
    pub(crate) shipping: Arc<Shipping>,
    pub(crate) pruning: Arc<Pruning>,
    pub(crate) task_runs: Arc<TaskRuns>,
    pub(crate) sign_in: SignInPorts,
    pub(crate) items: ItemKeeper,
    pub(crate) lookout: Lookout,
    pub(crate) about: About,
    /// Told when the agent should end.
    pub(crate) stop: Arc<Notify>,
    /// Something that `status` shows may have changed. Its end is the end of every stream.
    changes: Mutex<Option<watch::Sender<()>>>,
    paused: AtomicBool,
    pub(crate) containers: Containers,
    capabilities: Capabilities,
    proxied: proxied::Proxied,
    lanes: lanes::Begun,
    crowd: Crowd,
    /// Of our own doors, and of those for containers.
    seats: Seats,
    container_seats: Seats,
    streams: Streams,
    turned_away: TurnedAway,
    misses: AtomicU32,
    sign_ins: SignIns,
    looks: Looks,
    pub(crate) tasks: Tasks,
    ending: AtomicBool,
}

/// What `status` says of the process itself.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) started_at: Timestamp,
    /// Socket path or pipe name.
    pub(crate) socket: String,
    pub(crate) icon: Arc<Icon>,
    /// The desktop's start brought us up.
    pub(crate) started_by_login: bool,
    pub(crate) endpoint_file: PathBuf,
    pub(crate) tcp_port: u16,
    pub(crate) connections_file: PathBuf,
    pub(crate) told_file: PathBuf,
    pub(crate) approvals_file: PathBuf,
    pub(crate) policy_file: PathBuf,
    pub(crate) logout_file: PathBuf,
    pub(crate) containers_folder: PathBuf,
    /// How many files may be open; `None` where the system has no limit.
    pub(crate) descriptors: Option<u64>,
}

/// The collaborators of the routes.
pub(crate) struct Parts {
    pub(crate) broker: Broker,
    pub(crate) config: Arc<ConfigFile>,
    pub(crate) policy: Arc<Standing>,
    pub(crate) ping: Arc<Ping>,
    pub(crate) airflow: Arc<Airflow>,
    pub(crate) store: Arc<KeychainStore>,
    pub(crate) sign_in: SignInPorts,
    pub(crate) witness: Arc<dyn Witness>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) cosigning: Arc<Cosigning>,
    pub(crate) shipping: Arc<Shipping>,
    pub(crate) pruning: Arc<Pruning>,
    pub(crate) task_runs: Arc<TaskRuns>,
    pub(crate) tasks: Tasks,
}

impl Api {
    pub(crate) fn new(parts: Parts, about: About) -> Self {
        let (seats, container_seats) = Seats::of(about.descriptors);
        let proxied = proxied::Proxied::of(about.descriptors);
        Self {
            broker: parts.broker,
            config: parts.config,
            policy: parts.policy,
            adopting: Mutex::default(),
            ping: parts.ping,
            airflow: parts.airflow,
            store: parts.store,
            clock: parts.sign_in.clock.clone(),
            lookout: Lookout::new(about.logout_file.clone(), parts.sign_in.clock.now()),
            witness: parts.witness,
            ledger: parts.ledger,
            sealer: parts.sealer,
            cosigning: parts.cosigning,
            shipping: parts.shipping,
            pruning: parts.pruning,
            task_runs: parts.task_runs,
            sign_in: parts.sign_in,
            containers: Containers::in_folder(about.containers_folder.clone()),
            told: Told::open(about.told_file.clone()),
            items: ItemKeeper::new(),
            about,
            stop: Arc::default(),
            changes: Mutex::new(Some(watch::Sender::new(()))),
            paused: AtomicBool::new(false),
            capabilities: Capabilities::default(),
            proxied,
            lanes: lanes::Begun::default(),
            crowd: Crowd::default(),
            streams: Streams::of(seats.most),
            seats,
            container_seats,
            turned_away: TurnedAway::default(),
            misses: AtomicU32::new(0),
            sign_ins: SignIns::default(),
            looks: Looks::default(),
            tasks: parts.tasks,
            ending: AtomicBool::new(false),
        }
    }

    /// Whoever follows the status looks at it now.
    pub(crate) fn changed(&self) {
        if let Some(changes) = self.changes.lock().unwrap_or_else(PoisonError::into_inner).as_ref()
        {
            changes.send_replace(());
        }
    }

    /// `None` once the agent ends.
    fn changes(&self) -> Option<watch::Receiver<()>> {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.as_ref().map(watch::Sender::subscribe)
    }

    /// Nothing new begins, and every stream of events ends, so that whoever reads one knows at once.
    pub(crate) fn begin_to_end(&self) {
        self.ending.store(true, Ordering::Relaxed);
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Nothing is handed out until a person resumes.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// Waits until what is on its way has landed and whoever waited for it was answered; how much was
    /// left when the time was up.
    pub(crate) async fn drained(&self, limit: Duration) -> usize {
        let left = self.tasks.drained_for_good(limit).await;
        self.crowd.answered(ANSWERED).await;
        left
    }

    /// Writes `endpoint.json`, new at every start and readable by its owner alone, then binds the
    /// socket beside it: where the socket answers, all else stands.
    pub(crate) fn stand(&self) -> io::Result<LocalListener> {
        let path = &self.about.endpoint_file;
        if let Some(folder) = path.parent() {
            system::private_dir(folder)?;
        }
        let holder = Holder::new(ENDPOINT.to_owned(), Kind::Owner);
        let endpoint = Endpoint {
            version: 1,
            pid: std::process::id(),
            port: self.about.tcp_port,
            capability: self.capabilities.grant(holder),
        };
        let text = Zeroizing::new(serde_json::to_vec(&endpoint)?);
        system::write_passing(path, &text)?;
        LocalListener::bind(Path::new(&self.about.socket))
    }

    /// The socket's file is gone (a cleaner of temporary folders, a new runtime folder): everything
    /// beside it is made anew, and the old capability ends.
    pub(crate) fn stand_again(&self) -> io::Result<LocalListener> {
        self.capabilities.revoke(ENDPOINT);
        self.stand()
    }
}

/// One request that passed the guard and proved who sent it.
struct Asked {
    method: Method,
    path: String,
    query: String,
    body: Bytes,
    principal: Principal,
    /// The connection that it came by.
    visit: Arc<Visit>,
    /// Its handler's decision is on the record.
    judged: AtomicBool,
    /// The token that its handler waits for.
    awaits: OnceLock<Awaited>,
}

impl Asked {
    fn parse<T: serde::de::DeserializeOwned>(&self) -> Result<T, Refusal> {
        body::parse(&self.body)
    }

    fn caller(&self) -> &Caller {
        &self.principal.caller
    }

    /// Judged by what the request names, and on the record with that.
    fn permit<T: AboutWhat>(
        &self,
        api: &Api,
        principal: &Principal,
        (action, about): (Action, T),
    ) -> Result<Permit<T>, Refusal> {
        self.judged.store(true, Ordering::Relaxed);
        api.broker.permit(principal, action, about)
    }

    /// With what the caller says of itself: recorded, never decided on.
    fn declaring(&self, context: BTreeMap<String, String>) -> Principal {
        let caller = Caller { context, ..self.caller().clone() };
        Principal { caller, ..self.principal.clone() }
    }
}
