//! A door's listeners: takes in those that its rules let in, for as long as it is open. Never reads a
//! byte of anybody else, and answers nobody once the door is closed.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use dagpass_core::request::{Caller, Transport};

use super::gate::Gate;
use crate::local_api::Api;
use crate::local_api::guard::Door;
use crate::local_api::server::{self, LOOK, Visit};
use crate::system::{self, LocalListener, LocalStream, Peer};

/// How long after an accept that failed is the next one tried?
const BREATH: Duration = Duration::from_millis(50);

/// An open door: closed, with every connection through it, when this is dropped.
#[derive(Debug)]
pub(super) struct Open {
    ends: watch::Sender<()>,
    tasks: Vec<JoinHandle<()>>,
}

impl Open {
    /// Returns when nobody is accepted any more.
    pub(super) async fn close(self) {
        drop(self.ends);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::debug!(%error, "a listener had ended");
            }
        }
    }
}

/// 0 is any free port; the one that was found is in the answer.
pub(super) fn listen(place: SocketAddr) -> io::Result<(std::net::TcpListener, u16)> {
    let listener = std::net::TcpListener::bind(place)?;
    listener.set_nonblocking(true)?;
    let found = listener.local_addr()?.port();
    Ok((listener, found))
}

pub(super) fn open(
    api: &Arc<Api>,
    gate: &Arc<Gate>,
    socket: Option<LocalListener>,
    port: Option<std::net::TcpListener>,
) -> io::Result<Open> {
    let (ends, ended) = watch::channel(());
    let way = |ended: watch::Receiver<()>| Way { api: api.clone(), gate: gate.clone(), ended };
    let mut tasks = Vec::new();
    if let Some(socket) = socket {
        tasks.push(tokio::spawn(way(ended.clone()).serve_socket(socket)));
    }
    if let Some(port) = port {
        let port = TcpListener::from_std(port)?;
        tasks.push(tokio::spawn(way(ended).serve_port(port)));
    }
    Ok(Open { ends, tasks })
}

/// What each listener and each connection needs to know.
#[derive(Clone)]
struct Way {
    api: Arc<Api>,
    gate: Arc<Gate>,
    ended: watch::Receiver<()>,
}

impl Way {
    async fn serve_socket(self, mut socket: LocalListener) {
        let mut ended = self.ended.clone();
        loop {
            let accepted = tokio::select! {
                biased;
                () = server::over(&mut ended) => return,
                accepted = tokio::time::timeout(LOOK, socket.accept()) => accepted,
            };
            match accepted {
                Ok(Ok((stream, peer))) if self.gate.lets_in(peer.uid) => {
                    tokio::spawn(self.clone().converse_local(stream, peer));
                }
                // Closed without a byte.
                Ok(Ok((_foreign, peer))) => self.refuse(&peer),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(BREATH).await;
                }
                Err(_quiet) if socket.is_reachable() => {}
                Err(_quiet) => match self.gate.stand(self.api.config.ids().as_deref()) {
                    Ok(Some(again)) => socket = again,
                    Ok(None) => return,
                    Err(error) => self.gate.complain(Some(error.to_string())),
                },
            }
        }
    }

    async fn converse_local(self, stream: LocalStream, peer: Peer) {
        let guest = self.gate.crowd.welcome(self.gate.is_remote());
        let (caller, started_at) = server::local_caller(peer);
        let door = Door::Container(Arc::new(["localhost".to_owned()]));
        let visit = Visit { started_at, ..self.visit(door, caller) };
        server::converse(self.api, stream, visit, guest).await;
    }

    async fn serve_port(self, listener: TcpListener) {
        let mut ended = self.ended.clone();
        let Some(rules) = &self.gate.rules.port else { return };
        let hosts: Arc<[String]> =
            rules.hosts.iter().map(|host| format!("{host}:{}", rules.port)).collect();
        loop {
            let accepted = tokio::select! {
                biased;
                () = server::over(&mut ended) => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, peer)) = accepted else {
                tokio::time::sleep(BREATH).await;
                continue;
            };
            if !system::from_the_same_link(rules.bind, peer.ip()) {
                tracing::warn!(%peer, "dropped: not from the door's own network");
                continue;
            }
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "nodelay not set");
            }
            tokio::spawn(self.clone().converse_tcp(stream, peer, Door::Container(hosts.clone())));
        }
    }

    async fn converse_tcp(self, stream: TcpStream, peer: SocketAddr, door: Door) {
        let guest = self.gate.crowd.welcome(false);
        let Ok(local) = stream.local_addr() else { return self.gate.crowd.farewell(&guest) };
        let uid = tokio::task::spawn_blocking(move || system::tcp_peer_uid(local, peer)).await;
        let uid = uid.unwrap_or(None);
        // A container's end is not in our table; a process of this machine's is, and is judged by it.
        if uid.is_some() && uid != system::own_uid() && !self.gate.lets_in(uid) {
            self.refuse(&Peer { uid, ..Peer::default() });
            return self.gate.crowd.farewell(&guest);
        }
        let caller = Caller { transport: Transport::Tcp, uid, ..Caller::default() };
        let visit = self.visit(door, caller);
        server::converse(self.api, stream, visit, guest).await;
    }

    fn visit(&self, door: Door, caller: Caller) -> Visit {
        let caller = self.gate.mark(caller);
        let through = Some((self.gate.clone(), self.ended.clone()));
        Visit { door, caller, started_at: None, through }
    }

    fn refuse(&self, peer: &Peer) {
        let uid = peer.uid.unwrap_or(u32::MAX);
        if self.gate.knocked(uid, self.api.clock.now()) {
            server::refused_peer(&self.api, peer, "the peer's uid is not on the door's list");
        }
    }
}
