//! The doors: socket or pipe, and TCP loopback. Takes connections in, reads each request whole
//! within its deadline, and lets the guard, the capability and the routes judge it in that order.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Either, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;

use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::request::{Caller, Transport};

use super::containers::Gate;
use super::crowd::Guest;
use super::dressed::Dressed;
use super::guard::{self, Door, Refused};
use super::reply::{self, Reply};
use super::routes;
use super::{Api, Asked};
use crate::system::{self, LocalListener, Peer};

/// Within what time must a request have arrived whole?
const REQUEST_DEADLINE: Duration = Duration::from_secs(5);
/// How large may a body be?
const BODY_LIMIT: usize = 16 * 1024;
/// A config is longer than a token request, and comes from its owner alone.
const CONFIG_LIMIT: usize = 256 * 1024;
/// How often is it asked whether the socket's file is still there, while nobody connects?
pub(super) const LOOK: Duration = Duration::from_secs(2);
/// How long is the longest pause after a capability that is not valid?
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

const ANOTHER_USER: &str = "the peer is another user";

/// Both loopback listeners on one port; a machine without IPv6 has one.
#[derive(Debug)]
pub(crate) struct Loopback {
    listeners: Vec<TcpListener>,
    pub(crate) port: u16,
}

impl Loopback {
    /// 0 is any free port. A fixed port that is taken is an error, never another port.
    pub(crate) async fn bind(port: u16) -> io::Result<Self> {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let port = v4.local_addr()?.port();
        let mut listeners = vec![v4];
        match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
            Ok(v6) => listeners.push(v6),
            Err(error) => tracing::debug!(%error, "no IPv6 loopback listener"),
        }
        Ok(Self { listeners, port })
    }
}

/// Serves until the future is dropped.
pub(crate) async fn serve(api: Arc<Api>, local: LocalListener, loopback: Loopback) {
    let port = loopback.port;
    for listener in loopback.listeners {
        tokio::spawn(serve_tcp(api.clone(), listener, port));
    }
    let mut local = local;
    loop {
        match tokio::time::timeout(LOOK, local.accept()).await {
            Ok(Ok((stream, peer))) if peer.is_ours() => {
                tokio::spawn(serve_local(api.clone(), stream, peer));
            }
            // Closed without a byte.
            Ok(Ok((_foreign, peer))) => refused_peer(&api, &peer, ANOTHER_USER),
            Ok(Err(error)) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(_quiet) if local.is_reachable() => {}
            Err(_quiet) => match api.stand_again() {
                Ok(again) => local = again,
                Err(error) => {
                    tracing::error!(%error, "the socket vanished and cannot be made again")
                }
            },
        }
    }
}

pub(super) fn refused_peer(api: &Api, peer: &Peer, reason: &'static str) {
    let caller = Caller { uid: peer.uid, pid: peer.pid, ..Caller::default() };
    let mut record = Record::new(Event::Refused, Outcome::Denied, &caller);
    record.reason = Some(reason);
    if let Err(failure) = api.witness.record(&record) {
        tracing::error!(%failure, "a refused peer is not on the record");
    }
}

async fn serve_local<S>(api: Arc<Api>, stream: S, peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let guest = api.crowd.welcome(true);
    let (caller, started_at) = local_caller(peer);
    if caller.pid.is_some_and(|pid| api.store.heard_of_a_bus(pid)) {
        api.broker.reconsider_store();
    }
    let visit = Visit { started_at, ..Visit::usual(Door::Local, caller) };
    converse(api, stream, visit, guest).await;
}

/// The process at the other end of a socket or pipe, with its start mark.
pub(super) fn local_caller(peer: Peer) -> (Caller, Option<u64>) {
    let peer = peer.examined();
    let caller = Caller {
        transport: if cfg!(windows) { Transport::Pipe } else { Transport::Socket },
        uid: peer.uid,
        pid: peer.pid,
        executable: peer.executable,
        ..Caller::default()
    };
    (caller, peer.started_at)
}

async fn serve_tcp(api: Arc<Api>, listener: TcpListener, port: u16) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        if let (true, Ok(local)) = (peer.ip().is_loopback(), stream.local_addr()) {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "nodelay not set");
            }
            // Taken in here, so that age is the order of arrival.
            let guest = api.crowd.welcome(false);
            let arrival = Arrived { ends: (local, peer), port, guest };
            tokio::spawn(visit_tcp(api.clone(), stream, arrival));
        }
    }
}

/// A TCP connection whose owner is not known yet.
struct Arrived {
    /// Ours and the peer's.
    ends: (SocketAddr, SocketAddr),
    port: u16,
    guest: Arc<Guest>,
}

async fn visit_tcp<S>(api: Arc<Api>, stream: S, arrived: Arrived)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (local, peer) = arrived.ends;
    let uid = tokio::task::spawn_blocking(move || system::tcp_peer_uid(local, peer)).await;
    let uid = uid.unwrap_or(None);
    // Where the system tells whose connection it is, it must be ours.
    if uid.is_some() && uid != system::own_uid() {
        refused_peer(&api, &Peer { uid, ..Peer::default() }, ANOTHER_USER);
        api.crowd.farewell(&arrived.guest);
        return;
    }
    let caller = Caller { transport: Transport::Tcp, uid, ..Caller::default() };
    let visit = Visit::usual(Door::Tcp(arrived.port), caller);
    converse(api, stream, visit, arrived.guest).await;
}

/// One connection and who is at its other end.
pub(super) struct Visit {
    pub(super) door: Door,
    pub(super) caller: Caller,
    pub(super) started_at: Option<u64>,
    /// The door for containers that it came through, and what tells that it was closed.
    pub(super) through: Option<(Arc<Gate>, watch::Receiver<()>)>,
}

impl Visit {
    fn usual(door: Door, caller: Caller) -> Self {
        Self { door, caller, started_at: None, through: None }
    }

    async fn over(&self) {
        match &self.through {
            Some((_, ended)) => over(&mut ended.clone()).await,
            None => std::future::pending().await,
        }
    }

    fn needs_no_capability(&self) -> bool {
        self.through.as_ref().map_or(self.door == Door::Local, |(gate, _)| gate.is_remote())
    }
}

/// Returns when the sender is gone.
pub(super) async fn over(ended: &mut watch::Receiver<()>) {
    while ended.changed().await.is_ok() {}
}

pub(super) async fn converse<S>(api: Arc<Api>, stream: S, visit: Visit, guest: Arc<Guest>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let visit = Arc::new(visit);
    let service = service_fn(|request| {
        let (api, guest, visit) = (api.clone(), guest.clone(), visit.clone());
        async move {
            guest.busy.store(true, Ordering::Relaxed);
            let mut reply = answer(&api, &guest, &visit, request).await;
            match reply.body_mut() {
                // A stream that is open is no idle connection.
                Either::Right(lines) => lines.keep_busy(guest),
                Either::Left(_) => guest.busy.store(false, Ordering::Relaxed),
            }
            Ok::<Reply, Infallible>(reply)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_DEADLINE)
        .max_buf_size(BODY_LIMIT * 2)
        .serve_connection(TokioIo::new(Dressed::new(stream)), service);
    tokio::select! {
        ended = connection => {
            if let Err(error) = ended {
                tracing::trace!(%error, "connection ended");
            }
        }
        () = guest.leave.notified() => {}
        () = visit.over() => {}
    }
    visit.through.as_ref().map_or(&api.crowd, |(gate, _)| &gate.crowd).farewell(&guest);
}

async fn answer(api: &Arc<Api>, guest: &Guest, visit: &Visit, request: Request<Incoming>) -> Reply {
    let (head, body) = request.into_parts();
    let admitted = guard::admit(&visit.door, &head.method, &head.uri, head.version, &head.headers);
    if let Err(refused) = admitted {
        return turned_away(refused);
    }
    let presented = head.headers.get(AUTHORIZATION);
    let presented = presented.map(|value| value.as_bytes());
    let Some(Known { caller, env }) = identify(api, visit, presented).await else {
        return reply::bare(StatusCode::UNAUTHORIZED);
    };
    guest.proven.store(true, Ordering::Relaxed);
    let path = head.uri.path().to_owned();
    let query = head.uri.query().unwrap_or_default().to_owned();
    if let Some(status) = routes::wrong_way(&head.method, &path) {
        return reply::bare(status);
    }
    let limit = if path.starts_with("/v1/config") { CONFIG_LIMIT } else { BODY_LIMIT };
    let read = tokio::time::timeout(REQUEST_DEADLINE, Limited::new(body, limit).collect()).await;
    let body: Bytes = match read {
        Err(_elapsed) => return reply::bare(StatusCode::REQUEST_TIMEOUT),
        Ok(Err(_too_large)) => return reply::bare(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Ok(collected)) => collected.to_bytes(),
    };
    let json = head.headers.get(CONTENT_TYPE).is_some_and(|value| is_json(value.as_bytes()));
    if !json && matches!(head.method, Method::POST | Method::PUT) {
        return reply::bare(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let (method, started_at) = (head.method, visit.started_at);
    let asked = Asked { method, path, query, body, caller, env, started_at };
    routes::route(api, asked).await
}

fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

fn turned_away(refused: Refused) -> Reply {
    reply::bare(match refused {
        Refused::BadRequest => StatusCode::BAD_REQUEST,
        Refused::Misdirected => StatusCode::MISDIRECTED_REQUEST,
        Refused::Forbidden => StatusCode::FORBIDDEN,
    })
}

/// Who sent a request, and the environment that its capability was made for.
struct Known {
    caller: Caller,
    env: Option<String>,
}

/// The caller, by its capability alone where it presents one; by the socket's peer where not.
async fn identify(api: &Api, visit: &Visit, presented: Option<&[u8]>) -> Option<Known> {
    let mut caller = visit.caller.clone();
    let Some(header) = presented else {
        return visit.needs_no_capability().then_some(Known { caller, env: None });
    };
    // A door for containers takes what was made for it, and nothing else; no other door takes that.
    let (capabilities, misses) = match &visit.through {
        Some((gate, _)) => (&gate.capabilities, &gate.misses),
        None => (&api.capabilities, &api.misses),
    };
    let capability = std::str::from_utf8(header).ok().and_then(|text| text.strip_prefix("Bearer "));
    if let Some(holder) = capability.and_then(|text| capabilities.holder(text)) {
        misses.store(0, Ordering::Relaxed);
        caller.capability = Some(holder.id);
        caller.narrowed_to = holder.narrowed_to;
        return Some(Known { caller, env: holder.env });
    }
    let mut record = Record::new(Event::Refused, Outcome::Denied, &caller);
    record.reason = Some("the capability is not valid");
    if let Err(failure) = api.witness.record(&record) {
        tracing::error!(%failure, "a refused capability is not on the record");
    }
    pause(misses).await;
    None
}

/// The more misses, the longer the pause: guessing is slow, a single slip is not.
async fn pause(misses: &AtomicU32) {
    let so_far = misses.fetch_add(1, Ordering::Relaxed);
    let pause = Duration::from_millis(1 << so_far.min(10));
    tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
}
