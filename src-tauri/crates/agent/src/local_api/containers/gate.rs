//! One door: its folder, its capability, who may pass. Decides on a peer by what the system says of
//! it; never hands the capability to anybody but the folder.
//!
//! Why the modes are what they are. The folder stands in one of 0700, so on this machine nobody else
//! reaches it, whatever its own mode. What is mounted into a container is the folder itself, and there
//! its modes speak: 0711 and a socket of 0666, because a container's user has another uid and another
//! group than we, and an unprivileged agent cannot give files away to it. What lets a caller in is
//! neither: it is the peer's uid (`SO_PEERCRED`), and then the capability, which is readable in that
//! folder (0644) to all who are inside that container, and to nobody else.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dagpass_client::wire::{CAPABILITY_FILE, Container, ContainerAsk, RefusedUid};
use dagpass_core::principal::{Kind, Principal};
use dagpass_core::request::Caller;

use super::rules;
use crate::config::Config;
use crate::local_api::capability::{Capabilities, Holder};
use crate::local_api::crowd::Crowd;
use crate::system::{self, LocalListener};

/// How many strangers are told apart?
const STRANGERS: usize = 16;

const SOCKET: &str = "agent.sock";
const CONNECTIONS: &str = "connections.json";

/// A door and its own crowd: a container that opens connections pushes out none but its own.
#[derive(Debug)]
pub(in crate::local_api) struct Gate {
    pub(super) id: String,
    pub(super) rules: ContainerAsk,
    pub(super) folder: PathBuf,
    pub(in crate::local_api) capabilities: Capabilities,
    pub(in crate::local_api) crowd: Crowd,
    pub(in crate::local_api) misses: AtomicU32,
    /// How often each stranger was turned away, for whoever looks at the door.
    knocks: Mutex<BTreeMap<u32, u64>>,
    problem: Mutex<Option<String>>,
}

impl Gate {
    /// In `folder`, the one of all doors.
    pub(super) fn new(rules: ContainerAsk, folder: &Path) -> Self {
        let id = rules::id(&rules);
        Self {
            folder: folder.join(&id),
            id,
            rules,
            capabilities: Capabilities::default(),
            crowd: Crowd::default(),
            misses: AtomicU32::new(0),
            knocks: Mutex::default(),
            problem: Mutex::default(),
        }
    }

    /// Makes the folder and what lies in it, the capability new each time; the socket last, where the
    /// system has one that can be mounted.
    pub(super) fn stand(&self, config: Option<&Config>) -> io::Result<Option<LocalListener>> {
        system::mounted_dir(&self.folder)?;
        if !self.rules.remote {
            let holder = self.holder();
            self.capabilities.revoke(&holder.id);
            let capability = self.capabilities.grant(holder);
            system::write_mounted(&self.folder.join(CAPABILITY_FILE), capability.as_bytes())?;
        }
        // Where no config is in force what was told before stays.
        if let Some(config) = config {
            self.tell_connections(config)?;
        }
        match LocalListener::bind_mounted(&self.socket()) {
            Err(error)
                if error.kind() == io::ErrorKind::Unsupported && self.rules.port.is_some() =>
            {
                Ok(None)
            }
            bound => bound.map(Some),
        }
    }

    /// The ids it answers for, so that a container can tell "not ours" from "agent away".
    pub(super) fn tell_connections(&self, config: &Config) -> io::Result<()> {
        let Holder { kind, narrowing, .. } = self.holder();
        let principal = Principal { narrowing, ..Principal::new(kind, Caller::default()) };
        let ids = crate::local_api::routes::connection_ids(config, &principal);
        system::write_mounted(&self.folder.join(CONNECTIONS), &serde_json::to_vec(&ids)?)
    }

    /// What is left when the agent ends, or the door is closed.
    pub(super) fn tidy(&self, whole: bool) -> io::Result<()> {
        self.capabilities.revoke(&self.holder().id);
        remove(&self.folder.join(CAPABILITY_FILE))?;
        if !whole {
            return Ok(());
        }
        remove(&self.folder.join(CONNECTIONS))?;
        remove(&self.socket())?;
        match std::fs::remove_dir(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.join(SOCKET)
    }

    /// Is it on the list? A peer that the system would not name is not.
    pub(super) fn lets_in(&self, uid: Option<u32>) -> bool {
        uid.is_some_and(|uid| self.rules.uids.contains(&uid))
    }

    pub(in crate::local_api) fn id(&self) -> &str {
        &self.id
    }

    /// May this door's callers go without a capability?
    pub(in crate::local_api) fn is_remote(&self) -> bool {
        self.rules.remote
    }

    /// Counts one that was turned away.
    pub(super) fn knocked(&self, uid: u32) {
        let mut knocks = self.knocks();
        if knocks.contains_key(&uid) || knocks.len() < STRANGERS {
            *knocks.entry(uid).or_default() += 1;
        }
    }

    pub(super) fn complain(&self, problem: Option<String>) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }

    pub(super) fn shown(&self) -> Container {
        let problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let refused = self.knocks();
        let refused = refused.iter().map(|(uid, times)| RefusedUid { uid: *uid, times: *times });
        let socket = self.socket();
        Container {
            id: self.id.clone(),
            folder: self.folder.display().to_string(),
            socket: socket.exists().then(|| socket.display().to_string()),
            problem,
            rules: self.rules.clone(),
            refused: refused.collect(),
        }
    }

    /// Who comes through it: by the capability in its folder, or by a forwarded socket alone.
    pub(in crate::local_api) fn holder(&self) -> Holder {
        let id = rules::holder(&self.rules);
        let kind = if self.rules.remote { Kind::Forwarded } else { Kind::Container };
        let narrowing = rules::narrowing(&self.rules);
        Holder { narrowing, ..Holder::new(id.clone(), kind(id)) }
    }

    fn knocks(&self) -> MutexGuard<'_, BTreeMap<u32, u64>> {
        self.knocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(remote: bool) -> Gate {
        let project = if remote { "box" } else { "/etl" }.to_owned();
        let rules = ContainerAsk { project, remote, uids: vec![7], ..ContainerAsk::default() };
        Gate::new(rules, Path::new("/nowhere"))
    }

    #[test]
    fn only_a_uid_on_the_list_is_let_in_and_an_unknown_one_never() {
        let gate = gate(false);
        assert!(gate.lets_in(Some(7)));
        for uid in [None, Some(0), Some(8)] {
            assert!(!gate.lets_in(uid), "{uid:?}");
        }
    }

    #[test]
    fn a_stranger_is_counted_each_time_and_none_can_grow_our_memory() {
        let gate = gate(false);
        for uid in [9, 8, 9, 9] {
            gate.knocked(uid);
        }
        let shown = gate.shown().refused;
        assert_eq!(shown, [RefusedUid { uid: 8, times: 1 }, RefusedUid { uid: 9, times: 3 }]);
        for uid in 100..200 {
            gate.knocked(uid);
        }
        assert_eq!(gate.shown().refused.len(), STRANGERS);
    }

    #[test]
    fn a_door_is_known_by_what_it_was_made_for() {
        let far = gate(true).holder();
        assert!(matches!(far.kind, Kind::Forwarded(id) if id.starts_with("ssh-box-")));
        let near = gate(false).holder();
        assert!(matches!(near.kind, Kind::Container(id) if id.starts_with("container-etl-")));
    }
}
