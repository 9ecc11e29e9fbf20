//! Connections to the listener: one task each, so that a silent client delays nobody, and a deadline
//! for each step.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dagpass_core::sign_in::{Arrival, CallbackAnswer};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::page::{Page, content_security_policy};
use super::query::judge;

/// How long each step may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    /// How long may a client take to send its request?
    pub(super) request: Duration,
    /// How long may the browser wait for the flow's verdict? It redeems the code in between.
    pub(super) verdict: Duration,
    /// How long may a page take to be read, once the flow is over?
    pub(super) page: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let (request, page) = (Duration::from_secs(5), Duration::from_secs(5));
        Self { request, verdict: Duration::from_secs(30), page }
    }
}

/// How many connections at once? Beyond that the oldest without a callback is closed.
const CONNECTIONS: usize = 64;
/// How long may a request's head be? Codes that are tokens run to some kilobytes.
const LONGEST_HEAD: usize = 16 * 1024;

/// What the connections of a flow share.
pub(super) struct Flow {
    pub(super) path: String,
    pub(super) arrived: mpsc::Sender<Arrival>,
    pub(super) deadlines: Deadlines,
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
    let page = match judge(request.method(), request.uri(), &flow.path) {
        Ok(answer) => {
            answering.store(true, Ordering::Relaxed);
            verdict(answer, flow).await
        }
        Err(refused) => refused,
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
    response
}

/// Hands the callback to the flow and waits for what it makes of it.
async fn verdict(answer: CallbackAnswer, flow: &Flow) -> Page {
    let (verdict, decided) = oneshot::channel();
    let decision = async {
        flow.arrived.send(Arrival { answer, verdict }).await.ok()?;
        decided.await.ok()
    };
    match timeout(flow.deadlines.verdict, decision).await {
        Ok(Some(verdict)) => Page::Verdict(verdict),
        Ok(None) => Page::Over,
        Err(_) => Page::StillWorking,
    }
}
