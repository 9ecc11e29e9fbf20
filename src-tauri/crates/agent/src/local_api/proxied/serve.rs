//! One door's connections: takes them in, and for each request asks in this order: can it be read in one way only,
//! who sends it, may it, is it on the record. Then it is sent on, and the answer comes back as it comes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use http_body_util::{Either, Empty};
use hyper::body::{Body as _, Incoming};
use hyper::header::{HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use dagpass_core::broker::Issued;
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::principal::Principal;
use dagpass_core::request::{Through, Transport};

use super::super::Api;
use super::super::accept::{self, Breath};
use super::super::door;
use super::super::turned_away::Knock;
use super::answers::{self, Answer};
use super::judged;
use super::who::Caller;
use crate::config::Upstream;
use crate::identity_proxy::{
    Door, Last, LastRequest, Outgoing, Outward, Readable, Turned, Unsent, admit, back, credentials,
    onward, phantom_in,
};
use crate::system;

/// How many connections may all doors have together, at most?
const CONNECTIONS: u64 = 512;
/// Which part of the files that may be open? Each connection takes two, and the handle of a process.
const PART: u64 = 16;
/// How long may a head take, and a connection do nothing?
const HEAD: Duration = Duration::from_secs(60);
/// How long may a head be?
const LONGEST_HEAD: usize = 64 * 1024;

const ANOTHER_USER: &str = "the peer is another user";
const NO_PHANTOM: Turned = Turned {
    status: StatusCode::PROXY_AUTHENTICATION_REQUIRED,
    reason: "407: no phantom of this door's",
};
const STOLEN: Turned = Turned {
    status: StatusCode::PROXY_AUTHENTICATION_REQUIRED,
    reason: "407: the phantom is another process tree's",
};
const REPEATED: Turned = Turned {
    status: StatusCode::BAD_REQUEST,
    reason: "400: a phantom stands where it would be sent on",
};
const GONE: Turned = Turned {
    status: StatusCode::NOT_FOUND,
    reason: "404: the config has it no more, or elsewhere",
};

/// Places for all of them, and how many phantoms were wrong in a row.
pub(in crate::local_api) struct Crowd {
    free: Arc<Semaphore>,
    most: usize,
    misses: AtomicU32,
}

impl Crowd {
    /// Of `limit` files; `None` where the system has none.
    pub(super) fn of(limit: Option<u64>) -> Self {
        let most = limit.map_or(CONNECTIONS, |limit| (limit / PART).clamp(1, CONNECTIONS));
        let most = usize::try_from(most).unwrap_or(1);
        Self { free: Arc::new(Semaphore::new(most)), most, misses: AtomicU32::new(0) }
    }

    /// What one door may have of them: an upstream that answers nobody leaves places for the others.
    pub(super) fn share(&self) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(self.most.div_ceil(2)))
    }

    /// Of its door's first: whoever waits for that takes none of the others'.
    async fn seat(&self, share: &Arc<Semaphore>) -> Option<[OwnedSemaphorePermit; 2]> {
        // Nobody closes either.
        let own = share.clone().acquire_owned().await.ok()?;
        Some([own, self.free.clone().acquire_owned().await.ok()?])
    }
}

/// What every connection of a door has in common.
#[derive(Clone)]
pub(super) struct Place {
    upstream: String,
    /// For the record.
    name: Arc<str>,
    door: Arc<Door>,
    last: Arc<Last>,
    share: Arc<Semaphore>,
}

impl Place {
    pub(super) fn new(
        upstream: &Upstream,
        port: u16,
        (last, share): (Arc<Last>, Arc<Semaphore>),
    ) -> Self {
        let name = format!("upstream {}", upstream.name).into();
        let door = Arc::new(Door::new(&upstream.name, port));
        Self { upstream: upstream.name.clone(), name, door, last, share }
    }
}

/// Until it is aborted; what it took in goes on.
pub(super) async fn listen(api: Arc<Api>, listener: TcpListener, place: Place) {
    let mut breath = Breath::default();
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                breath.after(&place.name, &error).await;
                continue;
            }
        };
        breath.well(&place.name);
        let (true, Ok(local)) = (peer.ip().is_loopback(), stream.local_addr()) else { continue };
        // Behind the accept: a door where nobody comes keeps no place.
        let Some(seat) = api.proxied.crowd.seat(&place.share).await else { return };
        let (api, place) = (api.clone(), place.clone());
        tokio::spawn(async move {
            take(api, (stream, (local, peer)), place).await;
            drop(seat);
        });
    }
}

async fn take(api: Arc<Api>, (stream, ends): (TcpStream, (SocketAddr, SocketAddr)), place: Place) {
    let uid = accept::uid_of(ends.0, ends.1).await;
    // Where the system tells whose connection it is, it must be ours.
    if uid.is_some() && uid != system::own_uid() {
        let knock =
            Knock { uid, transport: Transport::Tcp, door: &place.name, reason: ANOTHER_USER };
        return api.turn_away(knock, &knock.caller(None));
    }
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "nodelay not set");
    }
    let outward = Outward::new(api.proxied.secured.clone(), api.proxied.proxies.clone());
    let line =
        Arc::new(Line { api, place, caller: Caller::new(ends, uid), outward: Mutex::new(outward) });
    let service = service_fn(move |request| {
        let line = line.clone();
        async move { Ok::<Answer, Infallible>(line.answer(request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::trace!(%error, "a connection to an upstream's door ended");
    }
}

/// One connection of a caller's.
struct Line {
    api: Arc<Api>,
    place: Place,
    caller: Caller,
    outward: Mutex<Outward>,
}

/// Whose request it is, and what of it is sent on.
struct Admitted {
    readable: Readable,
    /// Where its phantom stood.
    proven: HeaderName,
    principal: Principal,
    upstream: Arc<Upstream>,
}

impl Line {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let began = Instant::now();
        let (head, body) = request.into_parts();
        let admitted = match self.admitted(&head).await {
            Ok(admitted) => admitted,
            Err(turned) => {
                let uid = self.caller.uid;
                let knock = Knock {
                    uid,
                    transport: Transport::Tcp,
                    door: &self.place.name,
                    reason: turned.reason,
                };
                self.api.turn_away(knock, &knock.caller(None));
                return answers::bare(turned.status);
            }
        };
        let through = Through {
            upstream: self.place.upstream.clone(),
            method: head.method.as_str().to_owned(),
            path: admitted.readable.path.clone(),
        };
        let sent = self.sent(&admitted, (head, body), through.clone()).await;
        let (answer, refused) = match sent {
            Ok(response) => {
                let (mut head, body) = response.into_parts();
                head.headers = back(head.headers, &admitted.upstream, &admitted.readable.host);
                (Response::from_parts(head, Either::Left(body)), None)
            }
            Err(Failed::Refused(refusal)) => {
                let why = refusal.cause.clone().unwrap_or_else(|| refusal.what.clone());
                (answers::refusal(&refusal), Some(why))
            }
            Err(Failed::Unsent(Unsent { status, why })) => {
                (answers::unsent(status, &through.upstream, &why), Some(why))
            }
        };
        let caller = &admitted.principal.caller;
        self.place.last.keep(LastRequest {
            at: self.api.clock.now(),
            method: through.method,
            path: through.path,
            status: answer.status().as_u16(),
            refused,
            took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            pid: caller.pid,
            program: caller.executable.clone(),
            run: judged::run_of(&admitted.principal),
        });
        answer
    }

    async fn admitted(&self, head: &Parts) -> Result<Admitted, Turned> {
        let (api, name) = (&self.api, &self.place.upstream);
        let line = (&head.method, &head.uri, head.version);
        let readable = admit(&self.place.door, line, &head.headers)?;
        let Some((shown, proven)) = phantom_in(&head.headers) else { return Err(NO_PHANTOM) };
        let is_run = |id: &str| api.capabilities.is_run(id);
        let held = api.proxied.phantoms.held((&shown, name), is_run, api.clock.now());
        let Some(phantom) = held else {
            door::pause(&api.proxied.crowd.misses).await;
            return Err(NO_PHANTOM);
        };
        let Some(principal) = self.caller.principal(api, &phantom).await else {
            door::pause(&api.proxied.crowd.misses).await;
            return Err(STOLEN);
        };
        api.proxied.crowd.misses.store(0, std::sync::atomic::Ordering::Relaxed);
        let is_phantom = |text: &str| api.proxied.phantoms.knows(text);
        if repeats(head, (&shown, &proven)) || shows_another(&head.headers, &proven, is_phantom) {
            return Err(REPEATED);
        }
        let upstream = judged::named(api, name).filter(|now| now.url == phantom.url).ok_or(GONE)?;
        Ok(Admitted { readable, proven, principal, upstream })
    }

    async fn sent(
        &self,
        admitted: &Admitted,
        (head, body): (Parts, Incoming),
        through: Through,
    ) -> Result<Response<Incoming>, Failed> {
        let (api, upstream) = (&self.api, &admitted.upstream);
        let who = (&admitted.principal, upstream.as_ref());
        judged::admits(api, who, &through)?;
        let mut outward = self.outward.lock().await;
        outward.ready(upstream).await?;
        let issued = judged::token(api, who, through.clone()).await?;
        // Only what has no body can be sent twice.
        let again = body.is_end_stream().then(|| head.clone());
        let request = onwards(head, admitted, (&issued, Either::Left(body)))?;
        let response = outward.send(upstream, request).await?;
        let (StatusCode::UNAUTHORIZED, Some(head)) = (response.status(), again) else {
            return Ok(response);
        };
        match judged::is_renewed(api, upstream, &issued).await {
            Ok(true) => {}
            Err(refusal) if refusal.code == ErrorCode::LoginRequired => return Err(refusal.into()),
            // The upstream's own word is passed on.
            Ok(false) | Err(_) => return Ok(response),
        }
        drop(response);
        outward.ready(upstream).await?;
        let another = judged::token(api, who, through).await?;
        let request = onwards(head, admitted, (&another, Either::Right(Empty::new())))?;
        let response = outward.send(upstream, request).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            judged::refused_again(api, upstream, &another).await;
        }
        Ok(response)
    }
}

/// Why there is no answer of the upstream's.
enum Failed {
    Refused(Refusal),
    Unsent(Unsent),
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Unsent> for Failed {
    fn from(unsent: Unsent) -> Self {
        Self::Unsent(unsent)
    }
}

/// The path by the very bytes that were judged, and the query as it came.
fn onwards(
    head: Parts,
    admitted: &Admitted,
    (issued, body): (&Issued, Outgoing),
) -> Result<Request<Outgoing>, Refusal> {
    let mut request = Request::new(body);
    *request.method_mut() = head.method;
    *request.uri_mut() = admitted.readable.target.clone();
    let token = token_of(issued, &admitted.upstream)?;
    *request.headers_mut() = onward(head.headers, &admitted.upstream, (token, &admitted.proven));
    // Of some methods hyper sends no body whose length it does not know, unless it is told to.
    let body = request.body();
    if !body.is_end_stream() && body.size_hint().exact().is_none() {
        request.headers_mut().insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    Ok(request)
}

fn token_of(issued: &Issued, upstream: &Upstream) -> Result<HeaderValue, Refusal> {
    let token = issued.access_token().expose();
    let text = match upstream.header.as_str() {
        "authorization" => zeroize::Zeroizing::new(format!("Bearer {token}")),
        _ => zeroize::Zeroizing::new(token.to_owned()),
    };
    let value = HeaderValue::from_str(&text);
    let mut value = value.map_err(|_| {
        Refusal::new(ErrorCode::ServerError, "the token cannot be sent in a header")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Does it stand anywhere else in the head, from where it would go on?
fn repeats(head: &Parts, (shown, proven): (&str, &HeaderName)) -> bool {
    let has = |bytes: &[u8]| bytes.windows(shown.len()).any(|part| part == shown.as_bytes());
    let elsewhere = |headers: &HeaderMap| {
        headers.iter().any(|(name, value)| name != proven && has(value.as_bytes()))
    };
    let target = head.uri.path_and_query().map(|target| target.as_str()).unwrap_or_default();
    has(target.as_bytes()) || elsewhere(&head.headers)
}

/// One of another door's, as a credential that would go on.
fn shows_another(
    headers: &HeaderMap,
    proven: &HeaderName,
    is_phantom: impl Fn(&str) -> bool,
) -> bool {
    let others = headers.iter().filter(|(name, _)| *name != proven);
    others.flat_map(|(_, value)| credentials(value)).any(|one| is_phantom(&one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_door_takes_all_places_and_one_where_nobody_comes_takes_none() {
        let crowd = Crowd::of(Some(4 * PART));
        let (stalled, other) = (crowd.share(), crowd.share());
        let mut held = vec![crowd.seat(&stalled).await, crowd.seat(&stalled).await];
        let third = crowd.seat(&stalled);
        tokio::pin!(third);
        tokio::select! {
            biased;
            _ = &mut third => panic!("half of them are its own"),
            () = std::future::ready(()) => {}
        }
        let (one, two) = (crowd.seat(&other).await, crowd.seat(&other).await);
        assert!(one.is_some() && two.is_some());
        held.clear();
        assert!(third.await.is_some());
    }
}
