//! Who is at the other end of a connection: the principal of each request is made here and nowhere
//! else, of what the system says of the peer and of the capability that the request presents.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;

use dagpass_core::lanes::Lane;
use dagpass_core::policy::Rights;
use dagpass_core::principal::{Kind, Narrowing, Principal, Process};
use dagpass_core::request::{Caller, Transport};

use super::Api;
use super::capability::{Capabilities, Holder};
use super::containers::Gate;
use super::crowd::Crowd;
use super::guard::Door;
use super::lanes;
use super::turned_away::Knock;
use crate::system::{self, Peer};

/// How long is the longest pause after a capability that is not valid?
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What the two doors of our own are called on the record and in the log.
pub(super) const SOCKET: &str = "socket";
pub(super) const TCP: &str = "tcp";
pub(super) const OUR_TRANSPORT: Transport =
    if cfg!(windows) { Transport::Pipe } else { Transport::Socket };

/// One connection and who is at its other end.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) door: Door,
    pub(super) caller: Caller,
    pub(super) process: Process,
    /// The start mark of the calling process, against a pid that is used again.
    pub(super) started_at: Option<u64>,
    /// The door for containers that it came through, and what tells that it was closed.
    pub(super) through: Option<(Arc<Gate>, watch::Receiver<()>)>,
    /// Set where the connection turns out to carry somebody else's requests.
    relayed: OnceLock<Narrowing>,
}

impl Visit {
    pub(super) fn new(door: Door, caller: Caller) -> Self {
        Self {
            door,
            caller,
            process: Process::default(),
            started_at: None,
            through: None,
            relayed: OnceLock::new(),
        }
    }

    /// By socket or pipe: the system tells which process it is, and it is pinned from here on.
    pub(super) fn local(door: Door, peer: Peer) -> Self {
        let peer = peer.examined();
        let caller = Caller {
            transport: OUR_TRANSPORT,
            uid: peer.uid,
            pid: peer.pid,
            executable: peer.executable.clone(),
            ..Caller::default()
        };
        let process = system::pin(&peer).map_or_else(Process::default, Process::pinned);
        Self { process, started_at: peer.started_at, ..Self::new(door, caller) }
    }

    /// By a port of our own, from a process that the system shows, where it shows one.
    pub(super) fn of_process(port: u16, peer: Peer) -> Self {
        let peer = peer.examined();
        let caller = Caller {
            transport: Transport::Tcp,
            uid: peer.uid,
            pid: peer.pid,
            executable: peer.executable.clone(),
            ..Caller::default()
        };
        let process = system::pin(&peer).map_or_else(Process::default, Process::pinned);
        Self { process, started_at: peer.started_at, ..Self::new(Door::Tcp(port), caller) }
    }

    /// It came through this door, until that is closed.
    pub(super) fn through(self, gate: Arc<Gate>, ended: watch::Receiver<()>) -> Self {
        Self { through: Some((gate, ended)), ..self }
    }

    /// Returns when its door was closed.
    pub(super) async fn over(&self) {
        match &self.through {
            Some((_, ended)) => over(&mut ended.clone()).await,
            None => std::future::pending().await,
        }
    }

    /// From now on it is not its own process that asks. It narrows, so whoever says so is believed.
    pub(super) fn begin_relay(&self, narrowing: Narrowing) -> bool {
        self.relayed.set(narrowing).is_ok()
    }

    /// Whoever needs no capability here, because the connection itself tells who it is.
    fn unpresented(&self) -> Option<Holder> {
        match &self.through {
            None if self.door == Door::Local => Some(Holder::new(String::new(), Kind::Owner)),
            Some((gate, _)) if gate.is_remote() => Some(gate.holder()),
            None | Some(_) => None,
        }
    }

    pub(super) fn crowd<'a>(&'a self, api: &'a Api) -> &'a Crowd {
        self.through.as_ref().map_or(&api.crowd, |(gate, _)| &gate.crowd)
    }

    /// One of its requests got no further than the door.
    pub(super) fn turned_away(&self, api: &Api, reason: &'static str) {
        let door = match (&self.through, &self.door) {
            (Some((gate, _)), _) => gate.id(),
            (None, Door::Tcp(_)) => TCP,
            (None, Door::Local | Door::Container(_)) => SOCKET,
        };
        let Caller { uid, transport, .. } = self.caller;
        api.turn_away(Knock { uid, transport, door, reason }, &self.caller);
    }

    fn principal(&self, holder: Holder, lane: Lane) -> Principal {
        let capability = Some(holder.id).filter(|id| !id.is_empty());
        let far = matches!(holder.kind, Kind::Forwarded(_));
        let remote = self.caller.remote || far;
        let caller = Caller { capability, remote, lanes: lane.names(), ..self.caller.clone() };
        let process = match holder.kind {
            Kind::Container(_) | Kind::Forwarded(_) => self.process.clone().carrying(),
            Kind::Agent | Kind::Owner | Kind::Run(_) | Kind::Relay => self.process.clone(),
        };
        let principal = Principal {
            narrowing: holder.narrowing,
            env: holder.env,
            root: holder.root,
            process,
            lane,
            ..Principal::new(holder.kind, caller)
        };
        match self.relayed.get() {
            Some(narrowing) => relayed(principal, narrowing),
            None => principal,
        }
    }
}

/// With the rights that the relay was opened with: all of the owner's, or a door's where it is narrowed.
fn relayed(principal: Principal, narrowing: &Narrowing) -> Principal {
    let kind = match principal.kind {
        Kind::Owner => Kind::Relay,
        other => other,
    };
    let rights = match (&kind, narrowing.is_everything()) {
        (Kind::Relay, false) => Rights::DOOR,
        (kind, _) => kind.rights(),
    };
    Principal {
        kind,
        rights,
        narrowing: principal.narrowing.and(narrowing),
        caller: Caller { remote: true, ..principal.caller },
        process: principal.process.carrying(),
        ..principal
    }
}

/// Returns when the sender is gone.
pub(super) async fn over(ended: &mut watch::Receiver<()>) {
    while ended.changed().await.is_ok() {}
}

/// The caller, by its capability alone where it presents one; by the connection where not.
pub(super) async fn principal(
    api: &Api,
    visit: &Visit,
    presented: Option<&[u8]>,
) -> Option<Principal> {
    let Some(header) = presented else {
        return visit.unpresented().map(|holder| placed(api, visit, holder));
    };
    // A door for containers takes what was made for it, and nothing else; no other door takes that.
    let (capabilities, misses): (&Capabilities, _) = match &visit.through {
        Some((gate, _)) => (&gate.capabilities, &gate.misses),
        None => (&api.capabilities, &api.misses),
    };
    let capability = std::str::from_utf8(header).ok().and_then(|text| text.strip_prefix("Bearer "));
    if let Some(holder) = capability.and_then(|text| capabilities.holder(text)) {
        misses.store(0, Ordering::Relaxed);
        return Some(placed(api, visit, holder));
    }
    visit.turned_away(api, "the capability is not valid");
    pause(misses).await;
    None
}

/// Where it is, and what that leaves of what was presented.
pub(super) fn placed(api: &Api, visit: &Visit, holder: Holder) -> Principal {
    let lane = lanes::of(api, &visit.process, &holder);
    visit.principal(holder, lane)
}

/// The more misses, the longer the pause: guessing is slow, a single slip is not.
pub(super) async fn pause(misses: &AtomicU32) {
    let so_far = misses.fetch_add(1, Ordering::Relaxed);
    let pause = Duration::from_millis(1 << so_far.min(10));
    tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use dagpass_core::policy::Action;
    use dagpass_core::policy::facts::Verified;
    use dagpass_core::principal::Pinned;

    struct Seen;

    impl Pinned for Seen {
        fn holds(&self) -> Result<(), &'static str> {
            Err("held")
        }

        fn facts(&self) -> Arc<Verified> {
            Arc::new(Verified { uid: Some(7), ..Verified::default() })
        }
    }

    #[test]
    fn whoever_brings_what_another_asks_is_held_and_says_nothing_of_who_that_is() {
        let door = || "door".to_owned();
        for (kind, relayed, expected) in [
            (Kind::Owner, false, Some(7)),
            (Kind::Run("run-1".to_owned()), false, Some(7)),
            (Kind::Container(door()), false, None),
            (Kind::Forwarded(door()), false, None),
            (Kind::Owner, true, None),
            (Kind::Run("run-1".to_owned()), true, None),
        ] {
            let process = Process::pinned(Arc::new(Seen));
            let visit = Visit { process, ..Visit::new(Door::Local, Caller::default()) };
            if relayed {
                assert!(visit.begin_relay(Narrowing::default()));
            }
            let principal = visit.principal(Holder::new("id".to_owned(), kind.clone()), Lane::Free);
            assert_eq!(principal.process.facts().uid, expected, "{kind:?} {relayed}");
            assert_eq!(principal.process.holds(), Err("held"));
        }
    }

    #[test]
    fn a_relayed_caller_is_remote_and_has_the_rights_that_the_relay_was_opened_with() {
        let narrowed = Narrowing { profiles: None, connections: Some(vec!["w".to_owned()]) };
        let run = Holder::new("run-1".to_owned(), Kind::Run("run-1".to_owned()));
        let owner = Holder::new(String::new(), Kind::Owner);
        for (holder, narrowing, kind, may_sign_in) in [
            (owner.clone(), Narrowing::default(), Kind::Relay, true),
            (owner, narrowed.clone(), Kind::Relay, false),
            (run, narrowed.clone(), Kind::Run("run-1".to_owned()), false),
        ] {
            let visit = Visit::new(Door::Local, Caller::default());
            assert!(!visit.principal(holder.clone(), Lane::Free).caller.remote);
            assert!(visit.begin_relay(narrowing.clone()) && !visit.begin_relay(narrowing.clone()));
            let principal = visit.principal(holder, Lane::Free);
            assert_eq!((&principal.kind, &principal.narrowing), (&kind, &narrowing));
            assert!(principal.caller.remote && principal.may(Action::Token));
            assert_eq!(principal.may(Action::SignIn), may_sign_in, "{kind:?}");
        }
    }
}
