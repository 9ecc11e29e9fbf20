//! Who is at the other end of a connection to an upstream's door: the process that holds it, looked up once it
//! shows a phantom, which has to be its own tree's.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use dagpass_core::lanes::Lane;
use dagpass_core::principal::Principal;

use super::super::door::{self, Visit};
use super::super::{Api, accept, lanes};
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
                let visit = self.of_tree(api, phantom).await?;
                let known = (id.clone(), visit.clone());
                *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
                visit
            }
        };
        Some(door::placed(api, &visit, phantom.holder.clone()))
    }

    async fn of_tree(&self, api: &Api, phantom: &Phantom) -> Option<Arc<Visit>> {
        let (ends, uid) = (self.ends, self.uid);
        let look = || async move {
            // Reads every open file of the user's.
            let looked = accept::in_turn(move || system::tcp_peer_processes(ends.0, ends.1)).await;
            let found = looked.unwrap_or_else(|| Some(Vec::new()))?;
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
            Some(found) => one_of(found, |visit| {
                let lane = lanes::of(api, &visit.process, &phantom.holder);
                phantom.tree.has(&visit.process).then_some(lane)
            }),
        }
    }
}

/// Which of several sent a request nobody sees, so they have to be alike: all of the tree (`of_tree`: in which
/// lane), one program, one lane. Whoever has ended sends nothing.
fn one_of(found: &[Arc<Visit>], of_tree: impl Fn(&Visit) -> Option<Lane>) -> Option<Arc<Visit>> {
    let mut alive = found.iter().filter(|visit| visit.started_at.is_some());
    let first = alive.next()?;
    let lane = of_tree(first)?;
    let is_alike = |other: &Arc<Visit>| {
        other.caller.executable == first.caller.executable && of_tree(other).as_ref() == Some(&lane)
    };
    alive.all(is_alike).then(|| first.clone())
}

#[cfg(test)]
mod tests {
    use dagpass_core::lanes::{Quota, Within};
    use dagpass_core::request::Caller as Asking;

    use super::super::super::guard::Door;
    use super::*;

    #[test]
    fn of_several_that_hold_a_connection_all_are_of_the_tree_in_one_program_and_lane() {
        let visit = |pid: u32, program: &str| {
            let caller =
                Asking { pid: Some(pid), executable: Some(program.into()), ..Asking::default() };
            // Of 9 nothing is seen: it has ended.
            let started_at = (pid != 9).then_some(1);
            let mut visit = Visit::new(Door::Tcp(1), caller);
            visit.started_at = started_at;
            Arc::new(visit)
        };
        let lane_of = |visit: &Visit| match visit.caller.pid {
            Some(1..=3) => Some(Lane::Free),
            Some(4) => Some(Lane::In(Within { name: "a".into(), quota: Quota::default() })),
            _ => None,
        };
        for (found, whose) in [
            (&[(1, "a")][..], Some(1)),
            (&[(1, "a"), (2, "a")], Some(1)),
            (&[(9, "b"), (2, "a"), (3, "a")], Some(2)),
            (&[(1, "a"), (2, "b")], None),
            (&[(1, "a"), (4, "a")], None),
            (&[(1, "a"), (5, "a")], None),
            (&[(5, "a"), (1, "a")], None),
            (&[(9, "a")], None),
            (&[], None),
        ] {
            let visits: Vec<Arc<Visit>> =
                found.iter().map(|(pid, path)| visit(*pid, path)).collect();
            let one = one_of(&visits, lane_of).and_then(|visit| visit.caller.pid);
            assert_eq!(one, whose, "{found:?}");
        }
    }
}
