//! What the system says of a process, for a rule to rest on. What it does not show is absent, and so is what
//! changed while it was looked at. Decides nothing.

mod program;

use dagpass_core::policy::facts::{Parent, Verified};

use super::process;

pub(super) use program::Program;

/// How far up is a process followed towards its session's leader?
pub(super) const GENERATIONS: usize = 64;

/// Where a process stands among the others.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// From the parent up to the session's leader, nearest first. It ends where the lineage is broken:
    /// whoever took over an orphan says nothing of where it came from.
    pub(super) parents: Vec<Ancestor>,
    pub(super) terminal: Option<String>,
    pub(super) cwd: Option<std::path::PathBuf>,
    pub(super) cgroup: Option<String>,
}

/// A process further up, and the mark that tells it from a later one with its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ancestor {
    pub(super) pid: u32,
    pub(super) started_at: Option<u64>,
}

/// Of a process that is known to be the one that is meant, before and behind.
pub(super) fn of(pid: u32, uid: Option<u32>) -> Verified {
    let around = process::surroundings(pid);
    Verified {
        uid,
        executable: program::executable(pid),
        parents: around.parents.into_iter().filter_map(parent).collect(),
        terminal: around.terminal,
        cwd: around.cwd,
        cgroup: around.cgroup,
    }
}

/// Of its program alone: nothing else is looked at.
pub(super) fn digest(pid: u32) -> Option<String> {
    program::executable(pid)?.sha256
}

/// By its path: no rule sees a parent's SHA-256. `None` where it ended meanwhile: then its number may be another's.
fn parent(one: Ancestor) -> Option<Parent> {
    let found = Parent { pid: one.pid, executable: program::unread(one.pid) };
    process::process_alive(one.pid, one.started_at).then_some(found)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
