//! From nothing to serving: lock, socket, ledger, store, broker, doors, clockwork. And back.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use dagpass_client::folders::Folders;
use dagpass_client::instance::{RECORD, TAKEN};
use dagpass_client::owner::{self, ForeignHome};
use dagpass_client::wire::ConnectionIds;
use dagpass_client::{descriptors, place};
use dagpass_core::audit::Event;
use dagpass_core::broker::Broker;
use dagpass_core::ports::{Clock, Ports, StoreFailure};
use dagpass_core::sign_in::SignInPorts;

use crate::airflow::Airflow;
use crate::browser::SystemBrowser;
use crate::callback::LoopbackCallbacks;
use crate::clock::WallClock;
use crate::config::ConfigFile;
use crate::instance::{Instance, Refused};
use crate::keychain::KeychainStore;
use crate::ledger::Ledger;
use crate::local_api::{About, Api, Loopback, Parts, random, serve};
use crate::loopback::NotBound;
use crate::ping::{Ping, install_crypto};
use crate::power::Power;
use crate::program::complain;
use crate::scheduler::Scheduler;
use crate::system;
use crate::task_runs::TaskRuns;
use crate::tasks::Tasks;
use crate::telemetry;
use crate::tray::{self, Stands};
use crate::witness::Observer;

/// How long may the desktop take to give the icon back once serving has ended?
const FAREWELL: Duration = Duration::from_secs(2);
/// How many files may every process have open, on every system we know?
const LEAST_DESCRIPTORS: u64 = 256;

/// How long may what is on its way to Ping take to land and be saved, once we are told to end?
const DRAIN: Duration = Duration::from_secs(10);

/// Why the agent does not run.
#[derive(Debug, thiserror::Error)]
enum NotStarted {
    #[error(transparent)]
    Place(#[from] place::PlaceError),
    #[error(transparent)]
    Instance(#[from] Refused),
    #[error("cannot listen on {place}: {cause}")]
    Socket { place: String, cause: io::Error },
    #[error("cannot listen on {}: {}{holder}", .failed.place, .failed.cause)]
    Port { failed: NotBound, holder: String },
    #[error(transparent)]
    ForeignHome(#[from] ForeignHome),
    #[error("cannot write {}: {}", .path.display(), owner::why(.path, .cause))]
    File { path: PathBuf, cause: io::Error },
    #[error("the chosen store cannot be opened: {0}")]
    Store(#[from] StoreFailure),
    #[error("the runtime did not start: {0}")]
    Runtime(io::Error),
    #[error("the agent's task ended: {0}")]
    Task(tokio::task::JoinError),
}

/// `at_login`: the desktop's start brought us up.
pub(crate) fn run(at_login: bool) -> ExitCode {
    telemetry::start();
    if let Err(error) = system::harden() {
        tracing::warn!(%error, "the process could not be hardened");
    }
    let descriptors = descriptors::raise().unwrap_or_else(|error| {
        tracing::warn!(%error, "the limit of open files could not be raised");
        Some(LEAST_DESCRIPTORS)
    });
    install_crypto();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(NotStarted::Runtime);
    let served = runtime.and_then(|runtime| {
        let (stands, standing) = mpsc::channel();
        let serving = runtime.spawn(async move {
            let served = agent(stands, (at_login, descriptors)).await;
            end_soon(if served.is_ok() { 0 } else { 1 });
            served
        });
        if let Ok(stands) = standing.recv() {
            tray::attend(stands, standing);
        }
        runtime.block_on(serving).unwrap_or_else(|ended| Err(NotStarted::Task(ended)))
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(NotStarted::ForeignHome(home)) => {
            complain(&format!("error: {home}\n  hint: {}\n", home.hint()));
            ExitCode::from(2)
        }
        Err(error) => {
            complain(&format!("error: {error}\n"));
            match error {
                NotStarted::Instance(Refused::Taken(_) | Refused::TakenUnnamed) => {
                    ExitCode::from(TAKEN)
                }
                _ => ExitCode::FAILURE,
            }
        }
    }
}

/// The desktop may take its time to give the icon back, or never do: it does not keep us.
fn end_soon(code: i32) {
    std::thread::spawn(move || {
        std::thread::sleep(FAREWELL);
        std::process::exit(code);
    });
}

/// `stands` is told once that the socket can be connected to, and dropped when serving ends.
async fn agent(
    stands: mpsc::Sender<Stands>,
    (at_login, descriptors): (bool, Option<u64>),
) -> Result<(), NotStarted> {
    let told_to_end = system::told_to_end();
    if let Some(home) = owner::foreign_home() {
        return Err(home.into());
    }
    let folders = Folders::here()?;
    let instance = Instance::acquire(&folders)?;
    let state = folders.state;
    let place = place::socket()?;
    let name = place.to_string();
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let connections_file = state.join("connections.json");
    let known = known_ids(&connections_file);
    let config = Arc::new(ConfigFile::open_after(place::config_path()?, known));
    let port = config.current().endpoint_port;
    let loopback = Loopback::bind(port).map_err(|failed| NotStarted::Port {
        holder: system::listener_holder(failed.place)
            .map_or_else(String::new, |who| format!("; {who} has it")),
        failed,
    })?;
    let ledger_path = state.join("ledger.jsonl");
    let ledger = Ledger::open(&ledger_path, clock.clone())
        .map_err(|cause| NotStarted::File { path: ledger_path, cause })?;
    let ledger = Arc::new(ledger);
    let runs = Arc::new(TaskRuns::open(&state, clock.clone()));
    let witness = Arc::new(Observer::new(ledger.clone(), runs.clone(), clock.clone()));
    let store = Arc::new(KeychainStore::stand(&state, config.store().as_ref())?);
    let about = About {
        started_at: clock.now(),
        socket: name.clone(),
        started_by_login: at_login,
        tcp_port: loopback.port,
        endpoint_file: place::endpoint_file(&place)?,
        connections_file,
        containers_folder: state.join("containers"),
        descriptors,
    };
    let api = Arc::new(wire(&clock, &config, &witness, store, about));
    api.adopt_config();
    let listener =
        api.stand().map_err(|cause| NotStarted::Socket { place: name.clone(), cause })?;
    instance
        .publish(Path::new(&name), config.path(), clock.now())
        .map_err(|cause| NotStarted::File { path: folders.lock.join(RECORD), cause })?;
    tracing::info!(socket = name, port = loopback.port, "serving");
    witness.note(Event::AgentStart, &format!("version {}", env!("CARGO_PKG_VERSION")));
    if stands.send(Stands { socket: name, config: config.clone() }).is_err() {
        tracing::debug!("nobody waits for the socket");
    }
    let doors = api.clone();
    tokio::spawn(async move {
        doors.store.finish_move().await;
        doors.open_kept_doors().await;
    });
    let woke = Arc::default();
    let (held, stop) = (ledger.clone(), api.stop.clone());
    let (tasks, runtime) = (api.tasks.clone(), tokio::runtime::Handle::current());
    Power { ledger: held, runs: runs.clone(), woke: Arc::clone(&woke), stop, tasks, runtime }
        .watch();
    let (broker, api) = (api.broker.clone(), api);
    let observer = witness.clone();
    let scheduler =
        Scheduler { broker, ledger: ledger.clone(), config, api: api.clone(), woke, observer };
    let mut serving = pin!(serve(api.clone(), listener, loopback));
    tokio::select! {
        () = &mut serving => {}
        () = scheduler.run() => {}
        () = api.stop.notified() => {}
        () = told_to_end => {}
        other = instance.replaced() => {
            tracing::error!(other.host, other.pid, "another agent serves this home: this one ends");
        }
    }
    // Nothing new begins; what is on its way lands, is saved, and is answered: whoever waits for our end
    // sees us until then.
    api.begin_to_end();
    let left = tokio::select! {
        () = &mut serving => api.tasks.drained(DRAIN).await,
        left = api.drained(DRAIN) => left,
    };
    witness.flush(true);
    api.tell_of_turned_away(true);
    witness.note(Event::AgentStop, &farewell(left));
    ledger.tend();
    api.containers.tidy();
    runs.note_ends(&api.broker.sessions());
    runs.keep();
    tidy(&api.about.endpoint_file);
    tracing::info!("stopped");
    Ok(())
}

/// For the record.
fn farewell(left: usize) -> String {
    match left {
        0 => "told to end; nothing was under way any more".to_owned(),
        left => format!("told to end; {left} requests to Ping had no answer by then"),
    }
}

fn wire(
    clock: &Arc<dyn Clock>,
    config: &Arc<ConfigFile>,
    witness: &Arc<Observer>,
    store: Arc<KeychainStore>,
    about: About,
) -> Api {
    let ping = Arc::new(Ping::new(clock.clone()));
    let airflow = Arc::new(Airflow::new(clock.clone()));
    let tasks = Tasks::default();
    let broker = Broker::new(Ports {
        clock: clock.clone(),
        server: ping.clone(),
        airflow: airflow.clone(),
        store: store.clone(),
        owed: store.clone(),
        witness: witness.clone(),
        spawn: Arc::new(tasks.clone()),
    });
    let sign_in = SignInPorts {
        clock: clock.clone(),
        server: ping.clone(),
        store: store.clone(),
        browser: Arc::new(SystemBrowser::default()),
        callbacks: Arc::new(LoopbackCallbacks::default()),
        random,
    };
    let config = config.clone();
    let (ledger, task_runs) = (witness.ledger.clone(), witness.runs.clone());
    let witness = witness.clone();
    let parts =
        Parts { broker, config, ping, airflow, store, sign_in, witness, ledger, task_runs, tasks };
    Api::new(parts, about)
}

/// The conn_ids that an earlier life of the agent answered for; `None` where there was none.
fn known_ids(connections_file: &Path) -> Option<BTreeSet<String>> {
    let bytes = match std::fs::read(connections_file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        read => read.map_err(|error| error.to_string()),
    };
    let ids = bytes.and_then(|bytes| {
        serde_json::from_slice::<ConnectionIds>(&bytes).map_err(|error| error.to_string())
    });
    match ids {
        Ok(ids) => Some(ids.connections.into_iter().collect()),
        Err(error) => {
            tracing::warn!(error, "connections.json cannot be read");
            None
        }
    }
}

fn tidy(endpoint: &Path) {
    if let Err(error) = std::fs::remove_file(endpoint) {
        tracing::warn!(%error, "endpoint file not removed");
    }
}

impl Api {
    /// Hands the config in force to the store and the broker, and writes the ids that outlive us. One
    /// that never was in force changes nothing, on disk least of all.
    pub(crate) fn adopt_config(&self) {
        self.say_config();
        let Some(ids) = self.config.ids() else { return };
        self.store.reconsider(self.config.store().as_ref());
        let config = self.config.current();
        let sessions = config.sessions();
        let with_profile = |key| config.session(&key).map(|profile| (key, profile));
        self.broker.configure(sessions.into_iter().filter_map(with_profile));
        let ids = ConnectionIds { version: 1, connections: ids };
        self.containers.tell_connections(&config);
        let text = serde_json::to_vec(&ids).unwrap_or_default();
        if let Err(error) = system::settle_private(&self.about.connections_file, &text) {
            tracing::error!(%error, "connections.json not written");
        }
        self.changed();
    }

    /// What is wrong with it, in the log and to whoever follows the status.
    pub(crate) fn say_config(&self) {
        for problem in self.config.problems() {
            tracing::error!(line = problem.line, key = problem.key, problem.message, "config");
        }
        let (wanted, port) = (self.config.current().endpoint_port, self.about.tcp_port);
        if wanted != 0 && wanted != port {
            tracing::warn!(wanted, port, "another TCP port is taken at the next start");
        }
        if let Some((here, asked)) = self.store.disagreement() {
            tracing::error!(here, command = asked.command(), "the config asks for another store");
        }
        self.changed();
    }
}
