//! From nothing to serving: runtime, lock, socket, ledger, store, doors, clockwork. And back. Who works
//! with whom is `wiring.rs`.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use dagpass_client::folders::{Folders, LEDGER};
use dagpass_client::instance::{RECORD, TAKEN};
use dagpass_client::owner::{self, ForeignHome};
use dagpass_client::{descriptors, place};
use dagpass_core::audit::Event;
use dagpass_core::ports::{Clock, StoreFailure};

use crate::adopt::known_ids;
use crate::approvals;
use crate::clock::WallClock;
use crate::config::{ConfigFile, MachineConfig, TOLD_FILE};
use crate::http::install_crypto;
use crate::instance::{Instance, Refused};
use crate::keychain::KeychainStore;
use crate::ledger::Ledger;
use crate::local_api::{About, LOGOUT_FILE, Loopback, serve};
use crate::loopback::NotBound;
use crate::policy::KEPT_FILE;
use crate::power::Power;
use crate::scheduler::Scheduler;
use crate::system;
use crate::task_runs::TaskRuns;
use crate::telemetry::{self, complain};
use crate::tray::{self, Icon, Stands};
use crate::wiring::wire;
use crate::witness::Observer;

/// How long may the desktop take to give the icon back once serving has ended?
const FAREWELL: Duration = Duration::from_secs(2);
/// How many files may every process have open, on every system we know?
const LEAST_DESCRIPTORS: u64 = 256;

/// How long may what is on its way to Ping take to land and be saved, once we are told to end?
const DRAIN: Duration = Duration::from_secs(10);

/// And a keychain to take what memory alone holds?
const LAST_SAVE: Duration = Duration::from_secs(2);

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
    system::keep_secrets_in_memory();
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
    let config =
        Arc::new(ConfigFile::open_under(MachineConfig::here(), place::config_path()?, known));
    let port = config.current().endpoint_port;
    let loopback = Loopback::bind(port).map_err(|failed| NotStarted::Port {
        holder: system::listener_holder(failed.place)
            .map_or_else(String::new, |who| format!("; {who} has it")),
        failed,
    })?;
    let ledger_path = state.join(LEDGER);
    let ledger = Ledger::open(&ledger_path, clock.clone())
        .map_err(|cause| NotStarted::File { path: ledger_path, cause })?;
    ledger.keep_as(config.current().durability);
    let ledger = Arc::new(ledger);
    let runs = Arc::new(TaskRuns::open(&state, clock.clone()));
    let witness = Arc::new(Observer::new(ledger.clone(), runs.clone(), clock.clone()));
    let store = Arc::new(KeychainStore::stand(&state, config.store().as_ref())?);
    let icon = Arc::new(Icon::of_this_process());
    let about = About {
        icon: icon.clone(),
        started_at: clock.now(),
        socket: name.clone(),
        started_by_login: at_login,
        tcp_port: loopback.port,
        endpoint_file: place::endpoint_file(&place)?,
        connections_file,
        told_file: state.join(TOLD_FILE),
        approvals_file: state.join(approvals::FILE),
        policy_file: state.join(KEPT_FILE),
        logout_file: state.join(LOGOUT_FILE),
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
    api.tell_own_config();
    api.tell_managed_wrong();
    if stands.send(Stands { socket: name, config: config.clone(), icon }).is_err() {
        tracing::debug!("nobody waits for the socket");
    }
    let doors = api.clone();
    tokio::spawn(async move {
        doors.store.finish_move().await;
        doors.broker.judge_pending_sign_ins().await;
        doors.open_kept_doors().await;
    });
    let woke = Arc::default();
    Power {
        ledger: ledger.clone(),
        witness: witness.clone(),
        sealer: api.sealer.clone(),
        runs: runs.clone(),
        woke: Arc::clone(&woke),
        stop: api.stop.clone(),
        tasks: api.tasks.clone(),
        runtime: tokio::runtime::Handle::current(),
    }
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
        () = &mut serving => api.tasks.drained_for_good(DRAIN).await,
        left = api.drained(DRAIN) => left,
    };
    // A keychain that would not take it a moment ago may take it now; after this nobody has it.
    let unsaved = tokio::time::timeout(LAST_SAVE, api.broker.save_all()).await;
    witness.flush(true);
    api.tell_of_turned_away(true);
    witness.note(Event::AgentStop, &farewell(left, unsaved.ok()));
    if let Err(error) = ledger.synced() {
        tracing::error!(%error, "the end of the record may not be on disk");
    }
    api.sealer.close();
    api.containers.tidy();
    runs.note_ends(&api.broker.sessions());
    runs.keep();
    tidy(&api.about.endpoint_file);
    tracing::info!("stopped");
    Ok(())
}

/// For the record. `unsaved` is unknown where the keychain does not answer.
fn farewell(left: usize, unsaved: Option<usize>) -> String {
    let mut text = match left {
        0 => "told to end; nothing was under way any more".to_owned(),
        left => format!("told to end; {left} requests to Ping had no answer by then"),
    };
    match unsaved {
        Some(0) => {}
        Some(unsaved) => {
            text.push_str(&format!("; the newest refresh token of {unsaved} sessions is lost"));
        }
        None => text.push_str("; the keychain did not say whether it has every refresh token"),
    }
    text
}

fn tidy(endpoint: &Path) {
    if let Err(error) = std::fs::remove_file(endpoint) {
        tracing::warn!(%error, "endpoint file not removed");
    }
}
