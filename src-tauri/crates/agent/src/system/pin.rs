//! The process at the other end, held from the moment it connected: before anything leaves it is asked
//! whether that process still runs, and still runs the same program. A file that was replaced on disk is
//! no other program: what is compared is the image that runs.

use std::sync::{Arc, OnceLock};

use dagpass_core::policy::facts::Verified;
use dagpass_core::principal::{Lineage, Mark, Pinned};

use super::lineage::{leader, lineage};
use super::{Peer, facts, process};

pub use process::Watched;

/// What was taken note of.
#[derive(Debug)]
pub struct Pin {
    pid: u32,
    started_at: Option<u64>,
    /// `None` where the system does not show it (a hardened process, another user's).
    image: Option<process::Image>,
    watched: Option<Watched>,
    uid: Option<u32>,
    facts: OnceLock<Arc<Verified>>,
    leader: OnceLock<Mark>,
}

/// `None` where the connection does not show a process.
pub fn pin(peer: &Peer) -> Option<Arc<dyn Pinned>> {
    let pid = peer.pid.filter(|pid| *pid != 0)?;
    let (started_at, watched) = (peer.started_at, peer.watched.clone());
    let (image, uid) = (process::image(pid), peer.uid);
    let (facts, leader) = (OnceLock::new(), OnceLock::new());
    Some(Arc::new(Pin { pid, started_at, image, watched, uid, facts, leader }))
}

const ENDED: &str = "the process that asked has ended";
const ANOTHER: &str = "the process that asked runs another program now";

impl Pinned for Pin {
    fn holds(&self) -> Result<(), &'static str> {
        // The image first: a process that ends in between is found dead behind it.
        let image = process::image(self.pid);
        let alive = match &self.watched {
            Some(watched) => watched.is_alive(),
            None => process::process_alive(self.pid, self.started_at),
        };
        if !alive {
            return Err(ENDED);
        }
        if self.image.is_some() && image != self.image { Err(ANOTHER) } else { Ok(()) }
    }

    fn facts(&self) -> Arc<Verified> {
        self.facts.get_or_init(|| Arc::new(self.look())).clone()
    }

    /// Of what ran when it connected and runs still.
    fn digest(&self) -> Option<String> {
        let found = self.image.as_ref().and_then(|_| facts::digest(self.pid));
        found.filter(|_| self.holds().is_ok())
    }

    fn lineage(&self) -> Lineage {
        // Asked behind it: of one that has ended a later process may stand there, or nobody any more.
        let found = lineage(self.pid, self.started_at);
        if self.holds().is_ok() { found } else { Lineage::default() }
    }

    /// Of one that has ended it is nobody's: nothing leaves for it.
    fn leader(&self) -> Option<Mark> {
        Some(*self.leader.get_or_init(|| leader(self.pid, self.started_at)))
    }
}

impl Pin {
    /// Nothing of a process that is not the pinned one any more. A program that was not shown from the
    /// beginning may be another by now.
    fn look(&self) -> Verified {
        let mut found = facts::of(self.pid, self.uid);
        if self.image.is_none() {
            found.executable = None;
        }
        if self.holds().is_ok() { found } else { Verified::default() }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Child, Command, Stdio};

    /// A shell that says when it is there, and does as it is told.
    fn shell() -> Child {
        let mut shell = Command::new("/bin/sh");
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn tell(shell: &mut Child, command: &str) {
        writeln!(shell.stdin.as_mut().unwrap(), "{command}").unwrap();
    }

    fn wait_for_line(shell: &mut Child) {
        let mut line = String::new();
        BufReader::new(shell.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(!line.is_empty());
    }

    fn pinned(shell: &Child) -> Arc<dyn Pinned> {
        let pid = Some(shell.id());
        pin(&Peer { pid, ..Peer::default() }.examined()).unwrap()
    }

    #[test]
    fn a_process_that_runs_on_holds_and_one_that_ended_does_not() {
        let mut shell = shell();
        tell(&mut shell, "echo here");
        wait_for_line(&mut shell);
        let pin = pinned(&shell);
        assert_eq!(pin.holds(), Ok(()));
        assert!(pin.lineage().is_seen());
        tell(&mut shell, "exit");
        shell.wait().unwrap();
        assert_eq!(pin.holds(), Err(ENDED));
        assert!(!pin.lineage().is_seen(), "it comes from nobody, and so answers for nobody");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn another_program_in_the_same_process_does_not_hold() {
        let mut shell = shell();
        tell(&mut shell, "echo here");
        wait_for_line(&mut shell);
        let pin = pinned(&shell);
        tell(&mut shell, "exec cat");
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while pin.holds().is_ok() && std::time::Instant::now() < until {
            std::thread::yield_now();
        }
        assert_eq!(pin.holds(), Err(ANOTHER));
        drop(shell.stdin.take());
        shell.wait().unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_program_that_was_replaced_on_disk_is_still_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("shell");
        std::fs::copy("/bin/sh", &program).unwrap();
        let mut shell =
            Command::new(&program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        tell(&mut shell, "echo here");
        wait_for_line(&mut shell);
        let pin = pinned(&shell);
        std::fs::remove_file(&program).unwrap();
        std::fs::copy("/bin/cat", &program).unwrap();
        assert_eq!(pin.holds(), Ok(()));
        tell(&mut shell, "exit");
        shell.wait().unwrap();
    }

    #[test]
    fn a_peer_without_a_process_has_nothing_to_hold() {
        assert!(pin(&Peer::default()).is_none());
        assert!(pin(&Peer { pid: Some(0), ..Peer::default() }).is_none());
    }
}
