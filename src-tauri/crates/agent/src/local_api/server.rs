//! The doors: socket or pipe, and TCP loopback. Takes connections in, reads each request whole
//! within its deadline, and lets the guard, the capability and the routes judge it in that order.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
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

use super::accept::{self, Breath, Seat};
use super::crowd::Guest;
use super::door::{self, OUR_TRANSPORT, SOCKET, TCP, Visit};
use super::dressed::Dressed;
use super::guard::{self, Door};
use super::reply::{self, Reply};
use super::routes;
use super::turned_away::Knock;
use super::{Api, Asked, proxied};
use crate::loopback::{NotBound, bind_both};
use crate::system::{self, LocalListener, Peer};

/// Within what time must a request have arrived whole?
const REQUEST_DEADLINE: Duration = Duration::from_secs(5);
/// How large may a body be?
const BODY_LIMIT: usize = 16 * 1024;
/// A config is longer than a token request, and comes from its owner alone.
const CONFIG_LIMIT: usize = 256 * 1024;

const ANOTHER_USER: &str = "the peer is another user";

/// Both loopback listeners on one port; a machine without IPv6 has one.
#[derive(Debug)]
pub(crate) struct Loopback {
    pub(super) listeners: Vec<TcpListener>,
    pub(crate) port: u16,
}

impl Loopback {
    /// 0 is any port that is free on both. A fixed port that is taken on either is an error, never another
    /// port. Call it inside a runtime.
    pub(crate) fn bind(port: u16) -> Result<Self, NotBound> {
        let bound = bind_both(std::net::TcpListener::bind, port, Ipv4Addr::LOCALHOST.into())?;
        let port = bound.port;
        let place = (Ipv4Addr::LOCALHOST, port).into();
        let adopted = bound.listeners.into_iter().map(|listener| {
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        });
        let listeners = adopted.collect::<io::Result<_>>();
        Ok(Self { listeners: listeners.map_err(|cause| NotBound { place, cause })?, port })
    }
}

/// Serves until the future is dropped.
pub(crate) async fn serve(api: Arc<Api>, local: LocalListener, loopback: Loopback) {
    let port = loopback.port;
    for listener in loopback.listeners {
        tokio::spawn(serve_tcp(api.clone(), listener, port));
    }
    tokio::spawn(proxied::keep(api.clone()));
    let mut local = local;
    let mut lost = pin!(local.lost());
    let mut breath = Breath::default();
    loop {
        let accepted = async {
            let seat = api.seats.take(&api.crowd).await;
            local.accept().await.map(|(stream, peer)| (stream, peer, seat))
        };
        let accepted = tokio::select! {
            accepted = accepted => Some(accepted),
            () = &mut lost => None,
        };
        match accepted {
            Some(Ok((stream, peer, seat))) => {
                breath.well(SOCKET);
                take_local(&api, stream, (peer, seat));
            }
            Some(Err(error)) => breath.after(SOCKET, &error).await,
            None => {
                match api.stand_again() {
                    Ok(again) => local = again,
                    Err(error) => {
                        tracing::error!(%error, "the socket vanished and cannot be made again")
                    }
                }
                lost.set(local.lost());
            }
        }
    }
}

/// One of our own user is taken in; another's is closed without a byte.
fn take_local<S>(api: &Arc<Api>, stream: S, (peer, seat): (Peer, Seat))
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if !peer.is_ours() {
        let knock =
            Knock { uid: peer.uid, transport: OUR_TRANSPORT, door: SOCKET, reason: ANOTHER_USER };
        return api.turn_away(knock, &knock.caller(peer.pid));
    }
    if let Some(guest) = api.crowd.welcome(true, seat) {
        tokio::spawn(serve_local(api.clone(), (stream, guest), peer));
    }
}

async fn serve_local<S>(api: Arc<Api>, (stream, guest): (S, Arc<Guest>), peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Somebody's shell may know the way to a keychain that the agent's own start did not.
    if peer.pid.is_some_and(|pid| api.store.heard_of_a_bus(pid)) {
        api.broker.reconsider_store();
    }
    converse(api, stream, Visit::local(Door::Local, peer), guest).await;
}

async fn serve_tcp(api: Arc<Api>, listener: TcpListener, port: u16) {
    let mut breath = Breath::default();
    loop {
        let seat = api.seats.take(&api.crowd).await;
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                breath.after(TCP, &error).await;
                continue;
            }
        };
        breath.well(TCP);
        if let (true, Ok(local)) = (peer.ip().is_loopback(), stream.local_addr()) {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "nodelay not set");
            }
            // Taken in here, so that age is the order of arrival.
            let Some(guest) = api.crowd.welcome(false, seat) else { continue };
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
    let uid = accept::uid_of(local, peer).await;
    // Where the system tells whose connection it is, it must be ours.
    if uid.is_some() && uid != system::own_uid() {
        let transport = Transport::Tcp;
        let knock = Knock { uid, transport, door: TCP, reason: ANOTHER_USER };
        api.turn_away(knock, &knock.caller(None));
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
    visit.crowd(&api).farewell(&guest);
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
        visit.turned_away(api, refused.reason());
        return reply::bare(refused.status());
    }
    let presented = head.headers.get(AUTHORIZATION);
    let presented = presented.map(|value| value.as_bytes());
    let Some(principal) = door::principal(api, visit, presented).await else {
        return reply::bare(StatusCode::UNAUTHORIZED);
    };
    if !visit.crowd(api).prove(guest) {
        return reply::bare(StatusCode::SERVICE_UNAVAILABLE);
    }
    let path = head.uri.path().to_owned();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let bare = |status: StatusCode, reason| {
        visit.turned_away(api, reason);
        reply::bare(status)
    };
    let action = match routes::action(&head.method, &path) {
        Ok(action) => action,
        Err(status) => return bare(status, "404 or 405: no such way"),
    };
    let limit = if path.starts_with("/v1/config") { CONFIG_LIMIT } else { BODY_LIMIT };
    let read = tokio::time::timeout(REQUEST_DEADLINE, Limited::new(body, limit).collect()).await;
    let body: Bytes = match read {
        Err(_elapsed) => return bare(StatusCode::REQUEST_TIMEOUT, "408: not whole in time"),
        Ok(Err(_too_large)) => return bare(StatusCode::PAYLOAD_TOO_LARGE, "413: too large"),
        Ok(Ok(collected)) => collected.to_bytes(),
    };
    let json = head.headers.get(CONTENT_TYPE).is_some_and(|value| is_json(value.as_bytes()));
    if !json && matches!(head.method, Method::POST | Method::PUT) {
        return bare(StatusCode::UNSUPPORTED_MEDIA_TYPE, "415: no JSON");
    }
    let asked = Asked {
        method: head.method,
        path,
        query,
        body,
        principal,
        visit: visit.clone(),
        judged: false.into(),
        awaits: OnceLock::new(),
    };
    routes::route(api, asked, action).await
}

fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}
