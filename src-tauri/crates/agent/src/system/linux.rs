//! Linux: processes by `/proc` and pidfd; `linux/tcp.rs` for who is at the other end of TCP,
//! `linux/place.rs` for what becomes of a socket's file, `linux/surroundings.rs` for where a process stands. Asks nothing that needs a privilege.

mod sock_diag;
mod tcp;

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::process::{
    DumpableBehavior, Pid, PidfdFlags, Resource, Rlimit, dumpable_behavior, getrlimit, pidfd_open,
    set_dumpable_behavior, setrlimit,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

mod pin;
mod place;
mod surroundings;
pub use pin::Watched;
pub(super) use pin::{Image, image};
pub(super) use place::PlaceWatch;
pub(super) use surroundings::{is_adopted, program, surroundings, unit_of};
pub use tcp::{listener_holder, listener_uid, tcp_peer_processes, tcp_peer_uid};

/// `sun_path`, its closing zero included (unix(7)).
pub(super) const SOCKET_PATH_LIMIT: usize = 108;

/// Where whoever administers the machine puts what holds for everybody on it.
pub fn machine_dir() -> Option<PathBuf> {
    Some(PathBuf::from("/etc/dagpass"))
}

/// Keeps secrets out of core dumps and away from debuggers of the same user.
pub fn harden() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// What of [`harden`] holds now, in words; what does not, as an error.
pub fn shielded() -> Result<&'static str, &'static str> {
    let traceable = dumpable_behavior() != Ok(DumpableBehavior::NotDumpable);
    match (getrlimit(Resource::Core).current, traceable) {
        (Some(0), false) => {
            Ok("it leaves no core, and no process of your own user can trace it or read its memory")
        }
        (_, true) => Err("a process of your own user can trace the agent and read its memory"),
        (_, false) => Err("a crash of the agent would leave a core with secrets in it"),
    }
}

/// Clock ticks from boot to the start of the process (proc(5), `stat` field 22).
pub fn started_at(pid: u32) -> Option<u64> {
    Stat::of(pid).map(|stat| stat.started_at)
}

/// Whose it is, by its real uid. The folder of a hardened process belongs to root, so its text is read.
pub fn owner_of(pid: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().next()?.parse().ok())
}

/// The process that started it, or the one that took it over.
pub fn parent(pid: u32) -> Option<u32> {
    Stat::of(pid).map(|stat| stat.parent)
}

/// The process that leads its session; 0 where that is in none that is seen from here.
pub(super) fn session(pid: u32) -> Option<u32> {
    Stat::of(pid).map(|stat| stat.session)
}

/// Both at one look: each look at a process is a file that is opened.
pub(super) fn parent_and_session(pid: u32) -> (Option<u32>, Option<u32>) {
    Stat::of(pid).map_or((None, None), |stat| (Some(stat.parent), Some(stat.session)))
}

/// The device of its controlling terminal.
pub(super) fn terminal(pid: u32) -> Option<u32> {
    Stat::of(pid).map(|stat| stat.terminal).filter(|device| *device != 0)
}

/// What the process runs; ends in ` (deleted)` after an upgrade on disk.
pub fn executable(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// Does this very process still run? A zombie does not, nor does a later one with the same pid.
pub fn process_alive(pid: u32, started_at: Option<u64>) -> bool {
    Stat::of(pid).is_some_and(|stat| {
        !matches!(stat.state, 'Z' | 'X')
            && started_at.is_none_or(|started_at| started_at == stat.started_at)
    })
}

/// Returns when this very process has ended, reaped or not; at once where it already has.
pub async fn ended(pid: u32, started_at: Option<u64>) {
    if let Some(watched) = watch(pid) {
        // Only now, so that the descriptor is known to stand for the same process.
        if !process_alive(pid, started_at) {
            return;
        }
        match watched.ready(Interest::READABLE).await {
            Ok(_) => return,
            Err(error) => tracing::warn!(pid, %error, "pidfd not awaited"),
        }
    }
    super::poll_until_ended(pid, started_at).await;
}

/// `None` where the process is gone, or descriptors are short.
fn watch(pid: u32) -> Option<AsyncFd<OwnedFd>> {
    let known = Pid::from_raw(i32::try_from(pid).ok()?)?;
    readable(pidfd_open(known, PidfdFlags::empty()).ok()?)
}

/// To be told when it can be read. Call it inside a runtime.
fn readable(descriptor: OwnedFd) -> Option<AsyncFd<OwnedFd>> {
    #[expect(unsafe_code, reason = "tokio cannot check that a descriptor stays open")]
    // SAFETY: the descriptor is owned by what is made here, and closed only with it.
    unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }.ok()
}

/// Is `peer` in the network that our address `near` is in, by the kernel's routing table? `None` for
/// IPv6, whose table has another form, and where the address has no network of its own.
pub(super) fn on_link(near: IpAddr, peer: IpAddr) -> Option<bool> {
    let (IpAddr::V4(near), IpAddr::V4(peer)) = (near, peer) else { return None };
    same_network(&fs::read_to_string("/proc/net/route").ok()?, near, peer)
}

/// Of the networks without a gateway, the narrowest that holds `near` decides.
fn same_network(table: &str, near: Ipv4Addr, peer: Ipv4Addr) -> Option<bool> {
    let rows = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let word = |at: usize| u32::from_str_radix(fields.get(at)?, 16).ok();
        let (network, gateway, mask) = (word(1)?, word(2)?, word(7)?);
        (gateway == 0 && mask != 0).then_some((network, mask))
    });
    // The table has addresses in the machine's byte order, as they lie in memory.
    let (near, peer) = (u32::from_ne_bytes(near.octets()), u32::from_ne_bytes(peer.octets()));
    let holding = rows.filter(|(network, mask)| near & mask == *network);
    let (network, mask) = holding.max_by_key(|(_, mask)| mask.count_ones())?;
    Some(peer & mask == network)
}

struct Stat {
    state: char,
    parent: u32,
    /// The process that leads its session.
    session: u32,
    /// The device's number of its controlling terminal; 0 where it has none.
    terminal: u32,
    started_at: u64,
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name in parentheses may hold spaces and parentheses of its own.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let mut fields = rest.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        let session = fields.nth(1)?.parse().ok()?;
        let terminal = fields.next()?.parse::<i32>().ok()?.cast_unsigned();
        let started_at = fields.nth(14)?.parse().ok()?;
        Some(Self { state, parent, session, terminal, started_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hardened_process_leaves_no_core_and_cannot_be_traced() {
        harden().unwrap();
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        assert!(shielded().is_ok());
        assert!(executable(std::process::id()).is_some(), "it still sees itself");
    }

    #[test]
    fn a_process_name_with_parentheses_does_not_shift_the_fields() {
        let line = "7 (a) b (c) S 3 7 6 34816 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 9 9";
        let stat = Stat::parse(line).unwrap();
        assert_eq!((stat.state, stat.parent, stat.started_at), ('S', 3, 4242));
        assert_eq!((stat.session, stat.terminal), (6, 34816));
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_neighbour_on_another_network_is_not_on_the_bridge() {
        let table = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n\
            eth0 00000000 0101A8C0 0003 0 0 0 00000000 0 0 0\n\
            eth0 0001A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n\
            wide 000010AC 00000000 0001 0 0 0 0000F0FF 0 0 0\n\
            docker0 000011AC 00000000 0001 0 0 0 0000FFFF 0 0 0\n";
        let bridge = Ipv4Addr::new(172, 17, 0, 1);
        for (peer, expected) in [
            ([172, 17, 0, 2], Some(true)),
            ([192, 168, 1, 7], Some(false)),
            ([172, 18, 0, 2], Some(false)),
        ] {
            assert_eq!(same_network(table, bridge, peer.into()), expected, "{peer:?}");
        }
        let nowhere = Ipv4Addr::new(10, 9, 9, 9);
        assert_eq!(same_network(table, nowhere, nowhere), None);
    }
}
