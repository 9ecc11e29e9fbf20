//! Who is at the other end of a connection to an upstream's door: the process that holds it, looked up once it
//! shows a phantom, which has to be its own tree's.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use dagpass_core::principal::Principal;

use super::super::Api;
use super::super::door::{self, Visit};
use super::phantoms::Phantom;
use crate::system::{self, Peer};

/// One connection.
#[derive(Debug)]
pub(super) struct Caller {
    /// Ours and the peer's.
    ends: (SocketAddr, SocketAddr),
    pub(super) uid: Option<u32>,
    /// The processes that hold it; `None` where the system does not tell.
    processes: OnceCell<Option<Vec<Arc<Visit>>>>,
    /// By whose phantom it was last found to be who.
    known: Mutex<Option<(String, Arc<Visit>)>>,
}

impl Caller {
    pub(super) fn new(ends: (SocketAddr, SocketAddr), uid: Option<u32>) -> Self {
        Self { ends, uid, processes: OnceCell::new(), known: Mutex::default() }
    }

    /// `None`: the phantom is another tree's.
    pub(super) async fn principal(&self, api: &Api, phantom: &Phantom) -> Option<Principal> {
        let id = &phantom.holder.id;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let visit = match known.filter(|(of, _)| of == id) {
            Some((_, visit)) => visit,
            None => {
                let visit = self.of_tree(phantom).await?;
                let known = (id.clone(), visit.clone());
                *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
                visit
            }
        };
        Some(door::placed(api, &visit, phantom.holder.clone()))
    }

    async fn of_tree(&self, phantom: &Phantom) -> Option<Arc<Visit>> {
        let (ends, uid) = (self.ends, self.uid);
        let look = || async move {
            // Reads every open file of the user's.
            let looked = spawn_blocking(move || system::tcp_peer_processes(ends.0, ends.1)).await;
            let found = looked.unwrap_or_else(|_| Some(Vec::new()))?;
            let port = ends.0.port();
            let visit =
                |pid| Visit::of_process(port, Peer { uid, pid: Some(pid), ..Peer::default() });
            Some(found.into_iter().map(|pid| Arc::new(visit(pid))).collect())
        };
        match self.processes.get_or_init(look).await {
            // The phantom alone says who it is.
            None => {
                Some(Arc::new(Visit::of_process(ends.0.port(), Peer { uid, ..Peer::default() })))
            }
            Some(found) => found.iter().find(|visit| phantom.tree.has(&visit.process)).cloned(),
        }
    }
}
