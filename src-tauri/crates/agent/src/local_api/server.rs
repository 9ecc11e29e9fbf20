//! The doors: socket or pipe, and TCP loopback. Takes connections in, reads each request whole
//! within its deadline, and lets the guard, the capability and the routes judge it in that order.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
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

use dagpass_core::request::{Caller, Transport};

use super::crowd::Guest;
use super::door::{self, Visit};
use super::dressed::Dressed;
use super::guard::{self, Door};
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
    door::turned_away(api, &caller, reason);
}

async fn serve_local<S>(api: Arc<Api>, stream: S, peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let guest = api.crowd.welcome(true);
    converse(api, stream, Visit::local(Door::Local, peer), guest).await;
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
    let visit = Visit::new(Door::Tcp(arrived.port), caller);
    converse(api, stream, visit, arrived.guest).await;
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

async fn answer(
    api: &Arc<Api>,
    guest: &Guest,
    visit: &Arc<Visit>,
    request: Request<Incoming>,
) -> Reply {
    let (head, body) = request.into_parts();
    let admitted = guard::admit(&visit.door, &head.method, &head.uri, head.version, &head.headers);
    if let Err(refused) = admitted {
        door::turned_away(api, &visit.caller, refused.reason());
        return reply::bare(refused.status());
    }
    let presented = head.headers.get(AUTHORIZATION);
    let presented = presented.map(|value| value.as_bytes());
    let Some(principal) = door::principal(api, visit, presented).await else {
        return reply::bare(StatusCode::UNAUTHORIZED);
    };
    guest.proven.store(true, Ordering::Relaxed);
    let path = head.uri.path().to_owned();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let action = match routes::action(&head.method, &path) {
        Ok(action) => action,
        Err(status) => return reply::bare(status),
    };
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
    let asked = Asked { method: head.method, path, query, body, principal, visit: visit.clone() };
    routes::route(api, asked, action).await
}

fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}
