//! A door's listeners: takes in those that its rules let in, for as long as it is open. Never reads a
//! byte of anybody else, and answers nobody once the door is closed.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use dagpass_core::request::{Caller, Transport};

use super::gate::Gate;
use crate::local_api::Api;
use crate::local_api::accept::{self, Breath, Seat};
use crate::local_api::crowd::Guest;
use crate::local_api::door::{self, OUR_TRANSPORT, Visit};
use crate::local_api::guard::Door;
use crate::local_api::server;
use crate::local_api::turned_away::Knock;
use crate::system::{self, LocalListener, LocalStream, Peer};

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
        let mut breath = Breath::default();
        let mut lost = pin!(socket.lost());
        loop {
            let accepted = async {
                let seat = self.seat().await;
                socket.accept().await.map(|(stream, peer)| (stream, peer, seat))
            };
            let accepted = tokio::select! {
                biased;
                () = door::over(&mut ended) => return,
                accepted = accepted => Some(accepted),
                () = &mut lost => None,
            };
            match accepted {
                Some(Ok((stream, peer, seat))) => {
                    breath.well(&self.gate.id);
                    self.take_local(stream, (peer, seat));
                }
                Some(Err(error)) => breath.after(&self.gate.id, &error).await,
                None => {
                    match super::stand_by(&self.api, &self.gate) {
                        Ok(Some(again)) => socket = again,
                        Ok(None) => return,
                        Err(error) => self.gate.complain(Some(error.to_string())),
                    }
                    lost.set(socket.lost());
                }
            }
        }
    }

    /// Who is not on the list is closed without a byte.
    fn take_local(&self, stream: LocalStream, (peer, seat): (Peer, Seat)) {
        if !self.gate.lets_in(peer.uid) {
            return self.refuse(&peer, OUR_TRANSPORT);
        }
        if let Some(guest) = self.gate.crowd.welcome(self.gate.is_remote(), seat) {
            tokio::spawn(self.clone().converse_local((stream, guest), peer));
        }
    }

    async fn converse_local(self, (stream, guest): (LocalStream, Arc<Guest>), peer: Peer) {
        let visit = Visit::local(Door::Container(Arc::new(["localhost".to_owned()])), peer);
        let visit = self.through(visit);
        server::converse(self.api, stream, visit, guest).await;
    }

    async fn serve_port(self, listener: TcpListener) {
        let mut ended = self.ended.clone();
        let mut breath = Breath::default();
        let Some(rules) = &self.gate.rules.port else { return };
        let hosts: Arc<[String]> =
            rules.hosts.iter().map(|host| format!("{host}:{}", rules.port)).collect();
        loop {
            let accepted = async {
                let seat = self.seat().await;
                listener.accept().await.map(|(stream, peer)| (stream, peer, seat))
            };
            let accepted = tokio::select! {
                biased;
                () = door::over(&mut ended) => return,
                accepted = accepted => accepted,
            };
            let (stream, peer, seat) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    breath.after(&self.gate.id, &error).await;
                    continue;
                }
            };
            breath.well(&self.gate.id);
            if !system::from_the_same_link(rules.bind, peer.ip()) {
                tracing::warn!(%peer, "dropped: not from the door's own network");
                continue;
            }
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "nodelay not set");
            }
            let Some(guest) = self.gate.crowd.welcome(false, seat) else { continue };
            let door = Door::Container(hosts.clone());
            tokio::spawn(self.clone().converse_tcp((stream, guest), peer, door));
        }
    }

    async fn converse_tcp(
        self,
        (stream, guest): (TcpStream, Arc<Guest>),
        peer: SocketAddr,
        door: Door,
    ) {
        let Ok(local) = stream.local_addr() else { return self.gate.crowd.farewell(&guest) };
        let uid = accept::uid_of(local, peer).await;
        // A container's end is not in our table; a process of this machine's is, and is judged by it.
        if uid.is_some() && uid != system::own_uid() && !self.gate.lets_in(uid) {
            self.refuse(&Peer { uid, ..Peer::default() }, Transport::Tcp);
            return self.gate.crowd.farewell(&guest);
        }
        // By a bridge, and not this machine itself: the asking process runs elsewhere.
        let remote = !peer.ip().is_loopback() && peer.ip() != local.ip();
        let caller = Caller { transport: Transport::Tcp, uid, remote, ..Caller::default() };
        let visit = self.through(Visit::new(door, caller));
        server::converse(self.api, stream, visit, guest).await;
    }

    fn through(&self, visit: Visit) -> Visit {
        visit.through(self.gate.clone(), self.ended.clone())
    }

    async fn seat(&self) -> Seat {
        self.api.container_seats.take(&self.gate.crowd).await
    }

    fn refuse(&self, peer: &Peer, transport: Transport) {
        self.gate.knocked(peer.uid.unwrap_or(u32::MAX));
        let reason = "the peer's uid is not on the door's list";
        let knock = Knock { uid: peer.uid, transport, door: &self.gate.id, reason };
        self.api.turn_away(knock, &knock.caller(peer.pid));
    }
}
