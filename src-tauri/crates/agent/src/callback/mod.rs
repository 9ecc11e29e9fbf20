//! The loopback listener of one browser flow (RFC 8252 §7.3): stands on 127.0.0.1 and [::1] while the
//! flow runs, and half a minute after it for who comes back with the same callback. Parses callbacks and shows the page; which callback is the flow's own is the
//! flow's to say, and where a browser that came to be sent to Ping goes. Never shows or logs a code.

mod lingering;
mod page;
mod query;
#[cfg(test)]
mod repeat_tests;
mod repeats;
mod serve;
#[cfg(test)]
mod start_tests;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::sync::Arc;

use dagpass_core::ports::{Callbacks, Listening, Pending, Start};
use dagpass_core::profile::Redirect;
use dagpass_core::sign_in::CallbackAnswer;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

use crate::loopback::{Bind, Both, bind_both};
use crate::random::random;
use lingering::{Guard, Lingering};
use repeats::Repeats;
use serve::{Deadlines, StartPath};

/// Callbacks over TCP.
#[derive(Debug)]
pub struct LoopbackCallbacks {
    bind: Bind,
    deadlines: Deadlines,
    lingering: Arc<Lingering>,
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
        Self { bind: TcpListener::bind, deadlines: Deadlines::default(), lingering: Arc::default() }
    }
}

impl Callbacks for LoopbackCallbacks {
    fn listen<'a>(&'a self, redirect: &'a Redirect) -> Pending<'a, Result<Listening, String>> {
        Box::pin(async move {
            self.lingering.end().await;
            let bound = self.bind_first(redirect)?;
            self.stand(bound, redirect)
                .map_err(|error| format!("the callback listener failed: {error}"))
        })
    }
}

impl LoopbackCallbacks {
    fn bind_first(&self, redirect: &Redirect) -> Result<Both, String> {
        let needed: IpAddr = match redirect.host.as_str() {
            "[::1]" => Ipv6Addr::LOCALHOST.into(),
            _ => Ipv4Addr::LOCALHOST.into(),
        };
        let mut refused = Vec::new();
        for &port in &redirect.ports {
            match bind_both(self.bind, port, needed) {
                Ok(bound) => return Ok(bound),
                Err(failed) => refused.push(format!("{port} ({})", failed.cause)),
            }
        }
        Err(format!("no port for the callback is free: {}", refused.join(", ")))
    }

    fn stand(&self, bound: Both, redirect: &Redirect) -> io::Result<Listening> {
        let (arrived, arrivals) = mpsc::channel(WAITING);
        let (start, clicks) = mpsc::channel(WAITING);
        let (running, ended) = watch::channel(());
        let path = if redirect.path.is_empty() { "/" } else { &redirect.path };
        let (by_https, repeats) = (Arc::<Notify>::default(), Arc::<Repeats>::default());
        let flow = Arc::new(serve::Flow {
            path: path.to_owned(),
            arrived,
            start: StartPath { path: format!("/start/{}", random()), clicks: start },
            by_https: by_https.clone(),
            repeats: repeats.clone(),
            deadlines: self.deadlines,
        });
        let mut accepting = JoinSet::new();
        for listener in bound.listeners {
            listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            accepting.spawn(serve::accept(listener, Arc::clone(&flow), ended.clone()));
        }
        let redirect_uri = redirect.uri(bound.port);
        let start = Redirect { path: flow.start.path.clone(), ..redirect.clone() };
        let start = Start { url: start.uri(bound.port), clicks };
        tracing::debug!(redirect_uri, "callback listener stands");
        let (lingering, span) = (self.lingering.clone(), self.deadlines.repeats);
        let guard = Guard { accepting, running: Some(running), repeats, lingering, span };
        Ok(Listening { redirect_uri, start, arrivals, by_https, guard: Box::new(guard) })
    }
}

/// How many callbacks may wait for the flow to look at them?
const WAITING: usize = 8;
