//! Who started whom: a process's tree up to the leader of its session, and what is above that. The agent
//! comes from nobody: whoever happened to start it has no part in what its icon and window do.

use dagpass_client::panel;
use dagpass_core::principal::{Lineage, Mark};

use super::process;

/// How far up is a process followed?
const GENERATIONS: usize = 64;
/// It is above everybody, and so says nothing.
const INIT: u32 = 1;

pub(super) fn lineage(pid: u32, started_at: Option<u64>) -> Lineage {
    let agent = std::process::id();
    let mut found = Lineage {
        unit: unit_of(pid),
        is_adopted: is_adopted(pid, agent),
        session: session(pid),
        terminal: terminal(pid),
        // Of what else it started none: what a caller named as its browser runs below it, too.
        is_of_agent: pid == agent || panel::is_open_as(pid) && process::parent(pid) == Some(agent),
        ..Lineage::default()
    };
    let mut next = Some(Mark { pid, started_at });
    let mut within = true;
    for _ in 0..GENERATIONS {
        let Some(mark) = next else { break };
        if within {
            found.tree.push(mark)
        } else if !starts_everything(mark.pid) {
            found.above.push(mark)
        }
        if mark.pid == agent {
            break;
        }
        let parent = process::parent(mark.pid).filter(|parent| *parent > INIT);
        within &= parent.is_some_and(|parent| !leads(mark.pid, parent, found.session));
        next = parent.map(|pid| Mark { pid, started_at: process::started_at(pid) });
    }
    found
}

/// The scope or service that systemd runs it in.
pub fn unit(pid: u32) -> Option<String> {
    unit_of(pid)
}

/// The last of its tree, as [`lineage`] finds it, and no look at what is above: most are started by it.
pub(super) fn leader(pid: u32, started_at: Option<u64>) -> Mark {
    let mut last = Mark { pid, started_at };
    let (mut above, session) = parent_and_session(pid);
    for _ in 0..GENERATIONS {
        if last.pid == std::process::id() || session == Some(last.pid) {
            break;
        }
        let Some(parent) = above.filter(|parent| *parent > INIT) else { break };
        let is_leader = session == Some(parent);
        if !is_leader && leads(last.pid, parent, session) {
            break;
        }
        last = Mark { pid: parent, started_at: process::started_at(parent) };
        above = if is_leader { None } else { process::parent(parent) };
    }
    last
}

/// Does it end at somebody who takes over what others leave behind? Whoever is further up began it then.
fn is_adopted(pid: u32, agent: u32) -> bool {
    let mut at = pid;
    for _ in 0..GENERATIONS {
        if at == agent {
            return false;
        }
        match process::parent(at).filter(|parent| *parent > INIT && !begins(*parent)) {
            Some(parent) => at = parent,
            None => return is_left(at, process::parent(at)),
        }
    }
    true
}

#[cfg(target_os = "linux")]
use process::{is_adopted as is_left, parent_and_session, unit_of};
#[cfg(unix)]
use process::{session, terminal};
#[cfg(unix)]
use starts_everything as begins;

#[cfg(not(target_os = "linux"))]
fn parent_and_session(pid: u32) -> (Option<u32>, Option<u32>) {
    (process::parent(pid), session(pid))
}

/// There are no units.
#[cfg(not(target_os = "linux"))]
fn unit_of(_: u32) -> Option<String> {
    None
}

/// Who starts all programs of the desktop takes over what they leave behind, too: nobody can tell.
#[cfg(target_os = "macos")]
fn is_left(_: u32, _: Option<u32>) -> bool {
    false
}

/// Nobody takes anything over, but for the desktop's own beginnings all have somebody who started them.
#[cfg(windows)]
fn is_left(pid: u32, parent: Option<u32>) -> bool {
    parent.is_none() && !begins(pid)
}

/// Another user's (the server of ssh), hardened, or what a desktop or a session begins with: it began the one
/// that asks and the one that answers, and says nothing of either.
#[cfg(unix)]
fn starts_everything(pid: u32) -> bool {
    const BEGINNINGS: [&str; 26] = [
        "Hyprland",
        "budgie-panel",
        "cinnamon",
        "cinnamon-session-binary",
        "cosmic-session",
        "dbus-broker",
        "dbus-daemon",
        "gnome-session-binary",
        "gnome-session-service",
        "gnome-shell",
        "i3",
        "ksmserver",
        "kwin_wayland",
        "kwin_x11",
        "lxqt-panel",
        "lxqt-session",
        "mate-panel",
        "mate-session",
        "plasmashell",
        "startplasma-wayland",
        "startplasma-x11",
        "sway",
        "systemd",
        "xfce4-panel",
        "xfce4-session",
        "xfdesktop",
    ];
    let name = process::executable(pid)
        .and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    process::owner_of(pid) != super::own_uid()
        || name.is_none_or(|name| BEGINNINGS.contains(&&*name))
}

/// A tree goes up to the desktop here.
#[cfg(windows)]
fn starts_everything(_: u32) -> bool {
    true
}

/// Or is all of its session that is left below its parent.
#[cfg(unix)]
fn leads(pid: u32, parent: u32, own: Option<u32>) -> bool {
    own == Some(pid) || own.is_none() || session(parent) != own
}

/// No process leads others here.
#[cfg(windows)]
fn session(_: u32) -> Option<u32> {
    None
}

/// Nor is a console a device.
#[cfg(windows)]
fn terminal(_: u32) -> Option<u32> {
    None
}

/// What the desktop or the system itself started is where a tree begins.
#[cfg(windows)]
fn leads(_: u32, parent: u32, _: Option<u32>) -> bool {
    begins(parent)
}

/// Another user's, whose program is not shown, or the desktop's.
#[cfg(windows)]
fn begins(pid: u32) -> bool {
    const DESKTOP: [&str; 5] =
        ["explorer.exe", "services.exe", "svchost.exe", "userinit.exe", "winlogon.exe"];
    let name = process::executable(pid)
        .and_then(|path| Some(path.file_name()?.to_string_lossy().to_lowercase()));
    name.is_none_or(|name| DESKTOP.contains(&&*name))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A shell in a session of its own that started another program, whose number it says.
    fn started(script: &str) -> (Child, u32) {
        let mut shell = Command::new("setsid")
            .args(["--wait", "/bin/sh", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        (shell, line.trim().parse().unwrap())
    }

    fn seen(pid: u32) -> Lineage {
        lineage(pid, process::started_at(pid))
    }

    #[test]
    fn a_tree_ends_at_the_leader_of_its_session_and_the_agent_comes_from_nobody() {
        let (mut shell, inner) = started("exec 3<&0; cat <&3 & echo $!; wait");
        let found = seen(inner);
        let leader = found.tree.last().copied().unwrap();
        assert_eq!((found.tree[0].pid, found.tree.len()), (inner, 2), "{found:?}");
        assert_eq!(found.session, Some(leader.pid));
        assert!(found.tree.iter().all(|mark| mark.started_at.is_some()));
        // We are the agent here, and above it.
        assert_eq!(found.above.last().unwrap().pid, std::process::id());
        assert!(!found.is_of_agent, "whatever we started is no window of ours");
        let own = seen(std::process::id());
        assert_eq!((own.tree.len(), own.above.len(), own.is_of_agent), (1, 0, true));
        assert!(found.is_related(&seen(leader.pid)) && found.is_related(&own));
        for pid in [inner, leader.pid, std::process::id(), std::os::unix::process::parent_id()] {
            let started_at = process::started_at(pid);
            let last = lineage(pid, started_at).tree.last().copied();
            assert_eq!(Some(super::leader(pid, started_at)), last, "{pid}");
        }
        drop(shell.stdin.take());
        shell.wait().unwrap();
    }

    #[test]
    #[ignore = "a measurement"]
    fn what_a_leader_costs() {
        let (mut shell, inner) = started("exec 3<&0; cat <&3 & echo $!; wait");
        let started_at = process::started_at(inner);
        let mut took: Vec<u128> = (0..5_000)
            .map(|_| {
                let begin = std::time::Instant::now();
                std::hint::black_box(leader(inner, started_at));
                begin.elapsed().as_nanos()
            })
            .collect();
        took.sort_unstable();
        eprintln!("p50 {} ns, p99 {} ns", took[2_500], took[4_950]);
        drop(shell.stdin.take());
        shell.wait().unwrap();
    }

    #[test]
    fn whoever_lost_who_started_it_is_seen_to_have() {
        // The one in between ends: the session goes on, and its leader is nobody's parent any more.
        let (mut shell, left) = started("exec 3<&0; (cat <&3 & echo $!); read done <&3");
        let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
        // The one between it and the leader of the session.
        let between = || process::parent(process::parent(left)?);
        while between().is_some_and(|leader| session(left) == Some(leader)) {
            assert!(std::time::Instant::now() < until, "it did not end");
            std::thread::yield_now();
        }
        // Where a subreaper is above us, that takes it over.
        if process::parent(left) == Some(INIT) {
            assert!(seen(left).is_adopted, "{:?}", seen(left));
        }
        assert!(!seen(std::process::id()).is_adopted && !seen(shell.id()).is_adopted);
        drop(shell.stdin.take());
        shell.wait().unwrap();
    }

    #[test]
    fn two_sessions_beside_each_other_are_not_related() {
        let (mut one, first) = started("exec 3<&0; cat <&3 & echo $!; wait");
        let (mut other, second) = started("exec 3<&0; cat <&3 & echo $!; wait");
        let (first, second) = (seen(first), seen(second));
        assert!(!first.is_related(&second) && !second.is_related(&first), "{first:?} {second:?}");
        // Each without a terminal, and we began both.
        assert!(first.is_beside(&second) && second.terminal.is_none(), "{first:?} {second:?}");
        let at_a_terminal = Lineage { terminal: Some(34816), ..second.clone() };
        assert!(!first.is_beside(&at_a_terminal) && at_a_terminal.is_beside(&at_a_terminal));
        for shell in [&mut one, &mut other] {
            drop(shell.stdin.take());
            shell.wait().unwrap();
        }
        assert!(seen(u32::MAX).tree.len() == 1, "nobody is there");
    }
}
