//! `POST|GET /v1/containers`: doors of their own for a project's containers, whose users have other
//! uids than ours, and for a socket that ssh forwards. Each is kept in a file, stands again when the
//! agent does, and is on the record before it opens.

mod gate;
mod rules;
mod serve;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dagpass_client::wire::{Container, ContainerAsk, ContainerList};
use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::request::{Caller, Transport};

use super::reply::{self, Reply};
use super::{Api, Asked};
use crate::config::Config;
use crate::system::{self, LocalListener};
pub(super) use gate::Gate;
use serve::Open;

/// Every door, by its id. A door that could not be opened is here too, closed.
#[derive(Debug)]
pub(crate) struct Containers {
    /// 0700: the doors' records (`ID.json`, 0600) and their folders (`ID/`).
    folder: PathBuf,
    doors: Mutex<BTreeMap<String, Standing>>,
    /// One is opened or closed at a time.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Standing {
    gate: Arc<Gate>,
    open: Option<Open>,
}

impl Containers {
    pub(crate) fn in_folder(folder: PathBuf) -> Self {
        Self { folder, doors: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    pub(crate) fn shown(&self) -> Vec<Container> {
        self.doors().values().map(|standing| standing.gate.shown()).collect()
    }

    /// The config has changed: each folder says anew which connections are ours.
    pub(crate) fn tell_connections(&self, config: &Config) {
        for standing in self.doors().values().filter(|standing| standing.open.is_some()) {
            if let Err(error) = standing.gate.tell_connections(config) {
                tracing::error!(%error, "a door's connections.json not written");
            }
        }
    }

    /// The agent ends: no capability stays behind.
    pub(crate) fn tidy(&self) {
        for standing in std::mem::take(&mut *self.doors()).into_values() {
            if let Err(error) = standing.gate.tidy(false) {
                tracing::warn!(%error, "a door's capability not removed");
            }
        }
    }

    /// The door that stands by these very rules: asking again changes nothing, so that a script may.
    fn standing_by(&self, id: &str, rules: &mut ContainerAsk) -> Option<Container> {
        let doors = self.doors();
        let standing = doors.get(id)?;
        keep_port(rules, &standing.gate.rules);
        let same = standing.open.is_some() && standing.gate.rules == *rules;
        same.then(|| standing.gate.shown())
    }

    /// Shown with why, so that a person can mend or forget it.
    fn keep_closed(&self, rules: ContainerAsk, refusal: &Refusal) {
        let gate = Arc::new(Gate::new(rules, &self.folder));
        gate.complain(Some(refusal.to_string()));
        self.doors().insert(gate.id.clone(), Standing { gate, open: None });
    }

    fn kept(&self) -> io::Result<Vec<ContainerAsk>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let records = entries.flatten().map(|entry| entry.path());
        let records = records.filter(|path| path.extension().is_some_and(|end| end == "json"));
        Ok(records.filter_map(|path| read(&path)).collect())
    }

    fn record(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    fn doors(&self) -> MutexGuard<'_, BTreeMap<String, Standing>> {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Api {
    /// Opens every door that was open when the agent ended. One that cannot be is shown with why.
    pub(crate) async fn open_kept_doors(self: &Arc<Self>) {
        let kept = self.containers.kept().unwrap_or_else(|error| {
            tracing::error!(%error, "the doors on record cannot be read");
            Vec::new()
        });
        let caller = Caller { transport: Transport::Agent, ..Caller::default() };
        for rules in kept {
            // As a new one: the record may have been edited, and the config has changed since.
            let checked = rules::check(rules.clone(), &self.config.current());
            let opened = match checked {
                Ok(rules) => open(self, rules, &caller).await.map(drop),
                Err(refusal) => {
                    self.containers.keep_closed(rules, &refusal);
                    Err(refusal)
                }
            };
            if let Err(refusal) = opened {
                tracing::error!(%refusal, "a door is not open");
            }
        }
    }
}

pub(super) async fn up(api: &Arc<Api>, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: ContainerAsk = asked.parse()?;
    let rules = rules::check(ask, &api.config.current())?;
    Ok(reply::json(&open(api, rules, asked.caller()).await?))
}

pub(super) fn list(api: &Api) -> Reply {
    reply::json(&ContainerList { containers: api.containers.shown() })
}

pub(super) async fn down(api: &Arc<Api>, asked: &Asked) -> Result<Reply, Refusal> {
    let id = id(&asked.path).unwrap_or_default();
    let _turn = api.containers.turn.lock().await;
    let Some(standing) = api.containers.doors().remove(id) else {
        return Err(Refusal::new(ErrorCode::NotFound, "there is no such door"));
    };
    let (own, caller, id) = (api.clone(), asked.caller().clone(), id.to_owned());
    let ended = api.tasks.detached(async move { ended(&own, standing, (&id, &caller)).await });
    ended.await.unwrap_or_else(|| Err(not_done(&io::ErrorKind::Interrupted.into())))?;
    Ok(reply::json(&serde_json::json!({ "ended": true })))
}

/// Nobody comes through any more, and no start opens it again; what somebody inside left in the folder
/// cannot keep it.
async fn ended(
    api: &Api,
    standing: Standing,
    (id, caller): (&str, &Caller),
) -> Result<(), Refusal> {
    let rules = standing.gate.rules.clone();
    let removed = remove(&api.containers.record(id));
    if let Err(error) = close(standing, true).await {
        tracing::warn!(%error, "a door's folder is not empty");
    }
    // Behind it: what is still asked through it meets what was revoked.
    api.broker.end_leases_of(&rules::holder(&rules));
    removed.map_err(|error| not_done(&error))?;
    on_record(api, Event::DoorClosed, &rules, caller)
}

/// The door a path names: `/v1/containers/ID`.
pub(super) fn id(path: &str) -> Option<&str> {
    let id = path.strip_prefix("/v1/containers/")?;
    (!id.is_empty() && !id.contains(['/', '.'])).then_some(id)
}

/// Replaces the door of the same project that stood by other rules, and keeps the port that it had where any would do.
async fn open(
    api: &Arc<Api>,
    mut rules: ContainerAsk,
    caller: &Caller,
) -> Result<Container, Refusal> {
    let containers = &api.containers;
    let _turn = containers.turn.lock().await;
    let id = rules::id(&rules);
    if let Some(alike) = containers.standing_by(&id, &mut rules) {
        return Ok(alike);
    }
    let before = containers.doors().remove(&id);
    if let Some(before) = before {
        close(before, false).await.map_err(|error| not_done(&error))?;
        // Behind it: what was handed out by other rules is not renewed by these.
        api.broker.end_leases_of(&rules::holder(&rules));
    }
    let listened = listen(&mut rules);
    if listened.is_ok() {
        // On the record before anybody can come through.
        on_record(api, Event::DoorOpened, &rules, caller)?;
    }
    let gate = Arc::new(Gate::new(rules, &containers.folder));
    let opened = listened.and_then(|port| stand(api, &gate, port));
    let problem = opened.as_ref().err().map(ToString::to_string);
    gate.complain(problem.clone());
    let standing = Standing { gate: gate.clone(), open: opened.ok() };
    containers.doors().insert(id, standing);
    match problem {
        Some(problem) => Err(Refusal::new(ErrorCode::ServerError, "the door cannot be opened")
            .because(problem)
            .hint("`dagpass container down` forgets it")),
        None => Ok(gate.shown()),
    }
}

/// The port's number is known from here on, and kept.
fn listen(rules: &mut ContainerAsk) -> io::Result<Option<std::net::TcpListener>> {
    let Some(wanted) = &mut rules.port else { return Ok(None) };
    let place = std::net::SocketAddr::new(wanted.bind, wanted.port);
    let (listener, found) = serve::listen(place)
        .map_err(|error| io::Error::new(error.kind(), format!("{place}: {error}")))?;
    wanted.port = found;
    Ok(Some(listener))
}

fn stand(
    api: &Arc<Api>,
    gate: &Arc<Gate>,
    port: Option<std::net::TcpListener>,
) -> io::Result<Open> {
    let containers = &api.containers;
    system::private_dir(&containers.folder)?;
    let record = serde_json::to_vec(&gate.rules)?;
    system::settle_private(&containers.record(&gate.id), &record)?;
    let socket = stand_by(api, gate)?;
    serve::open(api, gate, socket, port)
}

/// By the config that was ever in force; without one nothing is said of connections.
fn stand_by(api: &Api, gate: &Gate) -> io::Result<Option<LocalListener>> {
    let config = api.config.ids().is_some().then(|| api.config.current());
    gate.stand(config.as_deref())
}

async fn close(standing: Standing, whole: bool) -> io::Result<()> {
    let Standing { gate, open } = standing;
    if let Some(open) = open {
        open.close().await;
    }
    gate.tidy(whole)
}

fn keep_port(rules: &mut ContainerAsk, before: &ContainerAsk) {
    if let (Some(now), Some(then)) = (&mut rules.port, &before.port)
        && now.port == 0
        && now.bind == then.bind
    {
        now.port = then.port;
    }
}

fn on_record(
    api: &Api,
    event: Event,
    rules: &ContainerAsk,
    caller: &Caller,
) -> Result<(), Refusal> {
    let reason = rules::sentence(rules);
    let mut record = Record::new(event, Outcome::Ok, caller);
    record.reason = Some(&reason);
    api.witness.record(&record).map(drop).map_err(|failure| {
        Refusal::new(ErrorCode::ServerError, "a door that cannot be recorded is not opened")
            .because(failure.to_string())
    })
}

fn read(path: &std::path::Path) -> Option<ContainerAsk> {
    let read = system::read_private(path).map_err(|error| error.to_string());
    let parsed = read.and_then(|text| serde_json::from_slice(&text).map_err(|e| e.to_string()));
    parsed.inspect_err(|error| tracing::error!(error, "a door's record cannot be read")).ok()
}

fn remove(path: &std::path::Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn not_done(error: &io::Error) -> Refusal {
    Refusal::new(ErrorCode::ServerError, "the door could not be closed").because(error.to_string())
}
