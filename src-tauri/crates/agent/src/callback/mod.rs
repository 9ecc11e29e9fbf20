//! The loopback listener of one browser flow (RFC 8252 §7.3): stands on 127.0.0.1 and [::1], only
//! while the flow runs. Parses callbacks and shows the page; which callback is the flow's own is the
//! flow's to say. Never shows or logs a code.

mod page;
mod query;
mod serve;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use dagpass_core::ports::{Callbacks, Listening, Pending};
use dagpass_core::profile::Redirect;
use dagpass_core::sign_in::CallbackAnswer;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use serve::Deadlines;

/// Callbacks over TCP.
#[derive(Debug)]
pub struct LoopbackCallbacks {
    bind: fn(SocketAddr) -> io::Result<TcpListener>,
    deadlines: Deadlines,
}

/// The answer in a callback URL that a person pasted from the address bar; its path and port were
/// the browser's to find, its `state` is the flow's to judge.
pub fn pasted(url: &str) -> Option<CallbackAnswer> {
    let (_, query) = url.trim().split_once('?')?;
    let query = query.split('#').next().unwrap_or_default();
    let uri: hyper::Uri = format!("/pasted?{query}").parse().ok()?;
    query::judge(&hyper::Method::GET, &uri, "/pasted").ok()
}

impl Default for LoopbackCallbacks {
    fn default() -> Self {
        Self { bind: TcpListener::bind, deadlines: Deadlines::default() }
    }
}

impl Callbacks for LoopbackCallbacks {
    fn listen<'a>(&'a self, redirect: &'a Redirect) -> Pending<'a, Result<Listening, String>> {
        Box::pin(async move {
            let bound = self.bind_first(redirect)?;
            stand(bound, redirect, self.deadlines)
                .map_err(|error| format!("the callback listener failed: {error}"))
        })
    }
}

/// How often is another free port tried where the second family has the first one taken?
const ANY_PORT_ATTEMPTS: usize = 16;

struct Bound {
    port: u16,
    listeners: Vec<TcpListener>,
}

impl LoopbackCallbacks {
    fn bind_first(&self, redirect: &Redirect) -> Result<Bound, String> {
        let mut refused = Vec::new();
        for &port in &redirect.ports {
            let attempts = if port == 0 { ANY_PORT_ATTEMPTS } else { 1 };
            for _ in 0..attempts {
                match self.bind_both(port, redirect.host == "[::1]") {
                    Ok(bound) => return Ok(bound),
                    Err(error) => refused.push(format!("{port} ({error})")),
                }
            }
        }
        refused.dedup();
        Err(format!("no port for the callback is free: {}", refused.join(", ")))
    }

    /// The same port on both families: whoever held the other one would get half of the callbacks
    /// for `localhost`. A machine without IPv6 is no error.
    fn bind_both(&self, port: u16, needs_v6: bool) -> io::Result<Bound> {
        let v4 = (self.bind)(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let (port, v4) = match v4 {
            Ok(listener) => (listener.local_addr()?.port(), Some(listener)),
            Err(error) if needs_v6 && !is_taken(&error) => (port, None),
            Err(error) => return Err(error),
        };
        let v6 = match (self.bind)(SocketAddr::from((Ipv6Addr::LOCALHOST, port))) {
            Ok(listener) => Some(listener),
            Err(error) if needs_v6 || is_taken(&error) => return Err(error),
            Err(error) => {
                tracing::debug!(%error, "callback listener without IPv6");
                None
            }
        };
        let port = v6.as_ref().map_or(Ok(port), |v6| v6.local_addr().map(|at| at.port()))?;
        Ok(Bound { port, listeners: v4.into_iter().chain(v6).collect() })
    }
}

fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied)
}

/// How many callbacks may wait for the flow to look at them?
const WAITING: usize = 8;

fn stand(bound: Bound, redirect: &Redirect, deadlines: Deadlines) -> io::Result<Listening> {
    let (arrived, arrivals) = mpsc::channel(WAITING);
    let (running, ended) = watch::channel(());
    let path = if redirect.path.is_empty() { "/" } else { &redirect.path };
    let flow = Arc::new(serve::Flow { path: path.to_owned(), arrived, deadlines });
    let mut accepting = JoinSet::new();
    for listener in bound.listeners {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        accepting.spawn(serve::accept(listener, Arc::clone(&flow), ended.clone()));
    }
    let redirect_uri = redirect.uri(bound.port);
    tracing::debug!(redirect_uri, "callback listener stands");
    Ok(Listening {
        redirect_uri,
        arrivals,
        guard: Box::new(Guard { _accepting: accepting, _running: running }),
    })
}

/// Ends the listener when dropped; an answer that is on its way still gets its page.
struct Guard {
    _accepting: JoinSet<()>,
    _running: watch::Sender<()>,
}
