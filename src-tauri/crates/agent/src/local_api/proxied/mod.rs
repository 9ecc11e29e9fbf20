//! The doors of the upstreams: one port each, for as long as the config names it. Decides which stand, and shows
//! what went by them; who may go through one is `who`'s and `judged`'s to say.

mod answers;
mod judged;
mod phantoms;
mod serve;
mod who;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;

use dagpass_client::wire::{ProxyAsk, ProxyEntry, ProxyList, ProxyRequest, ProxyShown};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::principal::Kind;
use dagpass_core::time::Timestamp;

use super::capability::Holder;
use super::reply::{self, Reply};
use super::server::Loopback;
use super::{Api, Asked};
use crate::config::{Config, Upstream};
use crate::http::Secured;
use crate::identity_proxy::{Last, LastRequest};
use crate::outgoing_proxy::Proxies;
use crate::random::random;
use crate::system;
use phantoms::{Phantom, Phantoms, Tree};

/// What a phantom that belongs to no run is called on the record.
const PREFIX: &str = "proxy-";
/// How long is one good where nobody says?
const HOUR: u64 = 3_600;
/// And at most?
const LONGEST: u64 = 12 * 3_600;

/// What the doors have in common.
pub(super) struct Proxied {
    doors: Mutex<BTreeMap<String, Standing>>,
    phantoms: Phantoms,
    secured: Arc<Secured>,
    /// Of the agent's own start.
    proxies: Arc<Proxies>,
    crowd: serve::Crowd,
}

/// One door, or why it does not stand.
struct Standing {
    wanted: u16,
    bound: Result<Bound, String>,
    last: Arc<Last>,
}

/// Listens until it is dropped.
struct Bound {
    port: u16,
    listening: Vec<AbortHandle>,
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.listening.iter().for_each(AbortHandle::abort);
    }
}

impl Proxied {
    /// `limit`: how many files may be open.
    pub(super) fn of(limit: Option<u64>) -> Self {
        Self {
            doors: Mutex::default(),
            phantoms: Phantoms::default(),
            secured: Arc::default(),
            proxies: Arc::new(Proxies::of_this_process()),
            crowd: serve::Crowd::of(limit),
        }
    }

    fn doors(&self) -> MutexGuard<'_, BTreeMap<String, Standing>> {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As the config has it from now on, and whenever it changes.
pub(super) async fn keep(api: Arc<Api>) {
    let Some(mut changes) = api.changes() else { return };
    loop {
        stand(&api);
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Opens what the config names and closes what it does not name any more. A door that stands stays the same.
fn stand(api: &Arc<Api>) {
    let config = api.config.current();
    let mut doors = api.proxied.doors();
    doors.retain(|name, door| {
        config.upstreams.get(name).is_some_and(|upstream| upstream.port == door.wanted)
    });
    for (name, upstream) in &config.upstreams {
        let known = doors.get(name);
        if known.is_some_and(|door| door.bound.is_ok()) {
            continue;
        }
        let last = known.map_or_else(Arc::default, |door| door.last.clone());
        let bound = open(api, upstream, &last);
        if let Err(why) = &bound
            && known.is_none_or(|door| door.bound.as_ref().err() != Some(why))
        {
            tracing::error!(upstream = name, why, "no door to it");
        }
        doors.insert(name.clone(), Standing { wanted: upstream.port, bound, last });
    }
}

fn open(api: &Arc<Api>, upstream: &Upstream, last: &Arc<Last>) -> Result<Bound, String> {
    let loopback = Loopback::bind(upstream.port).map_err(|failed| {
        let holder = system::listener_holder(failed.place);
        let holder = holder.map_or_else(String::new, |who| format!("; {who} has it"));
        format!("cannot listen on {}: {}{holder}", failed.place, failed.cause)
    })?;
    let port = loopback.port;
    tracing::info!(upstream = upstream.name, port, "a door to an upstream");
    let share = api.proxied.crowd.share();
    let door = serve::Place::new(upstream, port, (last.clone(), share));
    let listen =
        |listener| tokio::spawn(serve::listen(api.clone(), listener, door.clone())).abort_handle();
    let listening = loopback.listeners.into_iter().map(listen).collect();
    Ok(Bound { port, listening })
}

/// Ways for a run: whatever of them is none, there is no run.
pub(super) fn of_run(
    api: &Arc<Api>,
    (holder, via): (&Holder, &[String]),
    remote: bool,
) -> Result<Vec<ProxyEntry>, Refusal> {
    let tree = holder.process.map(Tree::Below).filter(|_| !remote);
    let entry = |name: &String| {
        let tree = tree.clone().ok_or_else(elsewhere)?;
        lend(api, name, (holder.clone(), tree, None))
    };
    via.iter().map(entry).collect()
}

/// `POST /v1/proxy`.
pub(super) fn enter(api: &Arc<Api>, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: ProxyAsk = asked.parse()?;
    let seconds = ask.seconds.unwrap_or(HOUR);
    if !(1..=LONGEST).contains(&seconds) {
        let what = format!("a phantom is good for {} h at most", LONGEST / 3_600);
        return Err(Refusal::new(ErrorCode::InvalidRequest, what));
    }
    let principal = &asked.principal;
    let leader = principal.process.leader().filter(|_| !asked.caller().remote);
    let holder = Holder {
        narrowing: principal.narrowing.clone(),
        env: principal.env.clone(),
        ..Holder::new(format!("{PREFIX}{}", &random()[..8]), Kind::Owner)
    };
    let until = api.clock.now().plus(Duration::from_secs(seconds));
    let tree = Tree::Led(leader.ok_or_else(elsewhere)?);
    let entry = lend(api, &ask.upstream, (holder, tree, Some(until)))?;
    Ok(reply::json(&ProxyEntry { expires_at: Some(until.as_secs()), ..entry }))
}

fn elsewhere() -> Refusal {
    Refusal::new(ErrorCode::AccessDenied, "an upstream is reached from the agent's own machine")
        .because("whoever asks is not seen there: the socket or pipe shows it, a port or another machine does not")
}

fn lend(
    api: &Arc<Api>,
    name: &str,
    (holder, tree, until): (Holder, Tree, Option<Timestamp>),
) -> Result<ProxyEntry, Refusal> {
    // One that the config has since a moment ago stands as well.
    stand(api);
    let config = api.config.current();
    let upstream = config.upstreams.get(name).ok_or_else(|| unknown(&config, name))?;
    let port = match api.proxied.doors().get(name).map(|door| &door.bound) {
        Some(Ok(bound)) => bound.port,
        Some(Err(why)) => {
            return Err(Refusal::new(
                ErrorCode::TemporarilyUnavailable,
                format!("there is no door to upstream `{name}`"),
            )
            .because(why.clone())
            .hint("give it another `port` in the config, or end what has it"));
        }
        None => return Err(unknown(&config, name)),
    };
    let url = upstream.url.clone();
    let phantom = Phantom { upstream: name.to_owned(), url, holder, tree, until };
    let is_run = |id: &str| api.capabilities.is_run(id);
    let bearer = api.proxied.phantoms.lend(phantom, is_run, api.clock.now()).ok_or_else(|| {
        Refusal::new(ErrorCode::TemporarilyUnavailable, "too many phantoms are lent already")
            .because(format!(
                "{} are good at once, each until its run or its hour is over",
                phantoms::MOST
            ))
    })?;
    Ok(ProxyEntry {
        upstream: name.to_owned(),
        url: address(upstream, port),
        bearer,
        expires_at: None,
    })
}

fn unknown(config: &Config, name: &str) -> Refusal {
    let names: Vec<&str> = config.upstreams.keys().map(String::as_str).collect();
    let hint = match names.as_slice() {
        [] => format!("add `[upstream.{name}]` to the config"),
        names => format!("there are `{}`", names.join("`, `")),
    };
    Refusal::new(ErrorCode::NotFound, format!("there is no upstream `{name}`")).hint(hint)
}

fn address(upstream: &Upstream, port: u16) -> String {
    format!("http://127.0.0.1:{port}{}", upstream.base())
}

/// `GET /v1/proxy`.
pub(super) fn list(api: &Arc<Api>) -> Reply {
    stand(api);
    let config = api.config.current();
    let doors = api.proxied.doors();
    let shown = |(name, upstream): (&String, &Arc<Upstream>)| {
        let door = doors.get(name);
        let bound = door.map(|door| door.bound.as_ref());
        let (requests, refused, last) = door.map(|door| door.last.all()).unwrap_or_default();
        ProxyShown {
            name: name.clone(),
            url: upstream.url.to_string(),
            address: bound.and_then(Result::ok).map(|bound| address(upstream, bound.port)),
            trouble: bound.and_then(Result::err).cloned(),
            profile: upstream.session.account(),
            connection: upstream.connection.clone(),
            requests,
            refused,
            last: last.into_iter().map(told).collect(),
        }
    };
    reply::json(&ProxyList { upstreams: config.upstreams.iter().map(shown).collect() })
}

fn told(request: LastRequest) -> ProxyRequest {
    ProxyRequest {
        at: request.at.as_secs(),
        method: request.method,
        path: request.path,
        status: request.status,
        refused: request.refused,
        took_ms: request.took_ms,
        pid: request.pid,
        program: request.program.map(|path| path.to_string_lossy().into_owned()),
        run: request.run,
    }
}
