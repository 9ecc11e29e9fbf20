//! Connections to the listener: one task each, so that a silent client delays nobody, and a deadline
//! for each step.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dagpass_core::sign_in::{Arrival, CallbackAnswer, Click, SentOn, Verdict};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::page::{Page, content_security_policy};
use super::query::{is_start, judge};
use super::repeats::{Brought, Repeats};

/// How long each step may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    /// How long may a client take to send its request?
    pub(super) request: Duration,
    /// How long may the browser wait for the flow's verdict? It redeems the code in between.
    pub(super) verdict: Duration,
    /// How long may a page take to be read, once the flow is over?
    pub(super) page: Duration,
    /// For how long after it does an exact repeat still get the flow's verdict?
    pub(super) repeats: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let (request, page) = (Duration::from_secs(5), Duration::from_secs(5));
        let verdict = Duration::from_secs(30);
        Self { request, verdict, page, repeats: Duration::from_secs(30) }
    }
}

/// How many connections at once? Beyond that the oldest without a callback is closed.
const CONNECTIONS: usize = 64;
/// How long may a request's head be? Codes that are tokens run to some kilobytes.
const LONGEST_HEAD: usize = 16 * 1024;
/// The first byte of a browser that is made to come by https (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// What the connections of a flow share.
pub(super) struct Flow {
    pub(super) path: String,
    pub(super) arrived: mpsc::Sender<Arrival>,
    pub(super) start: StartPath,
    /// A browser came by https.
    pub(super) by_https: Arc<Notify>,
    pub(super) repeats: Arc<Repeats>,
    pub(super) deadlines: Deadlines,
}

/// Where a browser is sent on to Ping, as long as the flow takes it there.
pub(super) struct StartPath {
    pub(super) path: String,
    pub(super) clicks: mpsc::Sender<Click>,
}

/// Accepts until it is dropped.
pub(super) async fn accept(listener: TcpListener, flow: Arc<Flow>, ended: watch::Receiver<()>) {
    let mut open: VecDeque<Open> = VecDeque::new();
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors: without a pause this would spin.
                tracing::warn!(%error, "callback connection not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if !peer.ip().is_loopback() {
            continue;
        }
        open.retain(|connection| !connection.task.is_finished());
        if open.len() >= CONNECTIONS {
            close_oldest(&mut open);
        }
        let answering = Arc::new(AtomicBool::new(false));
        let work = serve(stream, Arc::clone(&flow), Arc::clone(&answering), ended.clone());
        let task = tokio::spawn(work).abort_handle();
        open.push_back(Open { task, answering });
    }
}

struct Open {
    task: AbortHandle,
    /// Its callback has reached the flow.
    answering: Arc<AtomicBool>,
}

fn close_oldest(open: &mut VecDeque<Open>) {
    let idle = open.iter().position(|connection| !connection.answering.load(Ordering::Relaxed));
    if let Some(connection) = open.remove(idle.unwrap_or(0)) {
        connection.task.abort();
    }
}

/// One connection, one request.
async fn serve(
    stream: TcpStream,
    flow: Arc<Flow>,
    answering: Arc<AtomicBool>,
    mut ended: watch::Receiver<()>,
) {
    let first = tokio::select! {
        first = timeout(flow.deadlines.request, first_byte(&stream)) => first,
        _ = ended.changed() => return,
    };
    match first {
        Ok(Some(TLS_HANDSHAKE)) => return flow.by_https.notify_one(),
        Ok(Some(_)) => {}
        Ok(None) | Err(_) => return,
    }
    let service = service_fn(|request: Request<Incoming>| {
        let (flow, answering) = (Arc::clone(&flow), Arc::clone(&answering));
        async move { Ok::<_, Infallible>(respond(&request, &flow, &answering).await) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(flow.deadlines.request)
        .max_buf_size(LONGEST_HEAD);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let over = tokio::select! {
        served = &mut connection => return log(served),
        _ = ended.changed() => answering.load(Ordering::Relaxed),
    };
    if over && let Ok(served) = timeout(flow.deadlines.page, connection).await {
        log(served);
    }
}

/// Looked at and left there; `None` where the client is gone.
async fn first_byte(stream: &TcpStream) -> Option<u8> {
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(1) => Some(first[0]),
        Ok(_) | Err(_) => None,
    }
}

fn log(served: hyper::Result<()>) {
    if let Err(error) = served {
        tracing::debug!(%error, "callback connection ended");
    }
}

async fn respond(
    request: &Request<Incoming>,
    flow: &Flow,
    answering: &AtomicBool,
) -> Response<Full<Bytes>> {
    let (method, uri) = (request.method(), request.uri());
    let page = if is_start(method, uri, &flow.start.path) {
        answering.store(true, Ordering::Relaxed);
        sent_on(flow).await
    } else {
        match judge(method, uri, &flow.path) {
            Ok(answer) => {
                answering.store(true, Ordering::Relaxed);
                verdict(answer, uri.query().unwrap_or_default(), flow).await
            }
            Err(refused) => refused,
        }
    };
    let status = page.status();
    tracing::debug!(status = status.as_u16(), "callback answered");
    let mut response = Response::new(Full::new(Bytes::from(page.html())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(content_security_policy()),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    if page == Page::WrongMethod {
        headers.insert(header::ALLOW, HeaderValue::from_static("GET"));
    }
    if let Page::SentOn { to } = page {
        headers.insert(header::LOCATION, to);
    }
    response
}

/// The flow pushes its request and says where it is to be found.
async fn sent_on(flow: &Flow) -> Page {
    let (click, told) = oneshot::channel();
    if flow.start.clicks.send(click).await.is_err() {
        return Page::NotFound;
    }
    match timeout(flow.deadlines.verdict, told).await {
        Ok(Ok(SentOn::To(url))) => {
            HeaderValue::try_from(url).map_or(Page::Over, |to| Page::SentOn { to })
        }
        Ok(Ok(SentOn::Used)) => Page::UsedStart,
        Ok(Ok(SentOn::Failed { code, description })) => {
            Page::Verdict(Verdict::Failed { code, description })
        }
        Ok(Err(_)) => Page::Over,
        Err(_) => Page::Slow,
    }
}

/// Hands the callback to the flow, once, and waits for what it makes of it.
async fn verdict(answer: CallbackAnswer, query: &str, flow: &Flow) -> Page {
    let mut page = match flow.repeats.brought(query) {
        Brought::Again(page) => page,
        Brought::First(decided) => {
            let page = decided.subscribe();
            // A browser that goes away does not take the verdict with it.
            tokio::spawn(decide(answer, flow.arrived.clone(), decided));
            page
        }
    };
    match timeout(flow.deadlines.verdict, page.wait_for(Option::is_some)).await {
        Ok(Ok(page)) => page.clone().unwrap_or(Page::Over),
        Ok(Err(_)) => Page::Over,
        Err(_) => Page::StillWorking,
    }
}

async fn decide(
    answer: CallbackAnswer,
    arrived: mpsc::Sender<Arrival>,
    decided: watch::Sender<Option<Page>>,
) {
    let (verdict, told) = oneshot::channel();
    let page = match arrived.send(Arrival { answer, verdict }).await {
        Ok(()) => told.await.map_or(Page::Over, Page::Verdict),
        Err(_) => Page::Over,
    };
    decided.send_replace(Some(page));
}
